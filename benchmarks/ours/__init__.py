"""What timnet does, a piece for each figure. Run by the project's own interpreter."""
