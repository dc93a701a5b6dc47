"""Curves: from epochs to points to pictures, drawn off the event loop."""
