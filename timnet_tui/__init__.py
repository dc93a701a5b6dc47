"""The Textual front end: screens over frozen snapshots of the registry."""
