"""``timnet corpora``: the recordings that experiments are made of."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timnet.cli import complete, leakage
from timnet.cli.context import creating, reading, settings_of
from timnet.cli.features import features
from timnet.cli.help import examples
from timnet.cli.output import print_json, print_table, progress_bar, say
from timnet.errors import BadInput

if TYPE_CHECKING:
    from timnet.corpora.check import CorpusCheck
    from timnet.corpora.organise import Outcome
    from timnet.records import CorpusRecord

app = typer.Typer(help="Register corpora, check them, extract their features.", no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(
        metavar="CORPUS", help="A corpus, e.g. EMODB (any case).", show_default=False, autocompletion=complete.corpora
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("ls", epilog=examples("corpora ls", "corpora ls --json"))
def ls(context: typer.Context, as_json: Json = False) -> None:
    """List the registered corpora."""
    with reading(context) as (registry, _):
        sizes = registry.corpora.sizes()
        corpora = registry.corpora.ls()
    rows = [(c, *sizes.get(c.id, (0, 0))) for c in corpora]
    if as_json:
        print_json(
            [
                {
                    "corpus": c.name,
                    "path": c.path,
                    "utterances": utterances,
                    "speakers": speakers,
                    "classes": list(c.classes),
                    "signal_length": c.signal_length,
                    "tabs": c.tabs,
                    "added": c.added,
                }
                for c, utterances, speakers in rows
            ]
        )
        return
    if not rows:
        say("no corpus yet; add one: timnet corpora add EMODB FOLDER (or see it all run: timnet demo)")
        return
    print_table(
        ("corpus", "utterances", "speakers", "classes", "path"),
        [(c.name, str(utterances), str(speakers), str(len(c.classes)), c.path) for c, utterances, speakers in rows],
        right=("utterances", "speakers", "classes"),
    )


@app.command(
    "add",
    epilog=examples(
        "corpora add EMODB ~/EMODB/wav", "corpora add CASIA CASIA.npy", "corpora add MINE mine.csv --length 95%"
    ),
)
def add(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="CORPUS",
            help="Which corpus it is, e.g. EMODB; any other name is a corpus of your own.",
            autocompletion=complete.known_corpora,
        ),
    ],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="The folder of its raw recordings, or its published .npy file. Of your own: a folder with one"
            " folder a class, a table (.csv, .tsv, .parquet: path, label, speaker), or an audformat database.",
        ),
    ],
    length: Annotated[
        str | None,
        typer.Option(
            "--length",
            metavar="LENGTH",
            help="Signal length of your own corpus: auto (holds 95% of the recordings whole), samples at 22050 Hz,"
            " or a share such as 90%.",
            show_default=False,
        ),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out recordings that cannot be used, and name them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Register a corpus from its files, which are only read."""
    from timnet.sources import read_source, register_source

    with _counting(f"reading {name}") as report:
        read = read_source(name, source, length, report, skip_bad=skip_bad)
    with creating(context) as (registry, _):
        record = register_source(registry, read)
    found = read.corpus.found
    if as_json:
        print_json(found.to_dict())
        return
    counts = f"{found.utterances} utterances, {found.speakers} speakers, {len(record.classes)} classes"
    say(f"{record.name} (laid out as {found.layout}): {counts}")
    for line in read.lengths:
        say(line)
    _say_findings(found)


@app.command(
    "combine",
    epilog=examples("corpora combine CROSS EMODB SAVEE", "corpora combine TWO EMODB EMOVO --classes angry,sad"),
)
def combine(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of its own, e.g. CROSS.", show_default=False)],
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="CORPUS",
            help="Two registered corpora or more, e.g. EMODB SAVEE.",
            show_default=False,
            autocompletion=complete.corpora,
        ),
    ],
    classes: Annotated[
        str | None,
        typer.Option("--classes", metavar="NAMES", help="The classes to take; by default the paper's five."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Put corpora together, to train on one and test on another with the protocol cross.

    It has the five classes that the paper's corpora share (angry, fear, happy, neutral, sad) and the paper's 100,000
    samples. Recordings are read where they lie.
    """
    from timnet.corpora.combined import SHARED, counts
    from timnet.sources import combine_sources, register_source

    with reading(context) as (registry, _):
        made = combine_sources(registry, name, sources, classes.split(",") if classes is not None else SHARED)
        record = register_source(registry, made)
    by_source = counts(record)
    if as_json:
        print_json({**made.corpus.found.to_dict(), "sources": by_source})
        return
    print_table(
        ("corpus", *record.classes, "utterances"),
        [(one, *map(str, found.values()), str(sum(found.values()))) for one, found in by_source.items()],
        right=(*record.classes, "utterances"),
    )
    _say_findings(made.corpus.found)
    say(f"{record.name}: {len(record.utterances)} utterances; train on it: timnet train {record.name} --protocol cross")


@app.command("check", epilog=examples("corpora check EMODB", "corpora check EMODB --json"))
def check(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Compare a registered corpus with its files now and with the published counts."""
    from timnet.sources import check_source

    with reading(context) as (registry, _):
        found = check_source(registry, name)
    if as_json:
        print_json(found.to_dict())
        return
    print_table(("class", "utterances"), [(label, str(n)) for label, n in found.classes.items()], right=("utterances",))
    say(f"{found.corpus}: {found.utterances} utterances, {found.speakers} speakers in {found.path}")
    _say_findings(found)


@app.command("rm", epilog=examples("corpora rm EMODB"))
def rm(context: typer.Context, name: Name) -> None:
    """Forget a corpus. Its files and its experiments stay."""
    with reading(context) as (registry, _):
        registry.corpora.remove(name)
    say(f"{name} is forgotten here; its files and its experiments are as they were")


app.command(
    "features",
    epilog=examples("corpora features EMODB --check", "corpora features --stale --rm", "corpora features EMODB --rm"),
)(features)


app.command(
    "leakage",
    epilog=examples("corpora leakage EMODB", "corpora leakage EMODB --protocol loso --inner 0.1 --json"),
)(leakage.of_corpus)


@app.command(
    "organise", epilog=examples("corpora organise EMODB sorted --dry-run", "corpora organise EMODB sorted --link")
)
def organise(
    context: typer.Context,
    name: Name,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="A new or empty folder, for one folder an emotion.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FOLDER", help="Raw files of a corpus that is not registered.", show_default=False
        ),
    ] = None,
    link: Annotated[
        bool, typer.Option("--link", help="Hard links (symbolic ones to another filesystem) instead of copies.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Remove what was made in TARGET, where it is unchanged.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    as_json: Json = False,
) -> None:
    """Sort a corpus into one folder an emotion. Its own files are never moved, renamed or changed.

    Names are prefixed by the speaker where they would meet. Interrupted, run it again.
    """
    from timnet.corpora import organise as sorting
    from timnet.corpora.placing import place
    from timnet.corpora.spec import canonical

    if undo and (link or source):
        raise BadInput("--undo goes by what was made; it takes neither --link nor --from")
    with _counting(f"organising {name}") as report:
        if undo:
            outcome = sorting.undo(canonical(name), target, dry_run=dry_run, on_progress=report)
        else:
            corpus = _corpus(context, canonical(name), source)
            outcome = sorting.organise(
                corpus.name,
                Path(corpus.path),
                place(corpus.utterances),
                target,
                link=link,
                dry_run=dry_run,
                on_progress=report,
            )
    if as_json:
        print_json({"corpus": canonical(name), "dry_run": dry_run, "undo": undo, **outcome.to_dict()})
    else:
        _say_outcome(outcome, "removed" if undo else "linked" if link else "copied", dry_run)
    if outcome.kept:
        raise typer.Exit(1)


def _corpus(context: typer.Context, name: str, source: Path | None) -> CorpusRecord:
    """The corpus as registered, or as it lies in ``source``."""
    if source is None:
        with reading(context) as (registry, _):
            return registry.corpora.get(name)
    from timnet.corpora.service import read_corpus

    return read_corpus(name, source).record


def _say_outcome(outcome: Outcome, what: str, dry_run: bool) -> None:
    if dry_run:
        print_table((f"to be {what}",), [(path,) for path in outcome.done])
    say(f"{outcome.target}: {len(outcome.done)} files {'to be ' if dry_run else ''}{what}")
    if outcome.before:
        say(f"  - {len(outcome.before)} were so already")
    for reason in outcome.kept:
        say(f"  ! kept {reason}")


@app.command("fetch", epilog=examples("corpora fetch EMODB ~/EMODB", "corpora fetch RAVDESS ~/RAVDESS"))
def fetch(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="CORPUS", help="EMODB, EMOVO or RAVDESS.", autocompletion=complete.known_corpora),
    ],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder for its files.")],
    edition: Annotated[
        str | None,
        typer.Option("--edition", metavar="VERSION", help="audEERING's version of it.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Download a public corpus with audb (the extra "fetch"); of another one, tell where to ask for it."""
    from timnet.corpora.fetch import fetch as download

    found = download(name, folder, settings_of(context).cache, version=edition, verbose=sys.stderr.isatty())
    if as_json:
        print_json(found.to_dict())
        return
    say(f"{found.corpus}: {found.utterances} utterances in {found.path} (edition {found.version}; {found.terms})")
    for finding in found.findings:
        say(f"  - {finding}")
    say(f"now add it: timnet corpora add {found.corpus} {shlex.quote(found.path)}")


def _say_findings(found: CorpusCheck) -> None:
    for note in found.notes:
        say(f"  - {note}")
    for problem in found.problems:
        say(f"  ! {problem}")


@contextmanager
def _counting(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar that is told how many of how many."""
    from timnet.tasks import Progress

    with progress_bar(title) as report:
        yield lambda done, total: report(Progress(done, total))
