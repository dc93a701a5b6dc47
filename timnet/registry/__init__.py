"""``runs.db``: schema and migrations, and the store classes that own all SQL."""

from timnet.registry.registry import Registry

__all__ = ["Registry"]
