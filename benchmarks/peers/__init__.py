"""What others do in the same place. Run by the interpreter of ``build/bench-venv``."""
