"""What trained networks say of recordings: the front end's side, and the engine's (``python -m timnet.prediction``)."""
