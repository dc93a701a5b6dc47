"""Telling people what happened: from events to notices, and the ways to send them."""
