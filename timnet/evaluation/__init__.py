"""Scores, confusion and embeddings: arrays in, records out, no plotting."""
