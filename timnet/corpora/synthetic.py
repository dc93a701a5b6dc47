"""DEMO, a synthetic corpus that timnet writes itself: something to train on where no corpus is at hand.

Four voices say three nonsense sentences in five emotions, three times each. A name such as
``s01_t03_angry_b.wav`` reads speaker s01, sentence t03, emotion angry, take b. The takes vary enough for
the classes to overlap, so that a network has something to learn; its scores say nothing about people.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import wave
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from timnet.bounded import read_json
from timnet.corpora.layout import CorpusSpec, Parsed, by_path
from timnet.errors import BadInput, as_disk_full
from timnet.files import sync_folder
from timnet.text import clean

if TYPE_CHECKING:
    from timnet.corpora.synthesis import Samples

SEED, SPEAKERS, SENTENCES, TAKES = 2023, 4, 3, 3
MOST_SPEAKERS, MOST_SENTENCES, MOST_TAKES = 99, 6, 26
EDITION = 1
"""Raised whenever the corpus comes to sound different, so that an older copy is not taken for this one."""

CLASSES = ("angry", "fear", "happy", "neutral", "sad")
MANIFEST = "corpus.json"

_NAME = re.compile(r"(?P<speaker>s\d\d)_(?P<sentence>t\d\d)_(?P<emotion>[a-z]+)_(?P<take>[a-z])\.wav", re.ASCII)


def parse(path: PurePosixPath) -> Parsed | None:
    """Read ``sNN_tNN_emotion_take.wav``."""
    match = _NAME.fullmatch(path.name)
    if match is None or match["emotion"] not in CLASSES:
        return None
    return Parsed(match["emotion"], match["speaker"], match["sentence"], match["take"])


def speaker_name(speaker: int) -> str:
    """The name of speaker number ``speaker`` (from 0)."""
    return f"s{speaker + 1:02d}"


@dataclass(frozen=True, slots=True)
class _Extent:
    """What decides every byte of a synthetic corpus, on one machine."""

    seed: int = SEED
    speakers: int = SPEAKERS
    sentences: int = SENTENCES
    takes: int = TAKES
    edition: int = EDITION

    def __post_init__(self) -> None:
        limits = (("speakers", MOST_SPEAKERS), ("sentences", MOST_SENTENCES), ("takes", MOST_TAKES))
        for name, most in limits:
            if not 1 <= getattr(self, name) <= most:
                raise BadInput(f"the demo corpus takes 1 to {most} {name}, not {getattr(self, name)}")
        if self.seed < 0:
            raise BadInput(f"the demo corpus takes a seed of 0 or more, not {self.seed}")

    def items(self) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
        """Each file's name with its speaker, sentence, emotion and take, all counted from 0."""
        for speaker in range(self.speakers):
            for sentence in range(self.sentences):
                for emotion, label in enumerate(CLASSES):
                    for take in range(self.takes):
                        name = f"{speaker_name(speaker)}_t{sentence + 1:02d}_{label}_{chr(ord('a') + take)}.wav"
                        yield name, (speaker, sentence, emotion, take)


DEMO = CorpusSpec(
    name="DEMO",
    layouts=(by_path("demo", "s01_t03_angry_b.wav", parse, (name for name, _ in _Extent().items())),),
    classes=CLASSES,
    signal_length=36_000,
    tabs=5,
    published_seed=None,
    language="none (synthetic)",
    class_counts=dict.fromkeys(CLASSES, SPEAKERS * SENTENCES * TAKES),
    speaker_counts={speaker_name(s): len(CLASSES) * SENTENCES * TAKES for s in range(SPEAKERS)},
    male_speakers=tuple(speaker_name(s) for s in range(0, SPEAKERS, 2)),
)


def write_corpus(
    folder: Path,
    *,
    seed: int = SEED,
    speakers: int = SPEAKERS,
    sentences: int = SENTENCES,
    takes: int = TAKES,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write the synthetic corpus as ``folder``: flat 16-bit mono WAV files at 16 kHz. Returns ``folder``.

    The files appear all at once, under their final name, so that half a corpus is never met; a complete
    one of the same arguments is left as it is. ``on_progress`` is told how many files of how many are
    written. Same arguments, same bytes, on one machine. Raises :class:`BadInput` where ``folder`` holds
    something else or cannot be written, and :class:`timnet.errors.DiskFull`.
    """
    extent = _Extent(seed, speakers, sentences, takes)
    if _is_complete(folder, extent):
        return folder
    if folder.exists() and not (folder.is_dir() and next(folder.iterdir(), None) is None):
        raise BadInput(
            f"{clean(str(folder))} holds something else than this demo corpus; remove it or name another folder"
        )
    try:
        _write_whole(folder, extent, on_progress)
    except OSError as error:
        if _is_complete(folder, extent):  # another process finished the same corpus first
            return folder
        raise as_disk_full(error, f"writing {clean(str(folder))}") or BadInput(
            f"cannot write the demo corpus to {clean(str(folder))} ({error.strerror}); name another folder"
        ) from error
    return folder


def _write_whole(folder: Path, extent: _Extent, on_progress: Callable[[int, int], None] | None) -> None:
    from timnet.corpora.casting import say

    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    try:
        items = list(extent.items())
        for done, (name, numbers) in enumerate(items, start=1):
            _write_wav(temporary / name, say(extent.seed, *numbers))
            if on_progress is not None:
                on_progress(done, len(items))
        sizes = {name: (temporary / name).stat().st_size for name, _ in items}
        (temporary / MANIFEST).write_text(json.dumps({"made": asdict(extent), "bytes": sizes}, indent=1) + "\n")
        temporary.chmod(0o755)  # mkdtemp makes private folders
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(folder.parent)


def _write_wav(path: Path, samples: Samples) -> None:
    """Write float samples in [-1, 1] as 16-bit mono WAV."""
    import numpy as np

    from timnet.corpora.synthesis import RATE

    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(RATE)
        stream.writeframes(np.round(samples * 32767).astype("<i2").tobytes())


def _is_complete(folder: Path, extent: _Extent) -> bool:
    """Whether ``folder`` holds every file of this corpus, each of the size it was written with."""
    try:
        manifest = read_json(folder / MANIFEST)
        sizes = {path.name: path.stat().st_size for path in folder.glob("*.wav")}
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("made") == asdict(extent) and manifest.get("bytes") == sizes
