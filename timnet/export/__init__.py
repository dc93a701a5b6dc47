"""Tables and figures from the registry."""
