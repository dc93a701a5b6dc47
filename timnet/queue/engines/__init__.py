"""Where attempts run: processes of this machine, Slurm, Ray; and the few things that the queue asks of each."""
