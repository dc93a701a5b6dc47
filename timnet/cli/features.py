"""``timnet corpora features``: MFCCs in the cache, made, checked, listed and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from timnet.cli import complete
from timnet.cli.context import reading
from timnet.cli.output import print_json, print_table, progress_bar, say
from timnet.errors import BadInput, UnknownName

if TYPE_CHECKING:
    from timnet.records import CorpusRecord
    from timnet.registry import Registry
    from timnet.settings import Settings


def features(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="CORPUS",
            help="Extract this corpus's MFCCs now; without it, list the cache.",
            autocompletion=complete.corpora,
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", metavar="N", min=0, max=1024, help="Processes; 0: one a core.")
    ] = 0,
    check: Annotated[bool, typer.Option("--check", help="Compare what is cached with librosa's own call.")] = False,
    remove: Annotated[
        bool, typer.Option("--rm", help="Remove the corpus's cached features instead; also by a key that is listed.")
    ] = False,
    stale: Annotated[bool, typer.Option("--stale", help="List, or with --rm remove, only what is stale.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Extract MFCCs into the cache, check or remove them, or list what is cached.

    Cached features are stale when their corpus has another version now, or the libraries have.
    """
    if name is None and (check or (remove and not stale)):
        raise BadInput(f"name the corpus whose cached features are to be {'removed' if remove else 'checked'}")
    if name is not None and (stale or (check and remove)):
        raise BadInput("--check, --rm and --stale each do another thing; --stale takes no corpus")
    with reading(context) as (registry, settings):
        if name is None:
            _cache(registry, settings, remove, stale, as_json)
        elif remove:
            _remove(registry, settings, name, as_json)
        else:
            corpus = registry.corpora.get(name)
            if check:
                _check(corpus, settings, as_json)
            else:
                _extract(corpus, settings, jobs, as_json)


def extract(corpus: CorpusRecord, settings: Settings, jobs: int | None = None) -> str:
    """Make a corpus's features where they are not there yet, with a progress bar; returns their path."""
    from timnet.features.build import features_of

    with progress_bar(f"MFCCs of {corpus.name}") as report:
        return str(features_of(corpus, settings.cache, jobs, report))


def _extract(corpus: CorpusRecord, settings: Settings, jobs: int, as_json: bool) -> None:
    from pathlib import Path

    from timnet.features.build import wanted_of

    path = extract(corpus, settings, jobs or None)
    shape = list(wanted_of(corpus).shape)
    if as_json:
        print_json({"corpus": corpus.name, "path": path, "shape": shape, "bytes": Path(path).stat().st_size})
        return
    say(f"{corpus.name}: float32 {shape} in {path}")


def _check(corpus: CorpusRecord, settings: Settings, as_json: bool) -> None:
    """Exit status 1 where a coefficient differs by more than the tolerance."""
    from timnet.features.build import check_features

    with progress_bar(f"checking {corpus.name}") as report:
        found = check_features(corpus, settings.cache, report)
    if as_json:
        print_json({"corpus": corpus.name, **found.to_dict()})
    else:
        where = f" (in {found.path})" if found.path else ""
        verdict = "within" if found.equal else "MORE THAN"
        say(
            f"{corpus.name}: {found.utterances} utterances, the largest difference of a coefficient is"
            f" {found.largest:.2g}{where}, {verdict} the tolerance of {found.tolerance:g}"
        )
    if not found.equal:
        raise typer.Exit(1)


def _remove(registry: Registry, settings: Settings, name: str, as_json: bool) -> None:
    """Remove the features of the corpus ``name``, or the entry whose key begins so."""
    from timnet.features.shelf import remove_entry, remove_of

    try:
        corpus = registry.corpora.get(name)
    except UnknownName as unknown:
        try:
            entry = remove_entry(settings.cache, name)
        except BadInput:
            raise unknown from None
        label, key = entry.corpus or name, entry.key
    else:
        label, key = corpus.name, remove_of(settings.cache, corpus)
    if as_json:
        print_json({"corpus": label, "removed": str(settings.cache / "features" / f"{key}.npy")})
        return
    say(f"removed the cached features of {label}")


def _cache(registry: Registry, settings: Settings, remove: bool, stale: bool, as_json: bool) -> None:
    """List the cache, or only what is stale in it, or remove that."""
    from timnet.features.shelf import remove_stale, shelf

    corpora = [registry.corpora.get(corpus.name) for corpus in registry.corpora.ls()]
    found = remove_stale(settings.cache, corpora) if remove else shelf(settings.cache, corpora)
    entries = [one for one in found if one.stale or not stale]
    if as_json:
        print_json([one.to_dict() for one in entries])
        return
    if not entries:
        say(f"nothing {'stale ' if stale else ''}is cached in {settings.cache}")
        return
    print_table(
        ("corpus", "key", "utterances", "size", "made", "use"),
        [
            (
                one.entry.corpus or "?",
                one.entry.key[:12],
                str(one.entry.utterances),
                _size(one.entry.bytes),
                one.entry.made,
                one.use,
            )
            for one in entries
        ],
        right=("utterances", "size"),
    )
    total = sum(one.entry.bytes for one in entries)
    say(f"{_size(total)} {'removed from' if remove else 'in'} {settings.cache}")


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"
