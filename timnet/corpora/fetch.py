"""Fetch the corpora that audEERING publishes with ``audb``; for the others, say where to ask.

``audb`` is an extra. It downloads from the repositories that its own configuration names, checks what it
got, and keeps the original file names, so that a fetched folder is read as any other. A fetched folder
holds ``fetched.json``: only such a folder, or a new one, is written to.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from timnet.bounded import read_json
from timnet.corpora.extras import need
from timnet.corpora.findings import Finding
from timnet.corpora.spec import spec_of
from timnet.corpora.walk import recognise
from timnet.errors import BadInput, TimnetError, as_disk_full
from timnet.files import write_text
from timnet.text import clean

RECEIPT = "fetched.json"


@dataclass(frozen=True, slots=True)
class Source:
    """Under which name, in which edition and on what terms audEERING publishes a corpus."""

    name: str
    version: str | None
    terms: str


SOURCES = {
    "EMODB": Source("emodb", "1.4.1", "open"),  # later editions hold other recordings too
    "EMOVO": Source("emovo", None, "CC BY-NC-SA 4.0, with a request to its makers"),
    "RAVDESS": Source("ravdess", "1.1.3", "CC BY-NC-SA 4.0"),
}
"""What can be fetched. A version None is the newest there is."""

WHERE_TO_ASK = {
    "CASIA": "its recordings are not public; TIM-Net's authors publish its features, which can be imported",
    "DEMO": "it is written by timnet itself: timnet demo",
    "IEMOCAP": "ask its makers with their release form, for academic use (SAIL, University of Southern California)",
    "SAVEE": "register with its makers, for academic use (University of Surrey)",
}


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: ``utterances`` of the corpus are in ``path``, and what else there is to know about it."""

    corpus: str
    path: str
    version: str
    terms: str
    layout: str
    utterances: int
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "findings": [str(found) for found in self.findings]}


def fetch(name: str, folder: Path, cache: Path, *, version: str | None = None, verbose: bool = False) -> Fetched:
    """Download the corpus ``name`` into ``folder``; interrupted, the same call goes on where it was.

    ``cache`` is where audb keeps its own tables. ``verbose`` lets audb show its progress. Raises
    :class:`BadInput` where the corpus cannot be fetched, and :class:`TimnetError` where that failed.
    """
    spec = spec_of(name)
    source = SOURCES.get(spec.name)
    if source is None:
        raise BadInput(f"{spec.name} cannot be fetched: {WHERE_TO_ASK[spec.name]}")
    audb = need("audb", "fetch", f"fetching {spec.name}")
    _claim(folder, spec.name)
    version = version or source.version or _newest(audb, source.name)
    _write_receipt(folder, spec.name, source.name, version, complete=False)
    _download(audb, folder, cache, source.name, version, verbose)
    _write_receipt(folder, spec.name, source.name, version, complete=True)
    found = recognise(folder, spec)
    return Fetched(
        spec.name, str(folder.absolute()), version, source.terms, found.layout, len(found.items), found.findings
    )


def _claim(folder: Path, corpus: str) -> None:
    """Make sure that ``folder`` is new, empty, or of an earlier fetch of the same corpus: audb replaces files."""
    place = clean(str(folder))
    if (folder / RECEIPT).exists():
        try:
            of = read_json(folder / RECEIPT)["corpus"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{place} holds a {RECEIPT} that is not timnet's; name another folder") from error
        if of != corpus:
            raise BadInput(f"{place} holds {clean(str(of))}, fetched before; name another folder for {corpus}")
        return
    scratch = scratch_of(folder)
    for path in (folder, scratch):
        if path.exists() and not (path.is_dir() and next(path.iterdir(), None) is None):
            raise BadInput(f"{clean(str(path))} is not empty; name a new folder")


def scratch_of(folder: Path) -> Path:
    """Where audb puts what it has not finished, beside ``folder``; what lies there it removes."""
    return folder.resolve().with_name(f"{folder.resolve().name}~")


def _newest(audb: Any, name: str) -> str:
    try:
        return str(audb.latest_version(name))
    except RuntimeError as error:
        raise _not_found(audb, name) from error


def _download(audb: Any, folder: Path, cache: Path, name: str, version: str, verbose: bool) -> None:
    try:
        audb.load_to(
            str(folder), name, version=version, pickle_tables=False, cache_root=str(cache / "audb"), verbose=verbose
        )
    except RuntimeError as error:
        if "Cannot find version" in str(error):
            _give_up(folder)
            raise _not_found(audb, f"{name} {version}") from error
        raise _failed(name, error) from error
    except Exception as error:  # audb passes on whatever its backends raise
        raise as_disk_full(error, f"fetching {name}") or _failed(name, error) from error


def _give_up(folder: Path) -> None:
    """Leave no trace where there was nothing to fetch."""
    with suppress(OSError):
        if [path.name for path in folder.iterdir()] == [RECEIPT]:
            (folder / RECEIPT).unlink()
            folder.rmdir()
    with suppress(OSError):
        scratch_of(folder).rmdir()


def _not_found(audb: Any, what: str) -> BadInput:
    places = ", ".join(f"{repository.name} at {repository.host}" for repository in audb.config.REPOSITORIES)
    return BadInput(
        f"audb finds no {what} in its repositories ({clean(places) or 'none'}), or cannot reach them;"
        " check the network and audb's own configuration"
    )


def _failed(name: str, error: BaseException) -> TimnetError:
    reason = clean(str(error).strip()) or type(error).__name__
    return TimnetError(f"fetching {name} failed: {reason}; run the same command again, it goes on from there")


def _write_receipt(folder: Path, corpus: str, name: str, version: str, *, complete: bool) -> None:
    receipt = {"corpus": corpus, "audb": name, "version": version, "complete": complete}
    try:
        write_text(folder / RECEIPT, json.dumps(receipt, indent=1) + "\n")
    except OSError as error:
        raise BadInput(f"cannot write to {clean(str(folder))} ({error.strerror}); name another folder") from error
