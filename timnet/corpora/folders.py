"""An own corpus as a folder an emotion: ``NAME/angry/*.wav``. Nobody knows who speaks in it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from timnet.corpora.entries import MOST_ENTRIES, SUFFIXES, Entry, Listing, label_of
from timnet.corpora.findings import finding
from timnet.corpora.walk import wavs
from timnet.errors import CorpusError
from timnet.text import clean


def read_folders(folder: Path) -> Listing:
    """List the recordings of every class folder, at any depth below it; hidden files and folders do not count.

    Raises :class:`CorpusError` where there is nothing to list or a folder's name can be no class.
    """
    place = clean(str(folder))
    by_class: defaultdict[str, list[str]] = defaultdict(list)
    for path in wavs(folder, SUFFIXES):
        first, slash, _ = path.partition("/")
        by_class[first if slash else ""].append(path)
    loose = by_class.pop("", [])
    entries = [Entry(path, path, label) for name in by_class for label in [_label(name)] for path in by_class[name]]
    if not entries:
        raise CorpusError(
            f"{place} has no folder with recordings in it; put them in one folder a class"
            f" ({place}/angry/*.wav), or list them in a manifest (path, label, speaker)"
        )
    if len(entries) > MOST_ENTRIES:
        raise CorpusError(f"{place} holds more than {MOST_ENTRIES} recordings")
    return Listing(tuple(entries), tuple(finding("left out, in no class folder", loose)))


def _label(name: str) -> str:
    return label_of(name, f"folder {clean(name)}")
