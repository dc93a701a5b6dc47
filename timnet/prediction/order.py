"""What the front end asks of the engine, as JSON between two processes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from timnet.errors import BadInput
from timnet.prediction.windows import Slide


@dataclass(frozen=True, slots=True)
class Order:
    """Predict ``files`` with all networks there are, and average.

    They are the files of ``weights`` (``.npz``, one a network), or all folds in the authors' zip or folder
    ``published``, which must be of ``corpus``. ``signal_length`` is in samples at 22 050 Hz; the rest is the shape
    of the networks.
    """

    corpus: str
    files: tuple[str, ...]
    slide: Slide
    signal_length: int
    classes: int
    tabs: int
    filters: int
    kernel_size: int
    variant: str = "timnet"
    weights: tuple[str, ...] = ()
    published: str | None = None

    def write(self, path: Path) -> None:
        """Write the order for :meth:`read`."""
        path.write_text(json.dumps(asdict(self)), "utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what :meth:`write` wrote. Raises :class:`BadInput`."""
        try:
            values = json.loads(path.read_text("utf-8"))
            lists = {name: tuple(values[name]) for name in ("files", "weights")}
            return cls(**{**values, **lists, "slide": Slide(values["slide"])})
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise BadInput(f"cannot read the order {path} ({error})") from error
