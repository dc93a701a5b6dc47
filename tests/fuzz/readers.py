"""Every entrance for foreign bytes, by name."""

from __future__ import annotations

from tests.fuzz import of_audio, of_corpora, of_results, of_settings, of_the_registry, of_the_web
from tests.fuzz.reader import Reader

PARTS = (of_settings, of_corpora, of_audio, of_results, of_the_registry, of_the_web)
READERS: dict[str, Reader] = {one.name: one for part in PARTS for one in part.READERS}
"""Every entrance for foreign bytes, by name."""
