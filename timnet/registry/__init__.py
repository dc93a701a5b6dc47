"""``runs.db``: schema and migrations, and the store classes that own all SQL."""
