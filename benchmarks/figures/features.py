"""MFCCs a second beside librosa's own warm call and the published script; two processes beside one; a shared cache."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import ONE_THREAD, Bench, Row, Subject, compared
from benchmarks.sounds import write_sounds

KINDS = {"16 kHz mono": (16_000, 1), "48 kHz stereo": (48_000, 2)}
LIBROSA, SCRIPT = "librosa, warm", "librosa and CSV files"
READERS = 8


def measure(bench: Bench) -> Iterator[Row]:
    """CPU milliseconds a file (3 to 4 s of sound each)."""
    count = 40
    for kind, (rate, channels) in KINDS.items():
        folder, scratch = bench.scratch / f"sounds-{rate}", bench.scratch / f"csv-{rate}"
        scratch.mkdir()
        write_sounds(folder, count, rate, channels)
        given = {"folder": str(folder), "cache": str(bench.scratch / "cache")}
        ours = Subject("timnet", "benchmarks.ours.features:subject", given, ONE_THREAD)
        arguments = {"folder": str(folder), "scratch": str(scratch)}
        peer = Subject(LIBROSA, "benchmarks.peers.recipe:subject", arguments, ONE_THREAD, peer=True)
        with bench.children([ours, peer]) as children:
            own, theirs = ([one.cpu / count * 1e3 for one in each] for each in bench.in_turn(children, "files"))
            yield compared("features", f"a file, {kind}, CPU time", "ms", (own, theirs), LIBROSA, asked=1.7)
            children[0].ask("corpus1")
            children[1].ask("script")
            whole: list[list[float]] = [[], []]
            for _ in range(bench.turns):
                for child, what, found in zip(children, ("corpus1", "script"), whole, strict=True):
                    found.append(child.ask(what).cpu / count * 1e3)
            yield compared("features", f"a corpus's file, {kind}, CPU time", "ms", whole, SCRIPT, asked=3.0)
    yield from _processes(bench)
    yield from _shared(bench)


def _processes(bench: Bench) -> Iterator[Row]:
    """A corpus of 1,200 files by one process and by two, from nothing to the cache."""
    folder = bench.scratch / "many"
    count = 300 if bench.quick else 1_200
    write_sounds(folder, count, 16_000, 1)
    given = {"folder": str(folder), "cache": str(bench.scratch / "cache")}
    with bench.children([Subject("timnet", "benchmarks.ours.features:subject", given, ONE_THREAD)]) as (child,):
        one, two = [], []
        for _ in range(bench.turns):
            one.append(child.ask("corpus1").wall)
            two.append(child.ask("corpus2").wall)
    yield compared("features", f"{count} files by two processes, wall time", "s", (two, one), "one process", asked=1.0)


def _shared(bench: Bench) -> Iterator[Row]:
    """What each further reader of a corpus's features has in memory of its own."""
    given = {"folder": str(bench.scratch / "shared"), "megabytes": 200}
    readers = [Subject(f"reader {n}", "benchmarks.ours.readers:subject", given, ONE_THREAD) for n in range(READERS)]
    with bench.children(readers) as children:
        for child in children:
            child.ask("read")
        found = [child.ask("memory").value for child in children]
    own, shared = (sum(one[part] for one in found) / READERS for part in ("own", "shared"))
    yield Row(
        "features", f"a reader of 200 MB of features, {READERS} at once: memory of its own for them", "MB", own,
        shared, "shared by all", most=1.0, n=READERS,
    )  # fmt: skip
