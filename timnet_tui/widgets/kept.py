"""The files of a run as lines: its log, its checkpoints, what it left beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.text import Text

from timnet.records import Artifact, Checkpoint
from timnet.text import clean
from timnet_tui.looks.experiment import Whole
from timnet_tui.looks.run import Detail
from timnet_tui.palette import Palette
from timnet_tui.render import style

UNITS = ("B", "kB", "MB", "GB", "TB")
WHAT = 24


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One file. ``path`` is relative to the registry's folder; ``bytes`` None for one whose size is not recorded."""

    what: str
    path: str
    bytes: int | None = None


def files_of(shown: Detail | Whole) -> tuple[KeptFile, ...]:
    """The files of one run, or of all folds; the best first, as it is what people look for."""
    folds = {run.id: run.fold for run in shown.folds} if isinstance(shown, Whole) else {}
    return tuple(_files(shown, folds))


def _files(shown: Detail | Whole, folds: dict[int, int]) -> Iterator[KeptFile]:
    for checkpoint in shown.checkpoints:
        yield KeptFile(_of(checkpoint, f"{checkpoint.kind}, epoch {checkpoint.epoch}", folds), checkpoint.path,
                       checkpoint.bytes)  # fmt: skip
    for artifact in shown.artifacts:
        yield KeptFile(_of(artifact, artifact.kind, folds), artifact.path, artifact.bytes)
    if isinstance(shown, Detail) and shown.log_path:
        yield KeptFile("log", shown.log_path)


def _of(one: Checkpoint | Artifact, what: str, folds: dict[int, int]) -> str:
    return f"fold {folds[one.run_id]} {what}" if one.run_id in folds else what


def file_line(kept: KeptFile, colours: Palette) -> Text:
    """``best, epoch 10           1.2 MB  runs/…/best-000010.npz``."""
    text = Text(no_wrap=True).append(f"{clean(kept.what):<{WHAT}} ", style(colours.text))
    text.append(f"{size_text(kept.bytes):>8}  ", style(colours.faint))
    return text.append(clean(kept.path), style(colours.text))


def size_text(size: int | None) -> str:
    """``12.3 MB``; nothing for a size that is not known."""
    if size is None:
        return ""
    shown = float(size)
    for unit in UNITS:
        if shown < 1000 or unit == UNITS[-1]:
            break
        shown /= 1000
    return f"{size} B" if unit == "B" else f"{shown:.1f} {unit}"
