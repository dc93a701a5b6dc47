"""What is asked of Slurm, and what is made of its answers, with commands that answer as a test wants."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from timnet import __version__
from timnet.errors import BadInput
from timnet.paths import AttemptPaths
from timnet.queue.engines import slurm_check
from timnet.queue.engines.engine import EngineAway, Phase, Status
from timnet.queue.engines.slurm import SlurmEngine
from timnet.queue.engines.slurm_options import SlurmOptions

PARTITIONS = "PartitionName=gpu Default=YES DefaultTime=NONE MaxTime=1-00:00:00 State=UP TotalNodes=2"
SCRIPT = """#!/bin/sh
echo "$@" >> "{folder}/{name}.asked"
env > "{folder}/{name}.env"
[ "{name}" = sbatch ] && cat "$1" > "{folder}/script"
cat "{folder}/{name}.out"
cat "{folder}/{name}.err" >&2
exit $(cat "{folder}/{name}.status")
"""


@dataclass
class Fake:
    """Commands that print what they were given, and note what they were asked."""

    folder: Path

    def answers(self, name: str, out: str = "", err: str = "", status: int = 0) -> None:
        for kind, text in (("out", out), ("err", err), ("status", str(status))):
            (self.folder / f"{name}.{kind}").write_text(text)
        command = self.folder / "bin" / name
        command.write_text(SCRIPT.format(folder=self.folder, name=name))
        command.chmod(0o755)

    def asked(self, name: str) -> list[str]:
        path = self.folder / f"{name}.asked"
        return path.read_text().splitlines() if path.exists() else []

    def environment(self, name: str) -> set[str]:
        return {line.partition("=")[0] for line in (self.folder / f"{name}.env").read_text().splitlines()}


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    (tmp_path / "bin").mkdir()
    found = Fake(tmp_path)
    for name in ("sbatch", "squeue", "scancel", "srun"):
        found.answers(name)
    found.answers("scontrol", PARTITIONS)
    found.answers("sbatch", "Submitted batch job 12 on cluster x\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    monkeypatch.setattr("shutil.which", lambda name: str(path) if (path := tmp_path / "bin" / name).exists() else None)
    return found


def attempts(shared: Path, count: int) -> list[AttemptPaths]:
    folders = [AttemptPaths(shared / f"run{number}-a1") for number in range(count)]
    for folder in folders:
        folder.engine.mkdir(parents=True)
    return folders


def test_without_slurm_one_line_says_so(shared: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    engine = SlurmEngine(shared, SlurmOptions())
    with pytest.raises(
        BadInput, match="there is no Slurm here: no sbatch, squeue, scontrol, scancel, srun on the PATH"
    ):
        engine.submit(attempts(shared, 1))
    with pytest.raises(BadInput, match="there is no Slurm here"):
        engine.poll(["12"])


def test_without_submitit_one_line_says_so(fake: Fake, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit.core.utils", None)
    with pytest.raises(BadInput, match=r"submitit, which is not installed; see the extra timnet\[slurm\]"):
        SlurmEngine(shared, SlurmOptions()).submit(attempts(shared, 1))
    assert fake.asked("sbatch") == []


@pytest.mark.parametrize(("name", "complaint"), [("100%", "'%'"), ("it's", '"\'"'), ("a\nb", r"'\\n'")])
def test_a_shared_folder_that_slurm_would_misread_is_refused(
    fake: Fake, tmp_path: Path, name: str, complaint: str
) -> None:
    with pytest.raises(BadInput, match=f"a folder with {complaint} in its path") as caught:
        SlurmEngine(tmp_path / name, SlurmOptions()).submit(attempts(tmp_path / "shared", 1))
    assert str(caught.value).isprintable()


def test_a_shared_folder_that_cannot_be_written_is_refused(fake: Fake, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=r"cannot write in the shared folder .*file"):
        SlurmEngine(tmp_path / "file", SlurmOptions()).submit(attempts(tmp_path, 1))


def test_a_script_asks_for_what_a_user_asks_for_and_quotes_it(fake: Fake, shared: Path) -> None:
    options = SlurmOptions.checked(
        partition="gpu", gres="gpu:a100:1", time="1:30:00", cpus_per_task=4, array_parallelism=2,
        constraint="a$(touch${IFS}x)|b", extra=["mail-user=a@b;c"],
    )  # fmt: skip
    assert SlurmEngine(shared, options).submit(attempts(shared, 3)) == ["12_0", "12_1", "12_2"]
    lines = (fake.folder / "script").read_text().splitlines()
    wanted = [
        "--array=0-2%2", "--constraint='a$(touch${IFS}x)|b'", "--cpus-per-task=4", "--gres=gpu:a100:1",
        "--mail-user='a@b;c'", "--partition=gpu", "--requeue", "--signal=USR2@120", "--time=90", "--job-name=timnet",
    ]  # fmt: skip
    assert {f"#SBATCH {option}" for option in wanted} <= set(lines)
    assert not any("wckey" in line for line in lines)
    commands = [line for line in lines if line and not line.startswith("#")]
    assert commands[0] == "export SUBMITIT_EXECUTOR=slurm"
    assert commands[1].startswith("srun --unbuffered --output '")
    assert " --cpus-per-task=4 " in commands[1]


def test_a_head_in_a_job_submits_as_from_outside(fake: Fake, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outer = ("SLURM_JOB_ID", "SLURM_MEM_PER_CPU", "SBATCH_TIMELIMIT", "SRUN_CPUS_PER_TASK", "SUBMITIT_EXECUTOR")
    for name in (*outer, "SLURM_CONF", "TIMNET_CACHE"):
        monkeypatch.setenv(name, "7")
    before = dict(os.environ)
    SlurmEngine(shared, SlurmOptions()).submit(attempts(shared, 1))
    assert dict(os.environ) == before
    for command in ("sbatch", "scontrol"):
        assert not fake.environment(command) & set(outer)
        assert fake.environment(command) >= {"SLURM_CONF", "TIMNET_CACHE"}
    assert "#SBATCH --time=7" in (fake.folder / "script").read_text()


def test_a_limit_of_jobs_is_no_refusal_and_leaves_nothing(fake: Fake, shared: Path) -> None:
    fake.answers("sbatch", err="sbatch: error: AssocMaxSubmitJobLimit\n", status=1)
    with pytest.raises(EngineAway, match=r"Slurm takes no more jobs for now \(AssocMaxSubmitJobLimit\)"):
        SlurmEngine(shared, SlurmOptions()).submit(attempts(shared, 2))
    assert list((shared / "slurm").iterdir()) == []


def test_a_job_whose_number_never_came_back_is_cancelled(fake: Fake, shared: Path) -> None:
    folder = attempts(shared, 1)[0]
    fake.answers("sbatch", err="sbatch: error: Batch job submission failed: Socket timed out on send/recv\n", status=1)
    fake.answers("squeue", "15|timnet-ffffffffffffffff\n16|(null)\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("secrets.token_hex", lambda _bytes: "f" * 16)
        with pytest.raises(EngineAway, match="Slurm does not answer"):
            SlurmEngine(shared, SlurmOptions()).submit([folder])
    assert fake.asked("scancel") == ["15"]


def test_one_list_answers_for_all_jobs_and_the_others_are_looked_up(fake: Fake, shared: Path) -> None:
    fake.answers("squeue", "12_0|RUNNING|n1|None\n12_1|PENDING||Priority\n99|RUNNING|n9|None\nslurm: odd\n")
    fake.answers("scontrol", "JobId=14 ArrayJobId=12 ArrayTaskId=2 JobState=FAILED Reason=x ExitCode=3:0 NodeList=n2\n")
    fake.answers("sacct", "13|CANCELLED by 1000|0:15|n3\n14|COMPLETED|0:0|n3\n")
    engine = SlurmEngine(shared, SlurmOptions())
    found = engine.poll(["12_0", "12_1", "12_2", "13", "15"])
    assert found == {
        "12_0": Status(Phase.RUNNING, "", "n1"),
        "12_1": Status(Phase.PENDING, "Priority (jobs before it come first)"),
        "12_2": Status(Phase.GONE, "FAILED, status 3", "n2", 3),
        "13": Status(Phase.GONE, "CANCELLED by 1000", "n3", -15, blameless=True),
        "15": Status(Phase.GONE, "Slurm does not know it any more"),
    }
    assert len(fake.asked("squeue")) == 1
    assert fake.asked("scontrol") == [f"-o show job {job}" for job in (12, 13, 15)]
    assert len(fake.asked("sacct")) == 1
    assert engine.poll([]) == {}


@pytest.mark.parametrize(
    ("command", "err"),
    [
        ("squeue", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"),
        ("squeue", "squeue: error: something new"),
        ("scontrol", "slurm_load_jobs error: Socket timed out on send/recv operation"),
        ("scontrol", "scontrol: error: something new"),
    ],
)
def test_nothing_is_concluded_from_an_error(fake: Fake, shared: Path, command: str, err: str) -> None:
    fake.answers(command, "", err, 1)
    with pytest.raises(EngineAway, match="Slurm does not answer"):
        SlurmEngine(shared, SlurmOptions()).poll(["12", "13"])


def test_a_task_that_was_cancelled_while_it_waited_is_not_to_blame(fake: Fake, shared: Path) -> None:
    jobs = SlurmEngine(shared, SlurmOptions()).submit(attempts(shared, 2))
    (kept,) = (shared / "slurm").iterdir()
    (kept / f"{jobs[0]}_0_log.out").touch()
    fake.answers("scontrol", "JobId=12 ArrayJobId=12 ArrayTaskId=4294967294 JobState=CANCELLED ExitCode=0:0\n")
    assert SlurmEngine(shared, SlurmOptions()).poll(jobs) == {
        jobs[0]: Status(Phase.GONE, "Slurm does not know it any more"),
        jobs[1]: Status(Phase.GONE, "CANCELLED before it began", blameless=True),
    }


def test_a_job_that_could_not_even_begin_says_why(fake: Fake, shared: Path) -> None:
    (job,) = SlurmEngine(shared, SlurmOptions()).submit(attempts(shared, 1))
    (kept,) = (shared / "slurm").iterdir()
    said = "Traceback ...\nModuleNotFoundError: No module named 'timnet'\nsrun: error: n1: task 0: Exited\n"
    (kept / f"{job}_0_log.err").write_text(said)
    fake.answers("scontrol", f"JobId={job} JobState=FAILED Reason=NonZeroExitCode ExitCode=1:0 NodeList=n1\n")
    status = SlurmEngine(shared, SlurmOptions()).poll([job])[job]
    assert status.reason == "FAILED, status 1: ModuleNotFoundError: No module named 'timnet'"


def test_jobs_that_nobody_knows_are_gone(fake: Fake, shared: Path) -> None:
    for command in ("squeue", "scontrol"):
        fake.answers(command, "", "slurm_load_jobs error: Invalid job id specified", 1)
    fake.answers("sacct", "", "Slurm accounting storage is disabled", 1)
    engine = SlurmEngine(shared, SlurmOptions())
    assert engine.poll(["12"]) == engine.poll(["12"]) == {"12": Status(Phase.GONE, "Slurm does not know it any more")}
    assert len(fake.asked("sacct")) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"submission": "../..", "task": 0}', '{"submission": 3, "task": 0}'])
def test_a_broken_note_names_no_job(fake: Fake, shared: Path, text: str) -> None:
    folder = attempts(shared, 1)[0]
    (folder.engine / "submission.json").write_text(text)
    engine = SlurmEngine(shared, SlurmOptions())
    assert engine.find(folder) is None
    engine.forget("12", folder)
    assert folder.folder.exists()


def test_an_id_of_a_registry_that_is_somebody_elses_reaches_no_command(fake: Fake, shared: Path) -> None:
    folder = attempts(shared, 1)[0]
    (shared / "slurm" / "a").mkdir(parents=True)
    kept = shared / "slurm" / "a" / "12_0_submitted.pkl"
    kept.touch()
    engine = SlurmEngine(shared, SlurmOptions())
    odd = ["--user=root", "*", "../../x", "12;13", "", "１２"]
    assert {status.phase for status in engine.poll(odd).values()} == {Phase.GONE}
    engine.cancel(odd)
    for job in odd:
        engine.forget(job, folder)
    assert kept.exists()
    assert fake.asked("squeue") == fake.asked("scontrol") == fake.asked("scancel") == []


# the check

ANSWER = {
    "sees": True, "node": "n1", "host": "box", "cores": 4, "devices": "0", "python": "/p", "timnet": __version__,
    "tensorflow": True,
}  # fmt: skip


DONE = Status(Phase.GONE, "COMPLETED", "n1", 0)


@pytest.mark.parametrize(
    ("status", "files", "problem"),
    [
        (DONE, {"answer.json": json.dumps(ANSWER)}, None),
        (DONE, {"answer.json": json.dumps({**ANSWER, "sees": False})}, "n1 does not see what is written here"),
        (DONE, {"answer.json": json.dumps({**ANSWER, "timnet": "9.9"})}, "n1 has timnet 9.9, here is"),
        (DONE, {"answer.json": json.dumps({**ANSWER, "tensorflow": False})}, "n1 finds no TensorFlow with /p"),
        (Status(Phase.GONE, "FAILED, status 1", "n1", 1), {"12_0_log.err": "Traceback\nModuleNotFoundError: No module "
         "named 'timnet'\nsrun: error: n1: task 0: Exited with exit code 1\n"},
         r"failed on n1 \(FAILED, status 1\): ModuleNotFoundError: No module named 'timnet'"),
        (Status(Phase.GONE, "FAILED, status 1", "n1", 1), {}, "ended on n1 without a word .* does not see"),
        (Status(Phase.RUNNING, "", "n1"), {}, "runs on n1, but nothing of it is seen here"),
        (Status(Phase.PENDING, "Priority"), {}, "did not start in time: Slurm says Priority"),
    ],
)  # fmt: skip
def test_the_check_says_what_is_wrong(
    fake: Fake,
    shared: Path,
    status: Status,
    files: dict[str, str],
    problem: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slurm_check, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(SlurmEngine, "poll", lambda _self, ids: dict.fromkeys(ids, status))

    def submitted(self: SlurmEngine, _calls: object, _minutes: int, token: str) -> list[str]:
        for name, text in files.items():
            (self.folder_of(token) / name).write_text(text)
        return ["12"]

    monkeypatch.setattr(SlurmEngine, "submit_calls", submitted)
    said: list[str] = []
    problems = slurm_check.check(shared, SlurmOptions(), said.append, 0.0)
    if problem is None:
        assert problems == []
        assert "both sides see what the other one writes in the shared folder" in said
    else:
        (line,) = problems
        assert re.search(problem, line)
    assert all(line.isprintable() for line in [*said, *problems])
    assert list((shared / "slurm").iterdir()) == []
