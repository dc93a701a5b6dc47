"""The wire to child processes: progress and a result, an error with its exit code, or a clear end."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from timnet.errors import BadInput, Stopped, TimnetError
from timnet.tasks import Progress, run_task

SERVE = """
import os, signal, sys, time
from timnet.errors import BadInput, CorpusError, DiskFull, TimnetError
from timnet.tasks import Progress, serve_task
def work(report):
{body}
sys.exit(serve_task(work))
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Make a module ``task_child`` whose work is the given lines; returns its name."""
    paths = [str(tmp_path), os.getcwd(), os.environ.get("PYTHONPATH", "")]  # noqa: PTH109
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))

    def make(*lines: str, raw: bool = False) -> str:
        body = "\n".join(lines) if raw else SERVE.format(body="\n".join(f"    {line}" for line in lines))
        (tmp_path / "task_child.py").write_text(body)
        return "task_child"

    return make


def test_a_result_comes_back_after_its_progress(child) -> None:  # type: ignore[no-untyped-def]
    module = child("for n in (1, 2, 3): report(Progress(n, 3, f'schritt {n} ä'))", "return {'x': [1, None, 'ü']}")
    told: list[Progress] = []
    assert run_task(module, [], told.append) == {"x": [1, None, "ü"]}
    assert told == [Progress(n, 3, f"schritt {n} ä") for n in (1, 2, 3)]
    assert run_task(child("return None"), []) is None


def test_arguments_and_environment_reach_the_child(child) -> None:  # type: ignore[no-untyped-def]
    module = child("return [sys.argv[1:], os.environ['COLOUR'], os.environ['TF_CPP_MIN_LOG_LEVEL'], sys.stdin.read()]")
    assert run_task(module, ["--a=b c", "$HOME"], environment={"COLOUR": "red"}) == [
        ["--a=b c", "$HOME"],
        "red",
        "3",
        "",
    ]


@pytest.mark.parametrize(
    ("raised", "kind", "message"),
    [
        ("CorpusError('no such corpus')", BadInput, "no such corpus"),
        ("TimnetError('it went wrong')", TimnetError, "it went wrong"),
        ("OSError(28, 'No space left on device', '/there')", BadInput, "no space left on the disk at /there"),
    ],
)
def test_an_error_comes_back_as_its_line_and_its_kind(child, raised: str, kind: type, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TimnetError, match=message) as caught:
        run_task(child("report(Progress(1, 2))", f"raise {raised}"), [])
    assert isinstance(caught.value, BadInput) == (kind is BadInput)
    assert caught.value.exit_code == kind.exit_code  # type: ignore[attr-defined]
    assert str(caught.value).isprintable()


def test_a_library_s_chatter_is_passed_over(child) -> None:  # type: ignore[no-untyped-def]
    module = child(
        "print('hello'); print('[1, 2]'); print('3'); print('null'); print('{\"colour\": 1}'); print('{')",
        "sys.stdout.buffer.write(b'\\xff\\xfe\\n\\0\\n'); sys.stdout.flush()",
        "sys.stderr.buffer.write(b'\\xff' * 200_000 + b'\\n'); sys.stderr.flush()",
        "report(Progress(1, 1))",
        "return 7",
    )
    told: list[Progress] = []
    assert run_task(module, [], told.append) == 7
    assert told == [Progress(1, 1)]


@pytest.mark.parametrize(
    ("lines", "ending"),
    [
        (["os.kill(os.getpid(), signal.SIGKILL)"], r"status -9 .*: it printed nothing"),
        (
            ["sys.stderr.write('first\\n\\x1b[31mlast words\\x07\\n\\n'); os._exit(3)"],
            "status 3 .*: \ufffd\\[31mlast words\ufffd",
        ),
        (["os._exit(0)"], "status 0 before it had a result: it printed nothing"),
        (["raise ZeroDivisionError('a defect')"], "status 1 .*: ZeroDivisionError: a defect"),
        (["return object()"], "status 1 .*not JSON serializable"),
    ],
)
def test_a_child_without_a_result_is_told_with_its_last_words(child, lines: list[str], ending: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TimnetError, match=ending) as caught:
        run_task(child(*lines), [])
    assert str(caught.value).isprintable()
    assert caught.value.exit_code == 1


def test_a_module_that_is_not_there_is_told(child) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TimnetError, match="No module named"):
        run_task("timnet.no_such_module", [])


def test_an_interrupted_caller_ends_its_child(child) -> None:  # type: ignore[no-untyped-def]
    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    before = set(psutil.Process().children())
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_task(child("report(Progress(1, 2))", "time.sleep(60)"), [], interrupt)
    assert time.monotonic() - started < 20
    assert set(psutil.Process().children()) == before


@pytest.mark.parametrize("ignores", [False, True], ids=["polite", "deaf"])
def test_another_thread_stops_a_child_that_says_nothing(child, monkeypatch, ignores: bool) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("timnet.tasks.STOP_PATIENCE", 0.2)
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)" if ignores else "pass"
    module = child(deaf, "report(Progress(0, 1, str(os.getpid())))", "time.sleep(60)")
    stop, pids = threading.Event(), []

    def told(progress: Progress) -> None:
        pids.append(int(progress.text))
        stop.set()

    with pytest.raises(Stopped):
        run_task(module, [], told, stop=stop)
    assert not psutil.pid_exists(pids[0])
