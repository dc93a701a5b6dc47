"""One fold, from data to result."""
