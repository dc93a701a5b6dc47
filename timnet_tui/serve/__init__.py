"""The interface in a browser: one process a session, behind checks of who asks."""
