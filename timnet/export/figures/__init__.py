"""Figures for papers, drawn with matplotlib without a display and without pyplot's global state."""
