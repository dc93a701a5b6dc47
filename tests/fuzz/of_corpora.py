"""Corpora that somebody gave us: lists of recordings, databases, folders of names, published features."""

from __future__ import annotations

import io
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random

from tests.corpora.recordings import write_wav
from tests.features.published_files import BY_NUMPY_1, arrays, header, pickled, saved
from tests.fuzz.mutate import mutated
from tests.fuzz.reader import Reader
from timnet.corpora import own
from timnet.corpora.spec import KNOWN
from timnet.corpora.walk import guess, recognise
from timnet.errors import TimnetError
from timnet.features.published import corpus_of, read_features

MANIFEST = b"""path,label,speaker,session,sentence,start,end
a.wav,angry,s1,1,hello there,0,0.05
a.wav,angry,s1,1,,0.05,0.1
b.wav,sad,s2,2,"quoted, text",,
b.wav,sad,s2,2,,0 days 00:00:00.010,0.1
"""
DATABASE = b"""name: mine
description: |
  A database.
languages: [deu]
schemes:
  emotion: {dtype: str, labels: [angry, sad]}
  speaker: &s {dtype: str, labels: {s1: {age: 30}, s2: {age: 31}}}
tables:
  emotion:
    type: filewise
    split_id: all
    columns:
      emotion: {scheme_id: emotion}
  files:
    type: filewise
    columns:
      speaker: {scheme_id: speaker}
"""
_TABLES = (b"file,emotion\na.wav,angry\nb.wav,sad\n", b"file,speaker\na.wav,s1\nb.wav,s2\n")
_BETWEEN = b"\n%%%\n"
NAMES = {
    "EMODB": ("03a01Fa.wav", "03a01Nc.wav", "wav/03a01Wa.wav"),
    "SAVEE": ("DC/a01.wav", "DC_a01.wav"),
    "RAVDESS": ("Actor_01/03-01-01-01-01-01-01.wav", "03-01-06-01-02-01-12.wav"),
    "CASIA": ("liuchanhg/angry/201.wav",),
    "EMOVO": ("f1/dis-f1-b1.wav", "neu-m3-n5.wav"),
    "IEMOCAP": ("Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",),
}
EVALUATION = b"[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]\nC-E2:\tNeutral;\t()\n"


@cache
def _wav() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_wav(Path(folder) / "x.wav").read_bytes()


def _with_recordings(folder: Path) -> Path:
    for name in ("a.wav", "b.wav"):
        if not (folder / name).exists():
            (folder / name).write_bytes(_wav())
    return folder


def _manifest(suffix: str):
    def read(data: bytes, folder: Path) -> None:
        table = _with_recordings(folder) / f"list{suffix}"
        table.write_bytes(data)
        own.read_own(table)

    return read


def _parquets() -> list[bytes]:
    import pyarrow as pa
    from pyarrow import parquet

    found = []
    table = pa.table(
        {"path": ["a.wav", "b.wav"], "label": ["angry", "sad"], "speaker": ["s1", None], "end": [0.1, 0.05]}
    )
    timed = pa.table(
        {"file": ["a.wav", "b.wav"], "emotion": ["angry", "sad"], "start": pa.array([0, 0], pa.duration("ns"))}
    )
    for one in (table, timed):
        for options in (
            {"compression": "none"},
            {"compression": "snappy"},
            {"compression": "zstd", "use_dictionary": False},
        ):
            stream = io.BytesIO()
            parquet.write_table(one, stream, **options)
            found.append(stream.getvalue())
    return found


def _database(data: bytes, folder: Path) -> None:
    base = folder / "db"
    base.mkdir(exist_ok=True)
    _with_recordings(base)
    head, *tables = data.split(_BETWEEN)
    (base / "db.yaml").write_bytes(head)
    for name, table in zip(("emotion", "files"), tables, strict=False):
        (base / f"db.{name}.csv").write_bytes(table)
    own.read_own(base)


def _change_database(data: bytes, random: Random, reader: Reader) -> bytes:
    parts = data.split(_BETWEEN)
    place = random.choice((0, 0, 0, 1, 2))
    parts[place] = mutated(parts[place], random, reader.words)
    return _BETWEEN.join(parts)


def _names(data: bytes, folder: Path) -> None:
    """Files named as they were mutated, as every known corpus."""
    base = folder / "names"
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir()
    for line in data.split(b"\n")[:12]:
        parts = [part[:200] for part in line.replace(b"\0", b"").split(b"/") if part not in (b"", b".", b"..")]
        if parts:
            path = base.joinpath(*(part.decode("utf-8", "surrogateescape") for part in parts[:300]))
            try:
                for parent in reversed(path.parents):  # each by itself: one call with all calls itself for each
                    if len(parent.parts) > len(base.parts):
                        parent.mkdir(exist_ok=True)
                path.write_bytes(EVALUATION if path.suffix == ".txt" else b"")
            except OSError:
                continue  # a name that no filesystem takes
    with suppress(TimnetError):
        guess(base)
    for spec in KNOWN.values():
        with suppress(TimnetError):
            recognise(base, spec)
    own.read_own(base, skip_bad=True)


def _features(data: bytes, folder: Path) -> None:
    path = folder / "EMODB.npy"
    path.write_bytes(data)
    read_features(path)
    corpus_of(path, "X", ("a", "b", "c"), 96_000, 8)


def _feature_files() -> list[bytes]:
    made = [BY_NUMPY_1, saved(arrays()), saved(arrays(dtype="<f2")), saved(arrays(dtype=">f8"))]
    made += [pickled(arrays(), protocol) for protocol in range(6)]
    return [*made, header(version=2) + pickled(arrays(), 4)[len(header()) :]]


def _evaluation(data: bytes, folder: Path) -> None:
    base = folder / "IEMOCAP"
    place = base / "Session1" / "dialog" / "EmoEvaluation"
    sound = base / NAMES["IEMOCAP"][0]
    for one in (place, sound.parent):
        one.mkdir(parents=True, exist_ok=True)
    (place / "Ses01F_impro01.txt").write_bytes(data)
    sound.write_bytes(_wav())
    recognise(base, KNOWN["IEMOCAP"])


_CSV = (b",", b";", b"\t", b'"', b"path", b"file", b"label", b"nan", b"NaT", b"1 days 00:00:01.5", b"\\", b"b.wav\n")
_YAML = (
    b"- ", b": ", b"? ", b"&a ", b"*s", b"<<: *s\n", b"<<: [*s, *s]\n", b"!!float", b"!!binary", b"!!set",
    b"%YAML 1.1\n",
    b"---\n", b"...\n", b"|\n", b">-\n", b"2001-99-99", b"190:20:30", b"\xff\xfe", b"tables:\n", b"columns: ",
)  # fmt: skip
_PICKLE = (
    b"cnumpy\nndarray\n",
    b"\x93",
    b"R",
    b"b",
    b".",
    b"(",
    b"t",
    b"\x8c\x08builtins\x8c\x04eval\x93",
    b"i",
    b"o",
    b"P0\n",
)

READERS = (
    Reader("manifest-csv", lambda: [MANIFEST, MANIFEST.replace(b",", b";")], _manifest(".csv"), _CSV, share=4),
    Reader("manifest-tsv", lambda: [MANIFEST.replace(b",", b"\t")], _manifest(".tsv"), _CSV, share=3),
    Reader("manifest-parquet", _parquets, _manifest(".parquet"), share=4),
    Reader("audformat", lambda: [_BETWEEN.join((DATABASE, *_TABLES))], _database, (*_CSV, *_YAML), _change_database,
           share=4),
    Reader("names", lambda: ["\n".join(one).encode() for one in NAMES.values()], _names, share=3),
    Reader("evaluation", lambda: [EVALUATION * 3], _evaluation, share=3),
    Reader("features", _feature_files, _features, _PICKLE, share=6),
)  # fmt: skip
