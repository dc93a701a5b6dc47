"""What Slurm prints, read without one: lists, times, ends, errors; and what is asked of it."""

from __future__ import annotations

import signal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from timnet.errors import BadInput
from timnet.queue.engines import slurm_words as words
from timnet.queue.engines.engine import EngineAway, Phase
from timnet.queue.engines.slurm_options import UNLIMITED_MINUTES, SlurmOptions, warning_seconds
from timnet.queue.engines.slurm_words import Listed, Partition
from timnet.text import clean

TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30)
PLAIN = st.text("abcXYZ019[]-,", min_size=1, max_size=12)
JOBS = st.builds(
    lambda a, b: f"{a}" if b is None else f"{a}_{b}", st.integers(1, 10**9), st.none() | st.integers(0, 4000)
)
ONE_LINE = (
    "JobId=5 ArrayJobId=3 ArrayTaskId=0 JobName=timnet UserId=root(0) JobState=TIMEOUT Reason=TimeLimit Requeue=1 "
    "ExitCode=0:15 NodeList=n2 Command=/x y/JobState=FAILED Comment=timnet-0123 "
)


@given(st.lists(st.tuples(JOBS, PLAIN, PLAIN, TEXT), max_size=8), st.lists(TEXT, max_size=4))
def test_a_list_of_jobs_is_read_whatever_the_reasons_and_other_lines_are(
    rows: list[tuple[str, str, str, str]], noise: list[str]
) -> None:
    lines = ["|".join(row) for row in rows] + [line for line in noise if "|" not in line]
    found = list(words.squeue_jobs("\n".join(lines)))
    assert [(one.job, one.state, one.node) for one in found] == [row[:3] for row in rows]
    assert all(one.reason == clean(one.reason) for one in found)


@given(st.text(max_size=200))
def test_no_text_breaks_the_readers(text: str) -> None:
    for read in (words.squeue_jobs, words.scontrol_jobs, words.sacct_jobs):
        for one in read(text):
            assert words.status_of(one).phase in Phase
    assert "\n" not in words.words_of(text)
    words.partitions(text)
    words.comments(text)
    words.exit_status_of(text)


@given(st.integers(0, 300), st.integers(0, 130))
def test_an_exit_status_is_a_status_or_a_signal_that_there_is(status: int, by: int) -> None:
    found = words.exit_status_of(f"{status}:{by}")
    assert found is None or found >= 0 or signal.Signals(-found)


def test_all_tasks_of_an_array_that_still_wait_are_one_line() -> None:
    line = (
        "JobId=3 ArrayJobId=3 ArrayTaskId=1-3,7,10-14:2%4 JobName=timnet JobState=PENDING Reason=Priority ExitCode=0:0"
    )
    tasks = [one.job for one in words.scontrol_jobs(f"{ONE_LINE}\n{line}\nJobId=9 JobState=RUNNING\n")]
    assert tasks == ["3_0", "3_1", "3_2", "3_3", "3_7", "3_10", "3_12", "3_14", "9"]
    assert next(words.scontrol_jobs(ONE_LINE)) == Listed("3_0", "TIMEOUT", "n2", "TimeLimit", "0:15")


@pytest.mark.parametrize(
    ("job", "phase", "reason", "exit_status", "blameless"),
    [
        (Listed("1", "PENDING", reason="Priority"), "pending", "Priority (jobs before it come first)", None, False),
        (Listed("1", "PENDING", reason="ReqNodeNotAvail, UnavailableNodes:n1"), "pending",
         "ReqNodeNotAvail, UnavailableNodes:n1 (nodes that it needs are down or reserved)", None, False),
        (Listed("1", "PENDING"), "pending", "Slurm has not looked at it yet", None, False),
        (Listed("1", "REQUEUE_HOLD"), "pending", "REQUEUE_HOLD", None, False),
        (Listed("1", "CONFIGURING", "n1"), "pending", "CONFIGURING", None, False),
        (Listed("1", "RUNNING", "n1"), "running", "", None, False),
        (Listed("1", "SUSPENDED", "n1"), "running", "SUSPENDED", None, False),
        (Listed("1", "COMPLETING", "n1"), "running", "COMPLETING", None, False),
        (Listed("1", "WHAT_COMES_NEXT", "n1"), "running", "WHAT_COMES_NEXT", None, False),
        (Listed("1", "COMPLETED", "n1", exit_code="0:0"), "gone", "COMPLETED", 0, False),
        (Listed("1", "FAILED", "n1", exit_code="3:0"), "gone", "FAILED, status 3", 3, False),
        (Listed("1", "FAILED", "n1", exit_code="137:0"), "gone", "FAILED, killed by SIGKILL", -9, False),
        (Listed("1", "FAILED", "n1", exit_code="0:11"), "gone", "FAILED, killed by SIGSEGV", -11, False),
        (Listed("1", "CANCELLED", "n1", "by 1000", "0:15"), "gone", "CANCELLED by 1000", -15, True),
        (Listed("1", "CANCELLED+", "n1", exit_code="0:0"), "gone", "CANCELLED", 0, True),
        (Listed("1", "TIMEOUT", "n1", "TimeLimit", "0:0"), "gone",
         "TIMEOUT: its time limit was reached; ask for more with --time", 0, False),
        (Listed("1", "PREEMPTED", "n1"), "gone", "PREEMPTED: its node was wanted for another job", None, True),
        (Listed("1", "NODE_FAIL", "n1"), "gone", "NODE_FAIL: its node failed", None, True),
        (Listed("1", "OUT_OF_MEMORY", "n1", exit_code="0:125"), "gone",
         "OUT_OF_MEMORY: it took more memory than it had asked for; ask for more with --mem", -9, False),
    ],
)  # fmt: skip
def test_where_a_job_is(job: Listed, phase: str, reason: str, exit_status: int | None, blameless: bool) -> None:
    status = words.status_of(job)
    found = (status.phase, status.reason, status.exit_status, status.blameless)
    assert found == (phase, reason, exit_status, blameless)


def test_the_accounting_tells_who_has_cancelled_a_job() -> None:
    (one,) = words.sacct_jobs("12_3|CANCELLED by 1000|0:15|n1\n12_3.batch|CANCELLED|0:15|n1\n")
    assert words.status_of(one).reason == "CANCELLED by 1000"


@given(st.integers(0, 9), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_times_are_read_as_slurm_reads_them(days: int, hours: int, minutes: int, seconds: int) -> None:
    whole = (days * 24 + hours) * 60 + minutes
    up = whole + (seconds > 0)
    assert words.minutes_of(f"{days}-{hours:02}:{minutes:02}:{seconds:02}") == up
    assert words.minutes_of(f"{days}-{hours}:{minutes}") == whole
    assert words.minutes_of(f"{days}-{hours}") == whole - minutes
    assert words.minutes_of(f"{days * 24 + hours}:{minutes:02}:{seconds:02}") == up
    assert words.minutes_of(f"{minutes}:{seconds:02}") == minutes + (seconds > 0)
    assert words.minutes_of(str(minutes)) == minutes
    assert words.minutes_of(words.in_hours(whole)) == whole


@given(st.text(max_size=12))
@example("1:2:3:4")
@example("-5")
@example("٣")
def test_what_is_no_time_limit_is_refused_in_one_line(text: str) -> None:
    try:
        minutes = words.minutes_of(text)
    except ValueError:
        minutes = 0
    if minutes:
        assert SlurmOptions(time=text).minutes() == minutes
    elif text:
        with pytest.raises(BadInput, match="--time") as caught:
            SlurmOptions(time=text).minutes()
        assert "\n" not in str(caught.value)


def test_partitions_and_what_a_job_may_ask_for() -> None:
    known = words.partitions(
        "PartitionName=gpu Default=NO DefaultTime=04:00:00 MaxTime=1-00:00:00 State=UP TotalNodes=3\n"
        "PartitionName=cpu Default=YES DefaultTime=NONE MaxTime=UNLIMITED State=DOWN TotalNodes=1\n"
    )
    assert known == [Partition("gpu", False, "UP", 240, 1440, 3), Partition("cpu", True, "DOWN", None, None, 1)]
    assert SlurmOptions(partition="gpu").minutes_in(known) == 240
    assert SlurmOptions(partition="gpu", time="90").minutes_in(known) == 90
    assert SlurmOptions().minutes_in(known) == UNLIMITED_MINUTES
    assert SlurmOptions(partition="cpu,gpu", time="1-0").minutes_in(known) == 1440
    with pytest.raises(BadInput, match="gpu allows at most --time 24:00:00"):
        SlurmOptions(partition="cpu,gpu", time="1-1").minutes_in(known)
    with pytest.raises(BadInput, match=r"no partition 'cup'; there are: gpu, cpu \(default\)"):
        SlurmOptions(partition="cup").minutes_in(known)
    with pytest.raises(BadInput, match="no default partition here; choose one with --partition: gpu"):
        SlurmOptions().minutes_in(known[:1])


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"time": "soon"}, "--time 'soon' is no time limit"),
        ({"time": "0"}, "--time '0' is no time limit"),
        ({"cpus_per_task": 0}, "--cpus 0"),
        ({"array_parallelism": 0}, "--array-parallelism 0"),
        ({"partition": "a\nb"}, "--partition .* holds characters"),
        ({"gres": "gpu:1 --wrap=x"}, "--gres .* holds characters"),
        ({"mem": "\x1b[2J"}, "--mem .* holds characters"),
        ({"extra": ["array=0-9"]}, "timnet sets this one itself"),
        ({"extra": ["--job_name=x"]}, "timnet sets this one itself"),
        ({"extra": ["partition=gpu"]}, "--slurm partition: it has an option of its own, --partition"),
        ({"extra": ["cpus_per_task=4"]}, "an option of its own, --cpus"),
        ({"extra": ["mail;rm"]}, "is no option of sbatch"),
        ({"extra": ["exclude=a\nb"]}, "--slurm exclude .* holds characters"),
    ],
)
def test_options_that_slurm_could_not_understand_are_refused(values: dict[str, object], complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint) as caught:
        SlurmOptions.checked(**values)
    assert str(caught.value).isprintable()


def test_options_reach_submitit() -> None:
    options = SlurmOptions.checked(gres="gpu:1", cpus_per_task=4, extra=["exclusive", "--mail_type=END"])
    found = options.parameters(120, "timnet-1")
    assert found["additional_parameters"] == {"requeue": True, "exclusive": True, "mail-type": "END"}
    assert found["srun_args"] == ["--cpus-per-task=4"]
    assert (found["time"], found["gres"], found["signal_delay_s"]) == (120, "gpu:1", 120)
    assert not {"partition", "mem", "account", "qos", "constraint"} & found.keys()
    assert [warning_seconds(minutes) for minutes in (1, 10, 1000)] == [10, 60, 120]


def test_a_users_own_defaults_count_where_nothing_is_asked_for() -> None:
    mine = {"SBATCH_PARTITION": "gpu", "SBATCH_TIMELIMIT": "30", "SBATCH_ARRAY_INX": "0-9"}
    assert SlurmOptions(time="10").with_defaults(mine) == SlurmOptions(partition="gpu", time="10")


@pytest.mark.parametrize(
    ("said", "kind", "line"),
    [
        ("sbatch: error: invalid partition specified: foo\nsbatch: error: Batch job submission failed: Invalid "
         "partition name specified", BadInput, "invalid partition specified: foo; Batch job submission failed"),
        ("sbatch: error: QOSMaxWallDurationPerJobLimit\nsbatch: error: Batch job submission failed: Job violates "
         "accounting/QOS policy (job submit limit, user's size and/or time limits)", BadInput, "QOSMaxWallDuration"),
        ("sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates "
         "accounting/QOS policy (job submit limit, user's size and/or time limits)", EngineAway, "AssocMaxSubmitJob"),
        ("sbatch: error: QOSMaxSubmitJobPerUserLimit", EngineAway, "takes no more jobs for now"),
        ("sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified",
         BadInput, "Invalid account"),
        ("sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
         EngineAway, "does not answer"),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv", EngineAway, "timed out"),
        ("sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying", EngineAway, "temporarily"),
        ("sbatch: unrecognized option '--x'\nTry \"sbatch --help\" for more information", BadInput, "unrecognized"),
        ("", BadInput, "without a word"),
    ],
)  # fmt: skip
def test_slurms_errors_are_told_apart(said: str, kind: type[Exception], line: str) -> None:
    error = words.refusal(words.words_of(said))
    assert type(error) is kind
    assert line in str(error)
    assert "sbatch: error" not in str(error)


def test_an_error_of_any_length_with_anything_in_it_is_one_short_line() -> None:
    found = words.words_of("slurm_load_jobs error: \x1b[2J\u202e" + "x" * 10_000)
    assert len(found) == words.LONGEST_WORDS
    assert found.isprintable()
