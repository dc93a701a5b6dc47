"""Both ends of an attempt's folder, without Ray between them."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.queue.processes import wait_until
from tests.ray_cluster.conftest import FEATURES
from timnet.errors import OUT_OF_ROOM
from timnet.paths import AttemptPaths
from timnet.queue.engines import ray_folder, ray_node
from timnet.queue.engines.ray_folder import Known, comes_home, exchange, to_send
from timnet.queue.engines.ray_node import Attempt, shared_folder
from timnet.remote.spool import SpoolBroken

REGISTRY = "registry"


class Trained:
    """Stands for the carrier: trains as the test's own hands do, and ends when it says so."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def __call__(self, folder: AttemptPaths, job: str) -> Trained:
        self.folder, self.job = folder, job
        folder.run.folder.mkdir(exist_ok=True)
        return self

    def wait(self, seconds: float = 60) -> int:
        assert self.over.wait(seconds)
        return 0

    def kill(self) -> None:
        self.over.set()


class Counted:
    """The far end, with what was sent to it counted."""

    made: ClassVar[list[Attempt]] = []

    def __init__(self, end: Attempt) -> None:
        self.end = end
        self.made.append(end)
        self.sent: list[tuple[str, int]] = []
        self.before_read: Callable[[str], object] = str

    def look(self, want: str) -> Mapping[str, Any]:
        return self.end.look(want)

    def read(self, name: str, offset: int, most: int, stamp: ray_folder.Stamp) -> bytes | None:
        self.before_read(name)
        return self.end.read(name, offset, most, stamp)

    def write(self, name: str, offset: int, data: bytes) -> int:
        self.sent.append((name, len(data)))
        return self.end.write(name, offset, data)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Iterator[Trained]:
    one = Trained()
    monkeypatch.setattr(ray_node, "carry", one)
    monkeypatch.setattr(ray_node, "_own_id", lambda: "j1")
    monkeypatch.setattr(ray_folder, "RESUME_SECONDS", 0.0)
    yield one
    one.over.set()
    while Counted.made:
        Counted.made.pop().clear()


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node's own disk."""
    place = tmp_path / "node"
    place.mkdir()
    monkeypatch.setattr(ray_node.tempfile, "tempdir", str(place))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    return place


def order(folder: AttemptPaths, **changes: Any) -> dict[str, Any]:
    told = {
        "form": ray_node.FORM,
        "name": folder.folder.name,
        "registry": REGISTRY,
        "files": to_send(folder),
        "enclosed": {},
        "gpus": 0,
    }
    return {**told, **changes}


def begun(folder: AttemptPaths) -> Counted:
    far = Counted(Attempt(order(folder)))
    exchange(far, folder, Known())
    assert far.end.look("")["begun"]
    wait_until(lambda: (far.end._folder.run.folder).exists(), 60, "for the training to begin")
    return far


def lines(*numbers: int) -> bytes:
    return b"".join(json.dumps({"do": "event", "number": number}).encode() + b"\n" for number in numbers)


def test_what_the_head_has_goes_there_and_what_is_written_comes_home(
    node: Path, trained: Trained, attempt: Callable[..., AttemptPaths]
) -> None:
    ours = attempt("one")
    ours.run.checkpoint(4).parent.mkdir()
    ours.run.checkpoint(4).write_bytes(b"resume" * 1000)
    known = Known()
    far = Counted(Attempt(order(ours)))
    exchange(far, ours, known)
    assert far.end.look("")["begun"]
    wait_until(lambda: hasattr(trained, "folder"), 60, "for the training to begin")
    theirs = trained.folder
    assert theirs.folder.is_relative_to(node)
    assert theirs.parcel.read_bytes() == ours.parcel.read_bytes()
    assert theirs.run.checkpoint(4).read_bytes() == ours.run.checkpoint(4).read_bytes()
    features = f"features/{FEATURES}.npy"
    assert (theirs.shared / features).read_bytes() == (ours.shared / features).read_bytes()
    assert trained.job == "j1"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""  # no card was asked for

    theirs.spool(1).write_bytes(lines(1, 2) + b'{"do": "ev')
    theirs.log.write_bytes(b"begins\nhalf a li")
    theirs.run.checkpoint(5).write_bytes(b"next")
    ours.want.write_text("pause")
    exchange(far, ours, known)
    assert ours.spool(1).read_bytes() == lines(1, 2)
    assert ours.log.read_bytes() == b"begins\nhalf a li"
    assert [path.name for path in ours.run.checkpoints()] == ["epoch-000004.npz", "epoch-000005.npz"]
    assert theirs.want.read_text() == "pause"

    theirs.spool(1).write_bytes(lines(1, 2, 3))
    theirs.spool(2).write_bytes(lines(7))
    theirs.run.checkpoint(4).unlink()
    theirs.run.final_weights.write_bytes(b"final")
    theirs.outcome.write_text('{"status": 0}')
    trained.over.set()
    wait_until(lambda: far.end.state()["ended"], 60, "for the end")
    exchange(far, ours, Known())  # another head
    assert ours.spool(1).read_bytes() == lines(1, 2, 3)
    assert ours.spool(2).read_bytes() == lines(7)
    assert [path.name for path in ours.run.checkpoints()] == ["epoch-000005.npz"]
    assert ours.run.final_weights.read_bytes() == b"final"
    assert json.loads(ours.outcome.read_text()) == {"status": 0}
    assert far.end.state() | {"host": ""} == {"host": "", "begun": True, "ended": True, "status": 0, "trouble": ""}
    far.end.clear()
    assert not theirs.folder.exists()


def test_what_is_enclosed_begins_without_a_head(
    node: Path, trained: Trained, attempt: Callable[..., AttemptPaths], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(attempt("first"))  # brings the features
    ours = attempt("second")
    ours.run.best_weights(4).write_bytes(b"best" * 100)
    enclosed = ray_folder.enclose(ours, to_send(ours))
    assert list(enclosed) == ["parcel.json", "run/best-000004.npz"]
    far = Counted(Attempt(order(ours, enclosed=enclosed)))
    assert far.end.state()["begun"]
    assert far.end._folder.run.best_weights(4).read_bytes() == b"best" * 100
    monkeypatch.setattr(ray_folder, "MOST_ENCLOSED", 100)
    assert list(ray_folder.enclose(ours, to_send(ours))) == ["run/best-000004.npz"]


def test_what_has_ended_while_no_head_is_there_is_kept_by_another(
    node: Path, trained: Trained, attempt: Callable[..., AttemptPaths], monkeypatch: pytest.MonkeyPatch
) -> None:
    orders, ended = [], []
    monkeypatch.setattr(ray_node, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(ray_node, "_have_kept", orders.append)
    monkeypatch.setattr(ray_node, "_end_actor", ended.append)
    ours = attempt("one")
    far = begun(ours)
    trained.folder.spool(1).write_bytes(lines(1))
    trained.over.set()
    wait_until(lambda: orders, 60, "for somebody to keep it")
    keeper = Counted(Attempt(orders[0]))
    assert ended == [ours.folder.name]
    os.close(far.end._in_use)  # as the end of its process does
    Attempt(order(attempt("next")))  # clears away what nobody uses
    assert keeper.end.state() == far.end.state()
    exchange(keeper, ours, Known())
    assert ours.spool(1).read_bytes() == lines(1)


def test_an_unchanged_file_travels_once(node: Path, trained: Trained, attempt: Callable[..., AttemptPaths]) -> None:
    ours, known, read = attempt("one"), Known(), []
    far = begun(ours)
    far.before_read = read.append
    trained.folder.run.best_weights(3).write_bytes(b"best")
    for _ in range(3):
        exchange(far, ours, known)
    assert read == ["run/best-000003.npz"]


def test_the_last_resume_point_is_here_before_the_line_that_tells_the_end(
    node: Path, trained: Trained, attempt: Callable[..., AttemptPaths], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, known = attempt("one"), Known()
    far = begun(ours)
    there = trained.folder
    there.run.checkpoint(1).parent.mkdir()
    there.run.checkpoint(1).write_bytes(b"1")
    monkeypatch.setattr(ray_folder, "RESUME_SECONDS", 3600.0)
    exchange(far, ours, known)
    for epoch, do in ((2, "epoch"), (3, "done")):
        there.run.checkpoint(epoch).write_bytes(b"next")
        with there.spool(1).open("a") as spool:
            spool.write(json.dumps({"do": do, "time": "now"}) + "\n")
        exchange(far, ours, known)
        assert ours.spool(1).read_bytes() == there.spool(1).read_bytes()
        known_here = [int(path.stem[-1]) for path in ours.run.checkpoints()]
        assert known_here == ([1] if do == "epoch" else [1, 2, 3])


def test_a_file_that_is_replaced_while_it_is_read_is_never_mixed(
    node: Path, trained: Trained, attempt: Callable[..., AttemptPaths], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_folder, "AT_ONCE", 4)
    ours, known = attempt("one"), Known()
    far = begun(ours)
    weights = trained.folder.run.final_weights
    weights.write_bytes(b"old " * 4)

    def replace(name: str) -> None:
        new = weights.with_name("new.npz")
        new.write_bytes(b"new " * 4)
        new.replace(weights)
        far.before_read = lambda _: None

    exchange(far, ours, known)
    assert ours.run.final_weights.read_bytes() == b"old " * 4
    weights.write_bytes(b"late" * 4)
    far.before_read = replace
    exchange(far, ours, known)
    assert ours.run.final_weights.read_bytes() == b"old " * 4
    exchange(far, ours, known)
    assert ours.run.final_weights.read_bytes() == b"new " * 4


def test_features_travel_once_a_node_and_again_when_who_got_them_is_gone(
    node: Path, trained: Trained, attempt: Callable[..., AttemptPaths], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_folder, "AT_ONCE", 1000)
    name = f"features/{FEATURES}.npy"
    size = to_send(attempt("zero"))[name]
    first, second, third = (Counted(Attempt(order(attempt(one)))) for one in ("one", "two", "three"))
    assert [lack for lack, _ in first.end.look("")["lacks"]] == [name, "parcel.json"]
    source = (attempt("four").shared / name).read_bytes()
    first.write(name, 0, source[:500])
    assert [lack for lack, _ in second.end.look("")["lacks"]] == ["parcel.json"]  # the first gets them now
    assert not second.end.look("")["begun"]
    first.end._incoming[name]._stream.close()  # as its end would
    ours = AttemptPaths(attempt("five").shared / second.end._order["name"])
    exchange(second, ours, Known())
    assert sum(bytes_ for lack, bytes_ in second.sent if lack == name) == size
    assert second.end.look("")["begun"]
    exchange(third, AttemptPaths(ours.shared / third.end._order["name"]), Known())
    assert third.end.look("")["begun"]
    assert [lack for lack, _ in third.sent] == ["parcel.json"]
    assert (shared_folder(REGISTRY) / name).read_bytes() == source


def test_a_transfer_that_takes_long_goes_on_where_it_was(
    node: Path, trained: Trained, attempt: Callable[..., AttemptPaths], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_folder, "AT_ONCE", 50_000)
    ours = attempt("one")
    far = Counted(Attempt(order(ours)))
    for _ in range(20):
        exchange(far, ours, Known(), seconds=0.0)
    assert far.end.look("")["begun"]
    assert sum(size for _, size in far.sent) == sum(to_send(ours).values())


def test_a_full_disk_there_is_told(
    node: Path, trained: Trained, attempt: Callable[..., AttemptPaths], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = attempt("one")
    far = Counted(Attempt(order(ours)))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(ray_node.os, "fsync", full)
        exchange(far, ours, Known())
    state = far.end.state()
    assert state["ended"]
    assert state["status"] == OUT_OF_ROOM
    assert "no space left" in state["trouble"]


def test_folders_that_nobody_uses_any_more_go(
    node: Path, trained: Trained, attempt: Callable[..., AttemptPaths]
) -> None:
    left, used = Attempt(order(attempt("left"))), Attempt(order(attempt("used")))
    os.close(left._in_use)  # as the end of its process does
    Attempt(order(attempt("new")))
    assert not left._folder.folder.exists()
    assert used._folder.folder.exists()
    again = Attempt(order(AttemptPaths(attempt("x").shared / used._order["name"])) | {"files": {}})
    assert "uses" in again.state()["trouble"]


def test_a_folder_that_is_somebody_elses_is_not_used(node: Path, attempt: Callable[..., AttemptPaths]) -> None:
    (node / f"timnet-{os.getuid()}").symlink_to(node.parent)
    state = Attempt(order(attempt("one"))).state()
    assert state["ended"]
    assert "not this user's own folder" in state["trouble"]


def test_a_head_of_another_form_is_told_so(node: Path, attempt: Callable[..., AttemptPaths]) -> None:
    far = Counted(Attempt({"form": ray_node.FORM + 1, "timnet": "9.9.9"}))
    exchange(far, attempt("one"), Known())
    assert far.end.state()["ended"]
    assert "the head's, 9.9.9; install the same" in far.end.state()["trouble"]
    far.end.clear()


def test_a_node_cannot_write_elsewhere_here(node: Path, trained: Trained, attempt: Callable[..., AttemptPaths]) -> None:
    ours = attempt("one")

    class Foreign(Counted):
        def look(self, want: str) -> Mapping[str, Any]:
            return {**super().look(want), "files": {"run/../../../escaped": (1, 1, 1)}}

    far = Foreign(begun(ours).end)
    with pytest.raises(SpoolBroken, match="which no timnet writes"):
        exchange(far, ours, Known())
    assert far.end.read("../parcel.json", 0, 10, (-1, -1, -1)) is None


@given(
    st.text(st.sampled_from("run/spool-01.jsonlwatx\0"), max_size=30) | st.text(max_size=20).map(lambda t: f"run/{t}")
)
def test_what_comes_home_stays_at_home(name: str) -> None:
    if comes_home(name):
        home = Path("/home/attempt")
        assert Path(os.path.normpath(home / name)).is_relative_to(home)
        assert name not in ("want", "parcel.json")
        assert "\0" not in name
