"""Looking after a registry and its files: what is wrong, what can be put right, what may go."""
