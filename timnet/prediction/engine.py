"""The child process: recordings to features, features through every network, one mean of their answers."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from timnet.errors import BadInput, CorpusError, WeightsError
from timnet.features.mfcc import mfcc_of_signal, signal_of_bytes
from timnet.features.recipe import MfccRecipe
from timnet.imports.weights import seed_named
from timnet.model.network import NetworkShape, TimNet
from timnet.model.published import apply_published, read_published
from timnet.model.weights import load_weights
from timnet.prediction.distance import Facts
from timnet.prediction.order import Order
from timnet.prediction.windows import mean_of, window_starts
from timnet.tasks import Progress
from timnet.text import clean
from timnet.training.step import forward_of

BATCH = 256
MAX_SECONDS = 3600
MAX_FILE_BYTES = 2**31


@dataclass(slots=True)
class _Heard:
    """One recording: what it is, where its windows lie (seconds), and the answers as they come in."""

    path: str
    sha256: str = ""
    facts: Facts | None = None
    spans: list[tuple[float, float]] = field(default_factory=list)
    answers: list[tuple[float, ...]] = field(default_factory=list)
    slid: bool = False
    error: str | None = None


class Ensemble:
    """Several networks of one shape. One compiled function serves all: their weights are put in by turns."""

    def __init__(self, shape: NetworkShape, fill: Iterator[Callable[[TimNet], None]]) -> None:
        self._model = TimNet(shape)
        self._forward = forward_of(self._model)
        self._states: list[list[NDArray[np.float32]]] = []
        for put_in in fill:
            put_in(self._model)
            self._states.append([np.asarray(weight).copy() for weight in self._model.weights])

    def __len__(self) -> int:
        return len(self._states)

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """The mean of all networks' probabilities for ``features`` [n, frames, 39]: ``[n, classes]``."""
        total = np.zeros((len(features), self._model.shape.classes))
        for state in self._states:
            if len(self._states) > 1:
                for weight, value in zip(self._model.weights, state, strict=True):
                    weight.assign(value)
            scores = np.asarray(self._forward(features)[0], np.float64)
            total += np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))
        return total / len(self._states)


def predict(order: Order, report: Callable[[Progress], None]) -> dict[str, Any]:
    """Carry out ``order``; returns ``{"networks": n, "files": [...]}``, a file's object as :func:`_object` makes it.

    A recording that cannot be read is told of in its ``error`` and does not keep the others back. Raises
    :class:`timnet.errors.WeightsError` for weights that cannot be used.
    """
    recipe = MfccRecipe(order.signal_length)
    shape = NetworkShape(
        recipe.frames,
        order.classes,
        order.tabs,
        filters=order.filters,
        kernel_size=order.kernel_size,
        variant=order.variant,
    )
    report(Progress(0, len(order.files), "loading the networks"))
    ensemble = Ensemble(shape, _fill(order))
    heard: list[_Heard] = []
    waiting: list[tuple[_Heard, NDArray[np.float32]]] = []
    for done, path in enumerate(order.files, start=1):
        one = _Heard(path)
        heard.append(one)
        try:
            for features in _features(one, order, recipe):
                waiting.append((one, features))
                if len(waiting) == BATCH:
                    _answer(ensemble, waiting)
        except (BadInput, MemoryError) as error:
            one.error = str(error) or "too large for the memory"
        report(Progress(done, len(order.files), Path(path).name))
    _answer(ensemble, waiting)
    return {"networks": len(ensemble), "files": [_object(one) for one in heard]}


def _fill(order: Order) -> Iterator[Callable[[TimNet], None]]:
    """For each network what puts its weights into a model."""
    if order.published is not None:
        source = Path(order.published)
        seed_named(source, order.corpus)
        for fold in read_published(source):
            yield partial(apply_published, fold)
    for path in order.weights:
        if not Path(path).exists():
            raise WeightsError(f"the weights {clean(path)} are gone; put them back or train the run again")
        yield partial(load_weights, path=Path(path))


def _answer(ensemble: Ensemble, waiting: list[tuple[_Heard, NDArray[np.float32]]]) -> None:
    if waiting:
        answers = ensemble.probabilities(np.stack([features for _, features in waiting]))
        for (one, _), row in zip(waiting, answers.tolist(), strict=True):
            one.answers.append(tuple(row))
        waiting.clear()


def _features(one: _Heard, order: Order, recipe: MfccRecipe) -> Iterator[NDArray[np.float32]]:
    """The features of every window of a recording, float32 ``[frames, 39]``; its facts are noted first."""
    audio = _read(Path(one.path))
    info = _info(audio, one.path)
    signal = signal_of_bytes(audio, recipe, clean(one.path))
    if not np.isfinite(signal).all():
        raise CorpusError(f"{clean(one.path)} holds samples that are no numbers")
    one.sha256 = hashlib.sha256(audio).hexdigest()
    one.facts = _facts(signal, info)
    starts = window_starts(len(signal), recipe.signal_length, order.slide)
    one.slid = bool(starts)
    if not starts:
        one.spans.append(_middle(len(signal), recipe))
        yield mfcc_of_signal(signal, recipe)
    for start in starts:
        end = start + recipe.signal_length
        one.spans.append((start / recipe.sample_rate, end / recipe.sample_rate))
        yield mfcc_of_signal(signal[start:end], recipe)


def _middle(samples: int, recipe: MfccRecipe) -> tuple[float, float]:
    """What of a recording is heard when it is read as in training, in seconds."""
    kept = min(samples, recipe.signal_length)
    start = (samples - kept) // 2
    return start / recipe.sample_rate, (start + kept) / recipe.sample_rate


def _read(path: Path) -> bytes:
    where = clean(str(path))
    try:
        if not path.is_file():  # reading a pipe would wait for ever
            raise CorpusError(f"{where} is no file that can be read")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise CorpusError(f"{where} has more than {MAX_FILE_BYTES // 2**30} GiB; cut it into parts")
        audio = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"cannot read {where} ({error.strerror})") from error
    if not audio:
        raise CorpusError(f"{where} is empty")
    return audio


def _info(audio: bytes, path: str) -> Any:
    try:
        info = soundfile.info(io.BytesIO(audio))
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise CorpusError(f"{clean(path)} is not readable as audio") from error
    if info.frames <= 0:
        raise CorpusError(f"{clean(path)} holds no sound (zero samples)")
    if info.frames > MAX_SECONDS * info.samplerate:
        raise CorpusError(f"{clean(path)} lasts {info.frames / info.samplerate / 60:.0f} minutes; cut it into hours")
    return info


def _facts(signal: NDArray[np.float32], info: Any) -> Facts:
    size = np.abs(signal)
    rms = float(np.sqrt(np.mean(np.square(signal, dtype=np.float64))))
    return Facts(
        sample_rate=int(info.samplerate),
        channels=int(info.channels),
        seconds=round(info.frames / info.samplerate, 4),
        peak=float(size.max()),
        rms_db=None if rms == 0 else round(20 * float(np.log10(rms)), 2),
        clipped=float(np.mean(size >= 0.999)),
    )


def _object(one: _Heard) -> dict[str, Any]:
    """``{"path", "error"}``, or with ``sha256``, ``facts``, ``slid``, ``windows`` and the mean ``probabilities``."""
    if one.error is not None or one.facts is None:
        return {"path": one.path, "error": one.error}
    windows = [
        {"start": round(start, 4), "end": round(end, 4), "probabilities": row}
        for (start, end), row in zip(one.spans, one.answers, strict=True)
    ]
    about = {"path": one.path, "sha256": one.sha256, "facts": asdict(one.facts), "slid": one.slid}
    return {**about, "windows": windows, "probabilities": mean_of(one.answers), "error": None}
