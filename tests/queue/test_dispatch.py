"""Giving runs to an engine: what each job gets, and what becomes of runs that could not be given."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.queue.processes import wait_until
from tests.remote.stand_in import UTTERANCES, fill_cache, small_registry
from tests.support import add_corpus, add_experiment
from timnet import settings as settings_module
from timnet.errors import BadInput, DiskFull, Stopped
from timnet.features.build import wanted_of
from timnet.features.cache import FeatureCache
from timnet.paths import AttemptPaths
from timnet.provenance import loaded
from timnet.queue import dispatch as dispatch_module
from timnet.queue import shipping
from timnet.queue.dispatch import Dispatch
from timnet.queue.engines.engine import EngineAway, Phase, Status
from timnet.records import CorpusRecord, Run, RunState
from timnet.remote.parcel import Parcel


class Taking:
    """An engine that takes jobs, or raises what it is told to."""

    name = "away"

    def __init__(self) -> None:
        self.taken: list[AttemptPaths] = []
        self.refuses: Exception | None = None

    def submit(self, tasks: Sequence[AttemptPaths]) -> list[str]:
        if self.refuses is not None:
            raise self.refuses
        self.taken += tasks
        return [str(len(self.taken) - len(tasks) + number) for number, _ in enumerate(tasks)]

    def poll(self, ids: Sequence[str]) -> Mapping[str, Status]:
        return {job: Status(Phase.PENDING, "Resources") for job in ids}

    def cancel(self, ids: Iterable[str]) -> None: ...

    def find(self, _: AttemptPaths) -> str | None:
        return None

    def exchange(self, job: str, folder: AttemptPaths) -> None: ...

    def forget(self, job: str, folder: AttemptPaths) -> None: ...


class Desk:
    """A registry with waiting runs, and a dispatch for them."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.registry = small_registry(folder, runs)
        self.shared = folder / "shared"
        (self.shared / "features").mkdir(parents=True)
        self.engine, self.said = Taking(), []  # type: ignore[var-annotated]
        self.settings = replace(settings_module.load(), cache=folder / "cache")
        self.dispatch = Dispatch(self.registry, self.settings, self.engine, self.shared, "head", self.said.append)

    def runs(self) -> list[Run]:
        return self.registry.runs.ls()

    def states(self) -> set[RunState]:
        return {run.state for run in self.runs()}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = Desk(tmp_path, 10)
    yield one
    one.registry.close()


def test_sixty_runs_of_a_corpus_read_it_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = desk.registry.corpora.get("EMODB")
    for seed in range(47, 52):
        add_experiment(desk.registry, corpus, seed=seed)
    read, folded = [], []
    by_id, make_folds = type(desk.registry.corpora).by_id, dispatch_module.make_folds
    monkeypatch.setattr(type(desk.registry.corpora), "by_id", lambda *a: read.append(a) or by_id(*a))
    monkeypatch.setattr(dispatch_module, "make_folds", lambda *a: folded.append(a) or make_folds(*a))
    assert desk.dispatch.give(60) == 60
    assert (len(read), len(folded)) == (1, 6)
    parcels = {parcel.key: parcel for parcel in (Parcel.read(folder.parcel) for folder in desk.engine.taken)}
    assert len(parcels) == 60
    for number in range(1, 7):
        tests = [parcels[f"{number}.{fold}"].test for fold in range(1, 11)]
        assert sorted(item for some in tests for item in some) == list(range(UTTERANCES))
    cache, wanted = FeatureCache(desk.shared), wanted_of(corpus)
    assert cache.lookup(wanted.key, wanted.shape) is not None
    assert [line for line in desk.said if "features" in line] == [f"EMODB: its features are in {desk.shared}"]


class Slow:
    """Extraction that lasts until it may end, or is stopped; ``error`` is what it then raises."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.may_end, self.begun, self.error = threading.Event(), [], None  # type: ignore[var-annotated]
        self.stopped = False
        self._made, self._found = shipping.features_of, shipping.find_features
        monkeypatch.setattr(shipping, "features_of", self._make)
        monkeypatch.setattr(shipping, "find_features", self._find)

    def _find(self, corpus: CorpusRecord, root: Path) -> Path | None:
        return None if corpus.name == "EMODB" and not self.may_end.is_set() else self._found(corpus, root)

    def _make(self, corpus: CorpusRecord, root: Path, stop: threading.Event) -> Path:
        self.begun.append(corpus.name)
        while not self.may_end.wait(0.01):
            if stop.is_set():
                self.stopped = True
                raise Stopped("stopped")
        if self.error:
            raise self.error
        return self._made(corpus, root)


def test_while_the_features_of_one_corpus_are_made_the_runs_of_others_are_given(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch)
    assert desk.dispatch.give(3) == 0
    other = add_corpus(desk.registry, "SAVEE", utterances=UTTERANCES + 7)
    fill_cache(desk.settings.cache, other)
    add_experiment(desk.registry, other, folds=3)
    assert [desk.dispatch.give(4), desk.dispatch.give(4)] == [3, 0]
    assert {run.corpus for run in desk.runs() if run.state is RunState.RUNNING} == {"SAVEE"}
    assert {run.attempt for run in desk.runs() if run.corpus == "EMODB"} == {0}, "no attempt is spent on waiting"
    slow.may_end.set()
    wait_until(lambda: desk.dispatch.give(4) == 4, 20, "for runs to be given")
    assert slow.begun == ["EMODB"]
    desk.dispatch.close()


def test_features_that_cannot_be_made_fail_their_runs_and_are_tried_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch)
    assert desk.dispatch.give(1) == 0
    slow.error = BadInput("x.wav is gone")
    slow.may_end.set()
    monkeypatch.setattr(slow, "_found", lambda *_: None)
    wait_until(lambda: desk.dispatch.give(1) == 1, 20, "for a run to be taken")
    [failed] = [run for run in desk.runs() if run.state is RunState.FAILED]
    assert failed.error == "x.wav is gone"
    slow.error = None
    wait_until(lambda: desk.dispatch.give(1) == 1, 20, "for a run to be given")
    assert len([run for run in desk.runs() if run.state is RunState.RUNNING]) == 1
    assert slow.begun == ["EMODB", "EMODB"]
    desk.dispatch.close()


def test_a_head_that_ends_ends_the_extraction_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(monkeypatch)
    desk.dispatch.give(1)
    wait_until(lambda: slow.begun, 20, "for the extraction to begin")
    desk.dispatch.close()
    assert slow.stopped
    assert desk.states() == {RunState.QUEUED}


def test_a_job_is_told_with_what_code_its_run_was_queued(desk: Desk) -> None:
    add_experiment(desk.registry, desk.registry.corpora.get("EMODB"), seed=50, folds=2, code=loaded())
    desk.dispatch.give(12)
    codes = {parcel.key: parcel.code for parcel in (Parcel.read(folder.parcel) for folder in desk.engine.taken)}
    assert codes["1.1"] is None
    assert codes["2.1"] == loaded().to_dict()


@pytest.mark.parametrize(
    "error", [EngineAway("it is restarted"), DiskFull("no space left on the disk at x"), OSError(5, "x")]
)
def test_what_cannot_be_given_now_waits_again_and_is_tried_with_one_run_later(
    desk: Desk, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(dispatch_module.time, "monotonic", lambda: clock[0])
    desk.engine.refuses = error
    with pytest.raises(type(error)):
        desk.dispatch.give(4)
    assert desk.states() == {RunState.QUEUED}
    assert [run.attempt for run in desk.runs()][:5] == [1, 1, 1, 1, 0]
    assert str(error) in (desk.runs()[0].waiting_for or "")
    assert {run.crashes for run in desk.runs()} == {0}
    assert desk.dispatch.give(4) == 0
    tried = 0
    for _ in range(20):
        clock[0] += 60.0
        try:
            desk.dispatch.give(4)
        except type(error):
            tried += 1
    assert 4 <= tried <= 10  # within twenty minutes, less and less often
    assert sum(run.attempt for run in desk.runs()) == 4 + tried
    desk.engine.refuses = None
    clock[0] += 400.0
    assert desk.dispatch.give(4) == 1
    assert desk.dispatch.give(4) == 4


def test_what_an_engine_refuses_for_good_is_raised_and_the_runs_wait(desk: Desk) -> None:
    desk.engine.refuses = BadInput("no such partition")
    with pytest.raises(BadInput, match="partition"):
        desk.dispatch.give(4)
    assert desk.states() == {RunState.QUEUED}


def test_a_run_that_cannot_be_packed_fails_alone(desk: Desk) -> None:
    broken = add_corpus(desk.registry, "SAVEE", UTTERANCES)
    desk.registry.db.connection.execute("UPDATE utterances SET sha256 = '' WHERE corpus_id = ?", (broken.id,))
    add_experiment(desk.registry, broken, folds=2)
    assert desk.dispatch.give(12) == 12
    assert len(desk.engine.taken) == 10
    failed = desk.registry.runs.ls("state:failed")
    assert [run.corpus for run in failed] == ["SAVEE", "SAVEE"]
    assert all("add the corpus again" in (run.error or "") for run in failed)


def test_a_shared_folder_that_is_away_is_not_made_anew(desk: Desk) -> None:
    desk.shared.rename(desk.shared.with_name("away"))
    with pytest.raises(FileNotFoundError, match="is not there"):
        desk.dispatch.give(4)
    assert not desk.shared.exists()
    assert [run.attempt for run in desk.runs()] == [0] * 10


@pytest.mark.parametrize("damage", ["gone", "cut", "another shape"])
def test_features_that_are_not_as_they_should_be_are_brought_again(desk: Desk, damage: str) -> None:
    desk.dispatch.give(1)
    cache, wanted = FeatureCache(desk.shared), wanted_of(desk.registry.corpora.get("EMODB"))
    path = cache.path_of(wanted.key)
    data = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(data[:-1])
    elif damage == "another shape":
        np.save(path, np.zeros((1, 2, 3), np.float32))
    desk.dispatch.give(1)
    assert path.read_bytes() == data


def test_a_run_goes_on_elsewhere_from_its_resume_point_here(desk: Desk) -> None:
    paths = desk.registry.paths.run(desk.runs()[0].uid)
    for path in (paths.checkpoint(7), paths.best_weights(5), paths.final_weights, paths.log):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    desk.dispatch.give(1)
    [folder] = desk.engine.taken
    assert [path.read_text() for path in folder.run.for_going_on()] == ["epoch-000007.npz", "best-000005.npz"]
    assert not folder.run.final_weights.exists()
    assert Parcel.read(folder.parcel).log_from == len("log.txt")
