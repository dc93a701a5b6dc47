"""The Typer front end: parse, call, print."""
