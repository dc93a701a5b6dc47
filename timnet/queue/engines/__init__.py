"""Where training processes are started: this machine for now."""
