"""One run in words and tables."""

from __future__ import annotations

from collections.abc import Sequence

from timnet.cli.output import print_table, score, state_text
from timnet.queue.waiting import whereabouts
from timnet.records import Run


def facts(
    run: Run,
    details: dict[str, object],
    folder: str,
    tests: str = "",
    code: Sequence[tuple[str, str]] = (),
    alone: str = "",
) -> list[tuple[str, str]]:
    """Name and value of everything a user asks first; ``tests`` names what the fold tests.

    ``code``: what it was queued with, as :meth:`timnet.provenance.Code.facts` tells it. ``alone``: what to do where no
    head looks after it (:func:`timnet.queue.waiting.alone`).
    """
    config = details["config"]
    assert isinstance(config, dict)
    label = f"{run.selection} (optimistic: the test fold chose the epoch)" if run.optimistic else run.selection
    rows = [
        ("run", f"{run.key}: {run.corpus}, fold {run.fold} of {run.folds}, seed {run.seed}, preset {run.preset}"),
        ("state", state_text(run)),
        ("waits for", run.waiting_for or ""),
        ("error", run.error or ""),
        ("protocol", f"{run.protocol}; this fold tests {tests}" if tests else run.protocol),
        ("selection", label),
        ("result", f"UAR {score(run.uar)} %, WAR {score(run.war)} %" if run.war is not None else ""),
        ("epoch", f"{run.epoch} of {run.epochs}, attempt {run.attempt}, crashes {run.crashes}"),
        ("where", whereabouts(run)),
        ("no head", alone),
        ("settings", ", ".join(f"{name} {value}" for name, value in config.items())),
        *code,
        ("files", folder),
    ]
    return [(name, value) for name, value in rows if value]


def print_confusion(found: object) -> None:
    """The confusion matrix as a table: rows are the truth."""
    if not isinstance(found, dict):
        return
    labels = found["labels"]
    rows = [[label, *(str(n) for n in row)] for label, row in zip(labels, found["matrix"], strict=True)]
    print_table(["truth \\ predicted", *labels], rows, right=labels)
