"""What an experiment is queued with: found out without trust in git, kept whole, read strictly, compared in words."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import REPOSITORY, add_corpus, add_experiment, start_next
from timnet import checkout, provenance
from timnet.care.checking import check
from timnet.care.clearing import Why, leftovers, remove
from timnet.checkout import CUT, MOST_DIFF, Checkout, checkout_of
from timnet.errors import BadInput, OtherProgram, RegistryError
from timnet.export.contract import run_details
from timnet.paths import AttemptPaths
from timnet.provenance import DECIDING, PACKAGE, Code, Commit, Found, differences, on_disk, source_digest, why_not
from timnet.queue.enqueue import enqueue
from timnet.queue.plan import Request, plan
from timnet.records import EventKind, TrainingConfig
from timnet.registry import Registry
from timnet.remote.parcel import Parcel
from timnet.training.process import tell_changes

LIBRARIES = (("keras", "3.15.1"), ("numpy", "2.4.6"), ("tensorflow", "2.20.0"))
CODE = Code("0.1.0", "a" * 64, "b" * 64, "3.11.7", LIBRARIES, "Linux", "x86_64", Commit("c" * 40, True, "d" * 64))


# timnet's own sources


def test_the_digest_of_the_sources_is_of_what_they_say_alone(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "timnet"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copyfile)
    here = source_digest(PACKAGE)
    assert len(here) == 64
    assert source_digest(copy) == here, "neither the place nor the times are in it"
    (copy / "cli" / "app.py").write_text("")
    (copy / "training" / "notes.txt").write_text("")
    assert source_digest(copy) == here, "what only shows numbers is not in it"
    step = copy / "training" / "step.py"
    step.write_text(step.read_text() + "\n")
    assert source_digest(copy) != here
    shutil.copyfile(PACKAGE / "training" / "step.py", step)
    (copy / "model" / "extra.py").write_text("")
    assert source_digest(copy) != here
    shutil.rmtree(copy / "features")
    (copy / "records.py").unlink()
    assert source_digest(copy) == "", "not known is not another program"


#: what training loads and that decides no number: it carries, keeps and tells
CARRYING = (
    "__init__.py", "arrays.py", "bounded.py", "checkout.py", "clock.py", "corpora/__init__.py", "cores.py",
    "errors.py", "evaluation/__init__.py", "evaluation/summary.py", "files.py", "machine/", "parent.py", "paths.py",
    "provenance.py", "registry/", "remote/", "selection.py", "states.py", "tasks.py", "text.py",
)  # fmt: skip


def test_every_module_that_training_loads_is_in_the_digest_or_known_to_carry_only() -> None:
    loaded = closure(
        "timnet.training.process", "timnet.remote.node", "timnet.features.extract", "timnet.features.build"
    )
    assert {"training/step.py", "model/network.py", "protocols.py", "features/cepstrum.py"} <= loaded
    unknown = {one for one in loaded if not one.startswith((*DECIDING, *CARRYING))}
    assert not unknown, "add them to what decides numbers, or say here that they do not"


def closure(*modules: str) -> set[str]:
    """The files below the package that importing ``modules`` loads, at once or inside functions."""
    found: dict[str, Path] = {}
    ahead = [REPOSITORY / f"{name.replace('.', '/')}.py" for name in modules]
    while ahead:
        path = ahead.pop()
        name = path.relative_to(PACKAGE).as_posix()
        if name not in found:
            found[name] = path
            ahead += imported(path)
    return set(found)


def imported(path: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            place = REPOSITORY / name.replace(".", "/")
            if name.partition(".")[0] == "timnet":
                yield from (one for one in (place.with_suffix(".py"), place / "__init__.py") if one.is_file())


# the checkout


def git(root: Path, *words: str) -> str:
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *who, *words], cwd=root, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout with a package of three files, and a file beside it."""
    root = tmp_path / "checkout"
    package = root / "timnet"
    package.mkdir(parents=True)
    (package / "one.py").write_text("a = 1\nb = 2\nc = 3\n")
    (package / "two.py").write_text("two = 'ü'\n")
    (package / "gone.py").write_text("gone = True\n")
    (root / "notes.txt").write_text("mine\n")
    (root / ".gitignore").write_text("ignored.py\n")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "first")
    return root


def test_a_clean_checkout_tells_its_commit(repository: Path) -> None:
    (repository / "notes.txt").write_text("changed, but not the package")
    (repository / "timnet" / "ignored.py").write_text("")
    (repository / "timnet" / "picture.png").write_bytes(b"\0")
    assert checkout_of(repository) == Checkout(git(repository, "rev-parse", "HEAD"))


def test_the_changes_of_a_checkout_make_its_package_again(repository: Path, tmp_path: Path) -> None:
    package = repository / "timnet"
    (package / "one.py").write_text("a = 1\nb = 20\nc = 3")
    (package / "gone.py").unlink()
    git(repository, "add", "timnet/gone.py")  # staged or not, it is changed
    (package / "deep").mkdir()
    (package / "deep" / "new file.py").write_text("text = 'a\rb\x0cc'\n\n")
    (package / "deep" / "no_end.py").write_text("last = 'line'")
    (package / "empty.py").write_text("")
    found = checkout_of(repository)
    assert found is not None
    assert (found.commit, found.changed, found.cut) == (git(repository, "rev-parse", "HEAD"), True, False)
    assert found.diff is not None
    git(tmp_path, "clone", "--quiet", str(repository), "again")
    (tmp_path / "kept.diff").write_bytes(found.diff)
    git(tmp_path / "again", "apply", str(tmp_path / "kept.diff"))
    assert tree(tmp_path / "again" / "timnet") == tree(package)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_changes_that_are_too_long_are_cut_at_a_line_and_say_so(repository: Path) -> None:
    (repository / "timnet" / "one.py").write_text("".join(f"value_{number} = {number}\n" for number in range(80_000)))
    found = checkout_of(repository)
    assert found is not None
    assert found.diff is not None
    assert found.cut
    assert MOST_DIFF - 100 < len(found.diff) <= MOST_DIFF
    lines = found.diff.splitlines(keepends=True)
    assert lines[-1] == CUT
    assert lines[-2].startswith(b"+value_")
    assert lines[-2].endswith(b"\n")


def test_nothing_that_a_configuration_names_is_run_and_no_lock_is_taken(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap, ran = tmp_path / "trap", tmp_path / "ran"
    trap.write_text(f'#!/bin/sh\necho "$0 $*" >> {ran}\ncat /dev/null\n')
    trap.chmod(0o755)
    for name in ("core.fsmonitor", "diff.external", "diff.shown.textconv", "core.pager", "pager.diff"):
        git(repository, "config", name, str(trap))
    git(repository, "config", "diff.noprefix", "true")
    (repository / ".git" / "info" / "attributes").write_text("*.py diff=shown\n")
    for hook in ("post-index-change", "pre-commit"):
        shutil.copy(trap, repository / ".git" / "hooks" / hook)
    ran.unlink(missing_ok=True)
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(trap))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    (repository / "timnet" / "one.py").write_text("a = 2\n")
    (repository / "timnet" / "two.py").touch()  # a git that may would write the new time into its index
    index = (repository / ".git" / "index").read_bytes()
    found = checkout_of(repository)
    assert found is not None
    assert found.diff is not None
    assert found.diff.startswith(b"diff --git a/timnet/one.py b/timnet/one.py\n")
    assert not ran.exists()
    assert (repository / ".git" / "index").read_bytes() == index
    assert not list((repository / ".git").glob("*.lock"))


def test_a_package_inside_somebody_elses_repository_is_no_checkout(repository: Path) -> None:
    assert checkout_of(repository / "timnet") is None
    bare = repository.parent / "bare"
    (bare / ".git").mkdir(parents=True)
    assert checkout_of(bare) is None, "a repository that git does not know"
    git(bare, "init", "--quiet")
    assert checkout_of(bare) is None, "nothing was committed yet"


def test_no_git_or_one_that_hangs_fails_or_floods_is_no_hindrance(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    assert checkout_of(repository) is None, "no git"
    pid = tmp_path / "pid"
    for does in (f"echo $$ > {pid}; while :; do :; done", "exit 3", "while :; do echo '? timnet/flood.py'; done"):
        (tools / "git").write_text(f"#!/bin/sh\n{does}\n")
        (tools / "git").chmod(0o755)
        assert checkout_of(repository, seconds=0.5) is None, does
    deadline = time.monotonic() + 60
    while alive(int(pid.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(int(pid.read_text())), "nobody waits for it, and it does not stay"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_where_git_tells_of_changes_but_not_which_that_is_known(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "timnet" / "one.py").write_text("a = 2\n")
    monkeypatch.setattr(checkout, "_DIFF", ("diff", "--no-such-option"))
    assert checkout_of(repository) == Checkout(git(repository, "rev-parse", "HEAD"), changed=True)


# as plain values


PLAIN = st.text("aZ09.+!_-", max_size=5).map(lambda rest: f"1{rest}")
DIGESTS = st.binary(max_size=4).map(lambda some: hashlib.sha256(some).hexdigest())
CODES = st.builds(
    Code,
    version=PLAIN,
    source=DIGESTS | st.just(""),
    settings=DIGESTS,
    python=PLAIN,
    libraries=st.dictionaries(PLAIN, PLAIN, max_size=5).map(lambda found: tuple(sorted(found.items()))),
    system=PLAIN,
    machine=PLAIN,
    commit=st.none()
    | st.builds(Commit, DIGESTS.map(lambda digest: digest[:40]), st.booleans(), st.none() | DIGESTS, st.booleans()),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=50)
@given(CODES)
def test_plain_values_come_back_as_the_same_code(code: Code) -> None:
    told = json.loads(json.dumps(code.to_dict()))
    assert Code.from_dict(told) == code
    assert Code.from_dict({**told, "more": [1], "git": told["git"] and {**told["git"], "branch": "x"}}) == code
    assert differences(code, code).text == ""


@given(st.data())
def test_whatever_else_is_told_is_refused_in_one_clean_line(data: st.DataObject) -> None:
    told = CODE.to_dict()
    key = data.draw(st.sampled_from([*told, "whole"]))
    value = data.draw(JSON)
    values = value if key == "whole" else {**told, key: value}
    refused = ""
    try:
        found = Code.from_dict(values)
    except BadInput as error:
        refused = str(error)
    else:
        assert found == Code.from_dict(json.loads(json.dumps(found.to_dict())))
        assert found.to_dict()[key] == value
    assert refused.isprintable()
    assert len(refused) < 300


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"timnet": "1\x1b[2J"}, "timnet is"),
        ({"timnet": "1" * 65}, "timnet is"),
        ({"source": "A" * 64}, "source is"),
        ({"libraries": {"numpy": "1", "\x1b]0;": "2"}}, "is no name of a library"),
        ({"libraries": {f"l{number}": "1" for number in range(65)}}, "lists 65 of them; at most 64"),
        ({"libraries": {"numpy": "9"}}, "environment is not the digest of the libraries"),
        ({"git": {"commit": "c" * 39, "changed": True, "diff": None, "cut": False}}, "commit is"),
        ({"git": {"commit": "c" * 40, "changed": 1, "diff": None, "cut": False}}, "changed is 1"),
        ({"git": {"commit": "c" * 40, "changed": True, "diff": "../../etc/passwd", "cut": False}}, "diff is"),
        ({"git": ["c" * 40]}, "git is no table"),
    ],
)
def test_what_could_do_harm_is_refused_by_name(change: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Code.from_dict({**CODE.to_dict(), **change})


# what differs


def test_another_program_is_told_apart_from_other_libraries() -> None:
    newer = replace(CODE, version="0.2.0", source="e" * 64, settings="f" * 64)
    assert differences(CODE, newer).program == (
        "timnet 0.1.0 -> 0.2.0",
        "its sources aaaaaaaaaaaa -> eeeeeeeeeeee (it was queued at commit cccccccccccc with changes)",
        "it knows other settings",
    )
    assert differences(CODE, newer).numbers == ()
    others = (("keras", "3.15.1"), ("numpy", "2.5.0"), ("soxr", "1.1.0"))
    moved = replace(CODE, libraries=others, python="3.12.1", machine="arm64", system="Darwin", commit=None)
    assert differences(CODE, moved).program == (), "the same sources are the same program, committed or not"
    assert differences(CODE, moved).numbers == (
        "numpy 2.4.6 -> 2.5.0", "soxr none -> 1.1.0", "tensorflow 2.20.0 -> none", "Python 3.11.7 -> 3.12.1",
        "Linux x86_64 -> Darwin arm64",
    )  # fmt: skip
    assert differences(CODE, replace(CODE, python="3.11.9")).text == ""
    assert differences(CODE, replace(CODE, source="")).text == "", "not known is no difference"


def test_a_node_that_has_another_timnet_says_which_and_what_to_do() -> None:
    assert why_not(CODE, replace(CODE, libraries=()), "gpu03") == ""
    said = why_not(CODE, replace(CODE, version="0.2.0", source="e" * 64, commit=None), "gpu\x1b03")
    assert said.isprintable()
    for part in ("gpu\ufffd03 has timnet 0.2.0, source eeeeeeeeeeee", "timnet 0.1.0, commit cccccccccccc with changes",
                 "install the same timnet there", "timnet queue again"):  # fmt: skip
        assert part in said


def test_a_node_with_another_timnet_pauses_the_run_before_it_loads_or_trains_anything(tmp_path: Path) -> None:
    folder = AttemptPaths(tmp_path / "x-a1")
    folder.folder.mkdir()
    folder.want.touch()
    newer = replace(on_disk().code, version="9.9.9", source="e" * 64)
    labels, rows = (0, 1), ((0,), (), (1,))
    Parcel("1.1", 1, "X", ("a", "b"), labels, 1, 2, *rows, TrainingConfig(), 46, "0a", (2, 3, 4)).write(folder.parcel)
    told = json.loads(folder.parcel.read_text())
    told |= {"code": newer.to_dict(), "of the future": 1, "config": {**told["config"], "of_the_future": 2}}
    folder.parcel.write_text(json.dumps(told))
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "timnet.remote", str(folder.folder)],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == OtherProgram.exit_code, done.stderr[-2000:]
    assert "tensorflow" not in done.stderr
    [spool] = folder.spools()
    last = json.loads(spool.read_text().splitlines()[-1])
    assert (last["do"], last["to"]) == ("end", "paused")
    assert last["text"] == last["error"]
    assert f"has {provenance.loaded().program}, and the run was queued with timnet 9.9.9, " in last["text"]
    assert last["text"] in done.stdout


def test_a_local_run_says_once_an_attempt_that_the_code_has_changed(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_experiment(registry, add_corpus(registry))
    run_id = start_next(registry)
    journal, said = registry.journal(run_id, 1), list[str]()
    for queued in (None, CODE):
        monkeypatch.setattr(provenance, "loaded", lambda: CODE)
        tell_changes(queued, journal, said.append)
    assert said == []
    monkeypatch.setattr(provenance, "loaded", lambda: replace(CODE, source="e" * 64, python="3.12.0"))
    tell_changes(CODE, journal, said.append)
    [event] = [one for one in registry.results.events(run_id) if one.kind == EventKind.CODE_CHANGED]
    assert [event.text] == said
    assert event.attempt == 1
    assert event.text.startswith("code changed since it was queued: its sources aaaaaaaaaaaa -> eeeeeeeeeeee (")
    assert event.text.endswith("numbers may differ from those where it was queued: Python 3.11.7 -> 3.12.0")


# in a registry


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    (tmp_path / "here").mkdir()
    with Registry.open(tmp_path / "here" / "runs.db") as opened:
        yield opened


def queue(registry: Registry, monkeypatch: pytest.MonkeyPatch, diff: bytes | None, seed: int = 46) -> int:
    """Queue an experiment as if the package had these changes."""
    digest = None if diff is None else hashlib.sha256(diff).hexdigest()
    found = Found(replace(CODE, commit=Commit("c" * 40, diff is not None, digest)), diff)
    monkeypatch.setattr("timnet.queue.enqueue.on_disk", lambda: found)
    [made] = enqueue(registry, plan(registry, Request(("EMODB",), seeds=(seed,))))
    return made.id


def test_an_experiment_keeps_what_it_was_queued_with(registry: Registry) -> None:
    add_corpus(registry)
    [made] = enqueue(registry, plan(registry, Request(("EMODB",))))
    code, found = registry.experiments.code(made.id), on_disk()
    assert code is not None
    assert replace(code, commit=None) == replace(found.code, commit=None) == provenance.loaded()
    assert code.source == source_digest(PACKAGE)
    assert {"keras", "numpy", "scipy", "librosa", "soxr", "scikit-learn"} <= dict(code.libraries).keys()
    details = run_details(registry, registry.runs.of_experiment(made.id)[0])
    assert details["code"] == code.to_dict()
    assert enqueue(registry, []) == []


def test_the_command_line_queues_with_it_and_shows_it(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    from timnet.cli.app import run

    add_corpus(registry)
    db = ["--db", str(registry.paths.db)]
    assert run([*db, "queue", "add", "EMODB", "--only", "1"]) == 0
    code = registry.experiments.code(1)
    assert code is not None
    capsys.readouterr()
    assert run([*db, "runs", "show", "1.1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["code"] == code.to_dict()
    assert run([*db, "runs", "show", "1.1"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"code {code.program}" in shown
    assert f"platform Python {code.python} on {code.system} {code.machine}" in shown


def test_changes_are_kept_once_and_named_everywhere(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    add_corpus(registry)
    text = b"diff --git a/timnet/x.py b/timnet/x.py\n+\xff\n"
    ids = [queue(registry, monkeypatch, text, seed) for seed in (1, 2)]
    [kept] = registry.paths.code.iterdir()
    assert kept.read_bytes() == text
    for experiment_id in ids:
        code = registry.experiments.code(experiment_id)
        assert code is not None
        assert dict(code.facts(registry.paths))["changes"] == f"code/{kept.name}"
    kept.unlink()
    assert dict(code.facts(registry.paths))["changes"] == f"code/{kept.name} (gone)"


def test_where_changes_cannot_be_written_the_experiment_is_queued_all_the_same(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_corpus(registry)
    registry.paths.code.write_text("a file of somebody's")
    code = registry.experiments.code(queue(registry, monkeypatch, b"text"))
    assert code is not None
    assert code.commit == Commit("c" * 40, changed=True)
    assert dict(code.facts(registry.paths))["changes"] == "not kept"


def test_older_experiments_do_not_know_and_damaged_rows_say_so(registry: Registry) -> None:
    corpus = add_corpus(registry)
    made = add_experiment(registry, corpus)
    assert registry.experiments.code(made.id) is None
    assert run_details(registry, registry.runs.get("1.1"))["code"] is None
    for row in ("{", "[]", "[" * 100_000, json.dumps({**CODE.to_dict(), "timnet": "\x1b"})):
        with registry.db.write():
            registry.db.connection.execute("UPDATE experiments SET code = ?", (row,))
        with pytest.raises(RegistryError, match="the code of experiment 1 cannot be read"):
            registry.experiments.code(made.id)
        [finding] = check(registry.paths.db).findings
        assert finding.text.startswith("experiment 1: the code that it was queued with cannot be read")


def test_changes_are_checked_and_cleared_like_all_files_that_rows_name(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    add_corpus(registry)
    first, second = (queue(registry, monkeypatch, text, seed) for seed, text in enumerate((b"one", b"two")))
    one, two = (registry.paths.diff(hashlib.sha256(text).hexdigest()) for text in (b"one", b"two"))
    mine = registry.paths.code / "mine.py"
    mine.write_text("no business of timnet's")
    assert check(registry.paths.db).ok
    two.write_bytes(b"three")
    one.unlink()
    texts = [finding.text for finding in check(registry.paths.db).findings]
    assert texts == [
        f"what experiment {first} was queued with beside its commit cannot be found: code/{one.name}",
        f"what experiment {second} was queued with beside its commit is another: code/{two.name}",
    ]
    long_ago = time.time() - 7200
    for path in (two, mine):
        os.utime(path, (long_ago, long_ago))
    assert leftovers(registry, tmp_path).leftovers == ()
    registry.experiments.delete(second)
    found = leftovers(registry, tmp_path).leftovers
    assert [(left.why, left.path) for left in found] == [(Why.CHANGES, two)]
    queue(registry, monkeypatch, b"two", 7)  # meanwhile somebody queues with the same changes
    assert remove(registry, tmp_path, found) == ([], [])
    registry.experiments.delete(second + 1)
    assert remove(registry, tmp_path, found) == ([], []), "it was named a moment ago"
    os.utime(two, (long_ago, long_ago))
    assert [left.path for left in remove(registry, tmp_path, found)[0]] == [two]
    assert list(registry.paths.code.iterdir()) == [mine]
