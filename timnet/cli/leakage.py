"""``timnet corpora leakage`` and ``timnet runs leakage``: what test sets share with training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from timnet.cli import complete
from timnet.cli.context import reading
from timnet.cli.output import print_json, print_table, say, score

if TYPE_CHECKING:
    from timnet.leakage import LeakageReport

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def of_corpus(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="CORPUS", help="A corpus, e.g. EMODB.", show_default=False, autocompletion=complete.corpora
        ),
    ],
    protocol: Annotated[
        str, typer.Option(metavar="NAME", help="How folds are made, e.g. loso.", autocompletion=complete.protocols)
    ] = "random",
    folds: Annotated[int | None, typer.Option(metavar="N", help="How many folds.")] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Seed of the folds; the published one where there is one.")
    ] = None,
    inner: Annotated[
        float, typer.Option(metavar="SHARE", help="The share of an inner validation set; it counts as training.")
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """Say what the test sets of a protocol's folds share with training: speakers, sentences, takes, sessions.

    Nothing is trained: so a protocol can be chosen before any time is spent.
    """
    from timnet.leakage import report
    from timnet.presets import preset_of
    from timnet.protocols import check_corpus, folds_of
    from timnet.queue.plan import FALL_BACK, seed_of

    with reading(context) as (registry, _):
        corpus = registry.corpora.get(name)
    check_corpus(protocol, corpus.layout)
    number = folds_of(protocol, corpus.utterances, folds, preset_of(FALL_BACK).folds_of(corpus))
    _print(report(corpus, protocol, number, seed_of(corpus) if seed is None else seed, inner), as_json=as_json)


def of_experiment(
    context: typer.Context,
    experiment: Annotated[
        int,
        typer.Argument(
            metavar="EXPERIMENT", help="An experiment, e.g. 7.", show_default=False, autocompletion=complete.experiments
        ),
    ],
    as_json: Json = False,
) -> None:
    """Say what the test sets of an experiment's folds share with what its networks were trained on."""
    from timnet.leakage import leakage_of

    with reading(context) as (registry, _):
        found = leakage_of(registry, experiment)
    _print(found, as_json=as_json)


def _print(found: LeakageReport, *, as_json: bool) -> None:
    if as_json:
        print_json(found.to_dict())
        return
    print_table(
        ("heard in training too", "% of what is tested", "of"),
        [(leak.what, score(leak.share), str(leak.of)) for leak in found.leaks],
        right=("% of what is tested", "of"),
    )
    print_table(
        ("fold", "tests", "train", "inner", "test", "no utterance of"),
        [
            (str(one.fold), one.tests, str(one.train), str(one.inner), str(one.test), ", ".join(one.missing))
            for one in found.folds
        ],
        right=("fold", "train", "inner", "test"),
        optional=("no utterance of", "tests"),
    )
    inner = f", inner validation set of {found.inner:g}" if found.inner else ""
    what = f"{found.corpus}: protocol {found.protocol}, seed {found.seed}"
    say(f"{what}, {len(found.folds)} of {found.of_folds} folds{inner}")
    if any(leak.share is None for leak in found.leaks):
        say("  - a dash: no utterance of this corpus tells it")
    for one in found.folds:
        if one.missing:
            what = f" ({one.tests})" if one.tests else ""
            say(f"  ! fold {one.fold}{what} tests no {' or '.join(one.missing)}: read the pooled UAR, not its own")
