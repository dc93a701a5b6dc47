"""The time, in the one form that timnet stores."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """The current time: UTC, ISO 8601, milliseconds, e.g. ``2026-01-31T09:30:00.125Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
