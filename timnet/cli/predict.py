"""``timnet predict``: what trained networks say of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timnet.cli import complete
from timnet.cli.context import reading
from timnet.cli.help import examples
from timnet.cli.output import cells, print_json, progress_bar, say
from timnet.errors import BadInput
from timnet.text import clean

if TYPE_CHECKING:
    from timnet.prediction.service import Networks, Prediction
    from timnet.registry import Registry

EXAMPLES = examples(
    "predict call.wav --run 7.3",
    "predict recordings/ --experiment 7 --json",
    "predict call.wav --weights EMODB_46.zip --corpus EMODB",
)

WIDTH = 80
IN_FULL = 10
"""Up to so many recordings each class has its bar; beyond, a recording is a line."""

_EIGHTHS = " ▏▎▍▌▋▊▉"


def predict(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Recordings, or folders of them.")],
    run: Annotated[
        str | None, typer.Option(metavar="ID", help="Ask the network of one run.", autocompletion=complete.runs)
    ] = None,
    experiment: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Ask all finished folds; the answer is their mean.", autocompletion=complete.experiments
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="SOURCE", help="Ask the authors' weights (zip or folder); needs --corpus.")
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(
            metavar="CORPUS", help="What the --weights were trained on.", autocompletion=complete.known_corpora
        ),
    ] = None,
    slide: Annotated[
        bool | None,
        typer.Option(
            "--slide/--no-slide",
            show_default=False,
            help="Slide windows over all that exceeds one; default: over what exceeds three.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which emotion recordings hold: the probability of each class.

    Long recordings are read by windows as long as the corpus's signal length that move on by half of it; the
    answer is their mean, with a timeline. Exit status 1 where some recordings could not be read, 2 where none.
    """
    from timnet.prediction.service import audio_files
    from timnet.prediction.service import predict as ask
    from timnet.prediction.windows import Slide

    when = Slide.AUTO if slide is None else Slide.ALWAYS if slide else Slide.NEVER
    with reading(context) as (registry, _):
        networks = _networks(registry, run, experiment, weights, corpus)
        files = audio_files(paths)
        with progress_bar(f"asking {networks.description}") as report:
            found = ask(registry, networks, files, when, report)
    good = [one for one in found if one.error is None]
    bad = [one for one in found if one.error is not None]
    if not good and len(bad) == 1:
        raise BadInput(bad[0].error or "")
    if as_json:
        print_json([_object(networks, one) for one in found])
    elif good:
        typer.echo("\n".join(_shown(good)))
        say(f"by {networks.description}, n = {good[0].networks}")
    for one in bad:
        say(f"! {one.error}")
    if bad:
        raise typer.Exit(1 if good else 2)


def _networks(
    registry: Registry, run: str | None, experiment: int | None, weights: Path | None, corpus: str | None
) -> Networks:
    from timnet.prediction import service

    if sum(one is not None for one in (run, experiment, weights)) != 1:
        raise BadInput("name what to ask by one of --run, --experiment or --weights (with --corpus)")
    if (weights is None) != (corpus is None):
        raise BadInput("--weights and --corpus go together: the corpus tells the classes of the weights")
    if run is not None:
        return service.networks_of_run(registry, run)
    if experiment is not None:
        return service.networks_of_experiment(registry, experiment)
    assert weights is not None
    assert corpus is not None
    return service.networks_of_weights(registry, weights, corpus)


def _shown(found: Sequence[Prediction]) -> list[str]:
    if len(found) > IN_FULL:
        names = max(min(max(cells(_name(one)) for one in found), 36), 8)
        return [line for one in found for line in _brief(one, names)]
    blocks = [_full(one) for one in found]
    return [line for place, block in enumerate(blocks) for line in ([""] if place else []) + block]


def _full(one: Prediction) -> list[str]:
    """A recording with a bar for each class, its doubts and, where windows slid, its timeline."""
    assert one.facts is not None
    size = max(map(cells, one.classes))
    lines = [_cut(_name(one), WIDTH - 12) + f"  {one.facts.seconds:.2f} s"]
    for name, share in zip(one.classes, one.probabilities, strict=True):
        mark = ">" if name == one.label else " "
        lines.append(f"{mark} {_padded(name, size)}  {share:.3f}  {_bar(share, WIDTH - size - 11)}".rstrip())
    return [*lines, *(f"  ! {doubt}" for doubt in one.doubts), *_timeline(one, size)]


def _brief(one: Prediction, names: int) -> list[str]:
    best = max(one.probabilities)
    size = max(map(cells, one.classes))
    start = f"{_padded(_cut(_name(one), names), names)}  {_padded(one.label or '', size)}  {best:.3f}  "
    return [(start + _bar(best, WIDTH - cells(start))).rstrip(), *(f"  ! {doubt}" for doubt in one.doubts)]


def _timeline(one: Prediction, size: int) -> list[str]:
    from timnet.prediction.windows import timeline

    if len(one.windows) < 2:
        return []
    lines = [f"  timeline, {len(one.windows)} windows:"]
    for part in timeline(one.windows):
        span = f"{_clock(part.start)} - {_clock(part.end)}"
        bar = _bar(part.probability, WIDTH - size - 30)
        lines.append(f"  {span:>19}  {_padded(one.classes[part.best], size)}  {part.probability:.3f}  {bar}".rstrip())
    return lines


def _bar(share: float, width: int) -> str:
    eighths = round(min(max(share, 0.0), 1.0) * max(width, 8) * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _clock(seconds: float) -> str:
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def _name(one: Prediction) -> str:
    return clean(one.path)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def _cut(text: str, width: int) -> str:
    """The end of ``text`` where it is too wide: the file's name tells more than its folders."""
    if cells(text) <= width:
        return text
    while cells(text) > width - 1:
        text = text[1:]
    return "…" + text


def _object(networks: Networks, one: Prediction) -> dict[str, object]:
    """One recording as ``--json`` prints it; the keys are only ever added to."""

    def shares(probabilities: Sequence[float]) -> dict[str, float]:
        return dict(zip(one.classes, probabilities, strict=True))

    return {
        "path": one.path,
        "corpus": networks.corpus.name,
        "networks": one.networks,
        "label": one.label,
        "probabilities": shares(one.probabilities) if one.probabilities else None,
        "seconds": one.facts.seconds if one.facts else None,
        "sample_rate": one.facts.sample_rate if one.facts else None,
        "channels": one.facts.channels if one.facts else None,
        "rms_db": one.facts.rms_db if one.facts else None,
        "windows": [
            {
                "start": window.start,
                "end": window.end,
                "label": one.classes[window.best],
                "probabilities": shares(window.probabilities),
            }
            for window in one.windows
        ],
        "warnings": list(one.doubts),
        "error": one.error,
    }
