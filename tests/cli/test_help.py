"""Help pages: every command has one, with examples that can be typed as they stand."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from timnet.cli.app import command

GROUP: Any = command()


def commands(group: Any = GROUP, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, (*path, name))
        else:
            yield (*path, name)


def command_of(path: tuple[str, ...]) -> Any:
    found = GROUP
    for name in path:
        found = found.commands[name]
    return found


def examples_of(path: tuple[str, ...]) -> list[list[str]]:
    lines = [line.strip() for line in command_of(path).epilog.splitlines() if line.startswith("  timnet ")]
    return [shlex.split(line)[1:] for line in lines]


COMMANDS = list(commands())


def test_the_design_s_commands_are_there() -> None:
    wanted = {
        "runs": {
            *("ls", "show", "logs", "compare", "tag", "note", "watch", "wait"),
            *("pin", "unpin", "rm", "restore", "trash"),
        },
        "queue": {"add", "ls", "pause", "resume", "cancel", "retry", "move", "rm"},
        "corpora": {"ls", "add", "check", "features"},
        "export": {"table", "curves", "tsne", "confusion", "runs"},
    }
    for group, names in wanted.items():
        assert names <= set(GROUP.commands[group].commands)
    assert {"demo", "train", "work", "doctor", "import", "workers"} <= set(GROUP.commands)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(cli: Cli, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    found = cli(*path, "--help")
    assert (found.status, found.err) == (0, "")
    assert found.out.startswith(f"Usage: timnet {' '.join(path)} ")
    assert "Example" in found.out
    assert max(map(len, found.out.splitlines())) <= 80
    assert not re.search(r"<\w+", found.out.split("Options:")[1]), "options say what they take, not Python's types"
    assert found.out == cli(*path, "-h").out


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_example_can_be_typed(own_place: Path, path: tuple[str, ...]) -> None:
    (own_place / "EMODB_46.zip").touch()
    found = examples_of(path)
    assert found
    for words in found:
        assert tuple(words[: len(path)]) == path
        line = words[len(path) : words.index("&&") if "&&" in words else None]
        with command_of(path).make_context(" ".join(path), list(line)) as context:
            assert not context.args


READ = ("runs ls", "runs show", "runs compare", "export table", "export runs", "queue ls", "corpora ls", "workers ls")


@pytest.mark.parametrize("name", READ)
def test_examples_that_only_look_work_as_they_stand(cli: Cli, filled: Path, name: str) -> None:
    for _ in range(7):
        cli("queue", "add", "EMODB")
    for number in (7, 8, 9):
        assert cli("runs", "ls", f"id:{number}", "--json").json
    for words in examples_of(tuple(name.split())):
        found = cli(*words)
        no_result_yet = name == "export table" and "no fold of experiment" in found.err
        assert found.status == 0 or no_result_yet, (words, found.err)


def test_a_group_alone_shows_what_it_has(cli: Cli) -> None:
    found = cli("queue")
    assert found.status == 2
    assert "retry" in found.err
    assert found.out == ""


def test_without_a_terminal_there_is_no_full_screen(cli: Cli, own_place: Path) -> None:
    for words in ((), ("demo", "--tui")):
        found = cli(*words)
        assert (found.status, found.out) == (2, "")
        assert found.err.startswith("timnet: the full-screen interface needs a terminal")
    assert not list(own_place.iterdir())


def test_the_version(cli: Cli) -> None:
    assert cli("--version").out.startswith("timnet 0.")


def complete(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, line: str, shell: str = "bash", place: int | None = None
) -> list[str]:
    words = line.split(" ")
    with monkeypatch.context() as patch:
        patch.setenv("_TIMNET_COMPLETE", f"complete_{shell}")
        patch.setenv("COMP_WORDS", line)
        patch.setenv("COMP_CWORD", str(len(words) - 1))
        found = cli()
    assert (found.status, found.err) == (0, "")
    return found.out.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("timnet ru", ["runs"]),
        ("timnet runs show 1.", ["1.1", "1.2", "1.3"]),
        ("timnet runs show ", ["2", "1"]),
        ("timnet runs compare 1 ", ["2", "1"]),
        ("timnet queue cancel 2.1", ["2.1", "2.10"]),
        ("timnet queue add EM", ["EMODB"]),
        ("timnet queue add EMODB --preset gi", ["github"]),
        ("timnet queue add EMODB --monitor val_a", ["val_accuracy"]),
        ("timnet queue add EMODB --protocol ra", ["random"]),
        ("timnet queue add EMODB --set drop", ["dropout="]),
        ("timnet corpora add DE", ["DEMO"]),
        ("timnet export table --format m", ["markdown"]),
        ("timnet runs show x.", []),
        ("timnet runs show 99.", []),
    ],
)
def test_the_shell_completes(
    cli: Cli, filled: Path, monkeypatch: pytest.MonkeyPatch, line: str, offered: list[str]
) -> None:
    assert complete(cli, monkeypatch, line) == offered


def test_completion_never_fails_and_never_writes(cli: Cli, own_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert complete(cli, monkeypatch, "timnet runs show ") == []
    assert not list(own_place.iterdir())
    Path("runs.db").write_text("no registry")
    assert complete(cli, monkeypatch, "timnet runs show ") == []
    monkeypatch.setenv("TIMNET_JOBS", "many")
    assert complete(cli, monkeypatch, "timnet runs show ") == []
    assert Path("runs.db").read_text() == "no registry"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_shown(cli: Cli, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    monkeypatch.setattr("shellingham.detect_shell", lambda *_: (shell, f"/bin/{shell}"))
    found = cli("--show-completion")
    assert found.status == 0
    assert "_TIMNET_COMPLETE" in found.out
    if shell == "bash" and shutil.which("bash"):
        assert subprocess.run(["bash", "-n"], input=found.out, text=True, check=False).returncode == 0
