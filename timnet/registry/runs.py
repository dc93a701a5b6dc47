"""Runs in the registry: listing them, users' commands, claims, and what becomes of a dead one."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from timnet import clock
from timnet.clock import now
from timnet.errors import BadInput, UnknownName
from timnet.records import EventKind, ProcessProof, Run, RunState, Want
from timnet.registry.database import Database
from timnet.registry.filters import parse
from timnet.registry.narrow import walk
from timnet.registry.order import order_of, stretches
from timnet.registry.trouble import strange
from timnet.states import COMMANDS, INTENTS, KIND_OF_END, Command, after_crash

#: where the fields of :class:`Run` are not columns of ``runs`` by their own name
ELSEWHERE = {
    "protocol": "experiments.protocol",
    "preset": "experiments.preset",
    "selection": "experiments.selection",
    "optimistic": "experiments.optimistic",
    "seed": "experiments.seed",
    "folds": "experiments.folds",
    "pinned": "experiments.pinned",
    "engine": "attempts.engine",
    "host": "attempts.host",
    "pid": "attempts.pid",
    "job": "attempts.job",
    "waiting_for": "runs.reason",
    "tags": "(SELECT group_concat(tag, ' ') FROM tags WHERE experiment_id = experiments.id)",
}
FIELDS = tuple(field.name for field in fields(Run))
SELECT = f"""
    SELECT {", ".join(ELSEWHERE.get(name, f"runs.{name}") for name in FIELDS)}
    FROM runs
    JOIN experiments ON experiments.id = runs.experiment_id
    LEFT JOIN attempts ON attempts.run_id = runs.id AND attempts.attempt = runs.attempt
"""
STATES = {state.value: state for state in RunState}
WANTS: dict[str | None, Want | None] = {None: None, **{want.value: want for want in Want}}

#: seconds that a run waits at most after a crash
LONGEST_WAIT = 300.0

#: how many ids one query names at most
CHUNK = 500

EVENT_OF = {
    Command.PAUSE: (EventKind.PAUSED, "paused while it waited"),
    Command.RESUME: (EventKind.QUEUED, "resumed, waits again"),
    Command.CANCEL: (EventKind.CANCELLED, "cancelled while it waited"),
    Command.RETRY: (EventKind.RETRIED, "retried by the user"),
}


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that a worker may now execute as ``attempt``; it resumes after ``from_epoch``."""

    run_id: int
    uid: str
    key: str
    attempt: int
    from_epoch: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did to one run: ``now`` is the state it is in, ``intent`` what was left for its process."""

    key: str
    now: RunState
    intent: Want | None = None


class Runs:
    """The tables ``runs`` and ``attempts``."""

    def __init__(self, db: Database) -> None:
        self.db = db

    # listing

    def ls(
        self,
        filter_text: str = "",
        *,
        sort: str = "id",
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Run]:
        """Runs that match a filter (see :mod:`timnet.registry.filters`), sorted by a key of :data:`SORTS`.

        For a page of a long list see :mod:`timnet.registry.pages`, which does not count from the start.
        """
        condition, order = parse(filter_text), order_of(sort)
        if limit is None and not offset:
            gaps = f"runs.{order.columns[0]} IS NULL, " if order.gaps else ""
            [*_, last] = stretches(order, descending=descending)
            by = last.by if not order.gaps else f"runs.{order.columns[0]} {'DESC' if descending else 'ASC'}, {last.by}"
            return self._select(condition.sql, condition.parameters, f"ORDER BY {gaps}{by}")
        most = None if limit is None else limit + offset
        places = walk(self.db, condition, stretches(order, descending=descending), order, most)
        return self.by_ids([place[0] for place in places[offset:]])

    def get(self, key: str) -> Run:
        """The run ``experiment.fold``. Raises :class:`BadInput` for another form, :class:`UnknownName` for no such run."""
        experiment, dot, fold = key.partition(".")
        if not (dot and experiment.isdecimal() and fold.isdecimal()):
            raise BadInput(f"{key!r} is no run id; a run's id looks like 7.3 (experiment 7, fold 3)")
        found = self._select("runs.experiment_id = ? AND runs.fold = ?", (int(experiment), int(fold)))
        if not found:
            raise UnknownName(f"no run {key} here; list them with: timnet runs ls")
        return found[0]

    def by_id(self, run_id: int) -> Run:
        """The run with this row id. Raises :class:`UnknownName`."""
        found = self._select("runs.id = ?", (run_id,))
        if not found:
            raise UnknownName(f"no run with row id {run_id} in {self.db.path}")
        return found[0]

    def by_ids(self, ids: Sequence[int]) -> list[Run]:
        """The runs with these row ids, in their order; those that are gone are left out."""
        found: dict[int, Run] = {}
        for start in range(0, len(ids), CHUNK):
            some = ids[start : start + CHUNK]
            found |= {run.id: run for run in self._select(f"runs.id IN ({', '.join('?' * len(some))})", some)}
        return [found[run_id] for run_id in ids if run_id in found]

    def of_experiment(self, experiment_id: int) -> list[Run]:
        """All runs of one experiment, by fold."""
        return self._select("runs.experiment_id = ?", (experiment_id,), "ORDER BY runs.fold")

    def of_experiments(self, ids: Sequence[int]) -> list[Run]:
        """All runs of some experiments (a page of them), in the order of ``ids`` and by fold."""
        place = {experiment_id: index for index, experiment_id in enumerate(ids)}
        found = self._select(f"runs.experiment_id IN ({', '.join('?' * len(place))})", tuple(place))
        return sorted(found, key=lambda run: (place[run.experiment_id], run.fold))

    def running(self) -> list[Run]:
        """The runs that the registry believes are running."""
        return self._select("runs.state = 'running'")

    def engines(self) -> dict[str, tuple[int, int]]:
        """For each engine with running runs, how many, and how many of them :attr:`timnet.records.Run.submitted`."""
        rows = self.db.tuples(
            "SELECT attempts.engine, count(*), sum(runs.reason IS NOT NULL) FROM runs JOIN attempts "
            "ON attempts.run_id = runs.id AND attempts.attempt = runs.attempt "
            "WHERE runs.state = 'running' AND runs.hidden = 0 GROUP BY attempts.engine"
        )
        return {engine: (running, submitted) for engine, running, submitted in rows}

    def counts(self) -> dict[RunState, int]:
        """How many runs are in each state."""
        found = dict(self.db.tuples("SELECT state, count(*) FROM runs GROUP BY state"))
        hidden = dict(self.db.tuples("SELECT state, count(*) FROM runs WHERE hidden GROUP BY state"))
        return {state: found.get(state.value, 0) - hidden.get(state.value, 0) for state in RunState}

    def _select(self, where: str, parameters: Sequence[object] = (), tail: str = "") -> list[Run]:
        rows = self.db.tuples(f"{SELECT} WHERE runs.hidden = 0 AND {where} {tail}", parameters)
        return [run_of(row) for row in rows]

    # what users ask for

    def command(self, command: Command, keys: Sequence[str]) -> list[Outcome]:
        """Apply ``command`` to every run named, or to none when one of them cannot take it.

        A waiting run changes state at once; a running one gets an intent that its own process honours.
        """
        with self.db.write():
            return [self._command_one(command, self.get(key)) for key in keys]

    def _command_one(self, command: Command, run: Run) -> Outcome:
        from_states, to = COMMANDS[command]
        if run.state in from_states:
            kind, text = EVENT_OF[command]
            fresh = command is Command.RETRY
            if fresh:
                self._refuse_foreign(run)
            self.db.connection.execute(
                "UPDATE runs SET state = ?, want = NULL, reason = NULL, not_before = 0, updated = ?, "
                "crashes = iif(?, 0, crashes), error = iif(?, NULL, error) WHERE id = ?",
                (to, now(), fresh, fresh, run.id),
            )
            self.event(run.id, kind, text, epoch=run.epoch or None)
            return Outcome(run.key, to)
        if run.state is RunState.RUNNING and command in INTENTS:
            want = INTENTS[command]
            self.db.connection.execute("UPDATE runs SET want = ?, updated = ? WHERE id = ?", (want, now(), run.id))
            self.event(run.id, EventKind.INTENT, f"asked to {want}", attempt=run.attempt, epoch=run.epoch or None)
            return Outcome(run.key, run.state, want)
        if run.state is RunState.RUNNING and command is Command.RESUME and run.want is Want.PAUSE:
            self.db.connection.execute("UPDATE runs SET want = NULL WHERE id = ?", (run.id,))
            return Outcome(run.key, run.state)
        allowed = ", ".join(
            sorted(state.value for state in from_states | ({RunState.RUNNING} if command in INTENTS else set()))
        )
        raise BadInput(
            f"cannot {command} run {run.key}: it is {run.state}, and {command} is for runs that are {allowed}"
        )

    def _refuse_foreign(self, run: Run) -> None:
        """A fold that was trained elsewhere cannot be gone on with here: its experiment would mix two trainings."""
        row = self.db.row("SELECT source FROM experiments WHERE id = ?", (run.experiment_id,))
        if row is not None and row["source"] != "trained":
            raise BadInput(
                f"cannot retry run {run.key}: it was trained elsewhere ({row['source']}); train {run.corpus} anew: "
                f"timnet train {run.corpus} --preset {run.preset} --only {run.fold}"
            )

    def want_stop(self, run_ids: Sequence[int]) -> None:
        """Ask running runs to checkpoint and go back to the queue (a worker that ends)."""
        with self.db.write():
            self.db.connection.executemany(
                "UPDATE runs SET want = 'stop' WHERE id = ? AND state = 'running' AND want IS NULL",
                [(run_id,) for run_id in run_ids],
            )

    def prioritise(self, keys: Sequence[str], priority: int | None) -> list[Outcome]:
        """Set the priority of waiting runs; None means: ahead of all that wait."""
        with self.db.write():
            if priority is None:
                top = self.db.row("SELECT max(priority) AS top FROM runs WHERE state = 'queued'")
                priority = ((top or {}).get("top") or 0) + 1
            runs = [self.get(key) for key in keys]
            for run in runs:
                if run.state not in (RunState.QUEUED, RunState.PAUSED):
                    raise BadInput(
                        f"cannot move run {run.key}: it is {run.state}, and only waiting runs have a place in the queue"
                    )
                self.db.connection.execute(
                    "UPDATE runs SET priority = ?, updated = ? WHERE id = ?", (priority, now(), run.id)
                )
        return [Outcome(run.key, run.state) for run in runs]

    # what workers do

    def claim(
        self,
        lock: Callable[[str], int | None],
        proof: ProcessProof,
        engine: str,
        worker: str | None,
        ready: Callable[[int], bool] = lambda _: True,
    ) -> tuple[Claim, int] | None:
        """Take the next waiting run: its lock first (``lock(uid)`` gives a descriptor or None), then its row.

        Runs of a corpus (its row's id) that is not ``ready`` are passed over. Both are asked within the transaction.
        Returns the claim and the lock's descriptor, or None when nothing can be started now. No run waits longer than
        :data:`LONGEST_WAIT` after a crash, even where the clock was set back since.
        """
        descriptor = None
        time_now = clock.wall()
        try:
            with self.db.write():
                candidates = self.db.changed(
                    "SELECT id, uid, (SELECT corpus_id FROM experiments WHERE experiments.id = experiment_id) AS corpus "
                    "FROM runs WHERE state = 'queued' AND NOT (not_before > ? AND not_before <= ?) "
                    "ORDER BY priority DESC, place, id LIMIT 16",
                    (time_now, time_now + LONGEST_WAIT),
                )
                for candidate in candidates:
                    if not ready(candidate["corpus"]):
                        continue
                    descriptor = lock(candidate["uid"])
                    if descriptor is not None:
                        return self._start(candidate["id"], proof, engine, worker), descriptor
        except BaseException:
            if (
                descriptor is not None
            ):  # nothing was claimed, as for want of room: the lock must not outlast the attempt
                os.close(descriptor)
            raise
        return None

    def _start(self, run_id: int, proof: ProcessProof, engine: str, worker: str | None) -> Claim:
        time_now = now()
        row = self.db.changed(
            "UPDATE runs SET state = 'running', want = NULL, reason = NULL, error = NULL, not_before = 0, "
            "attempt = attempt + 1, updated = ? WHERE id = ? AND state = 'queued' RETURNING id, uid, experiment_id, fold, attempt, epoch",
            (time_now, run_id),
        )[0]
        self.db.connection.execute(
            "INSERT INTO attempts (run_id, attempt, engine, worker, host, boot_id, started, from_epoch) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (run_id, row["attempt"], engine, worker, proof.host, proof.boot_id, time_now, row["epoch"]),
        )
        key = f"{row['experiment_id']}.{row['fold']}"
        return Claim(run_id, row["uid"], key, row["attempt"], row["epoch"])

    def begin_import(self, run_id: int, proof: ProcessProof) -> Claim:
        """Take a run that was trained elsewhere, to record its result within the same transaction."""
        with self.db.write():
            return self._start(run_id, proof, "import", None)

    def started(self, claim: Claim, proof: ProcessProof) -> None:
        """Record which process executes an attempt."""
        with self.db.write():
            self.db.connection.execute(
                "UPDATE attempts SET pid = ?, pid_started = ? WHERE run_id = ? AND attempt = ?",
                (proof.pid, proof.started, claim.run_id, claim.attempt),
            )

    def reap(
        self,
        run_id: int,
        attempt: int,
        *,
        exit_code: int | None,
        error: str,
        max_crashes: int,
        back_off: float,
        blameless: bool = False,
    ) -> RunState | None:
        """Decide what becomes of a run whose process is gone. The caller HOLDS the run's lock, or is the one head.

        Honours an intent, and then counts no crash: the process was to leave anyway. Else requeues it to
        go on from its checkpoint, or fails it after ``max_crashes`` crashes. ``back_off`` is in seconds and
        grows with each crash; what is ``blameless`` counts as none. Returns the new state, or None when the process had ended the run properly.
        """
        with self.db.write():
            row = self.db.row(
                "SELECT want, crashes, epoch FROM runs WHERE id = ? AND attempt = ? AND state = 'running'",
                (run_id, attempt),
            )
            if row is None:
                return None
            want = Want(row["want"]) if row["want"] else None
            crashed = want is None and not blameless
            crashes = row["crashes"] + crashed
            delay = min(LONGEST_WAIT, back_off * (2 ** (crashes - 1) - 1)) if crashed else 0
            to = after_crash(Want.STOP if blameless and want is None else want, crashes, max_crashes)
            reason = f"{error}; goes on after epoch {row['epoch']}" if to is RunState.QUEUED else None
            self.db.connection.execute(
                "UPDATE runs SET state = ?, want = NULL, crashes = ?, reason = ?, error = ?, not_before = ?, updated = ? "
                "WHERE id = ?",
                (
                    to,
                    crashes,
                    reason,
                    error if to is not RunState.CANCELLED else None,
                    clock.wall() + delay if to is RunState.QUEUED else 0,
                    now(),
                    run_id,
                ),
            )
            self.end_attempt(run_id, attempt, to.value if blameless else "crashed", exit_code)
            if not blameless:
                self.event(run_id, EventKind.CRASHED, error, attempt=attempt, epoch=row["epoch"] or None)
            kind = KIND_OF_END[to] if blameless or to in (RunState.QUEUED, RunState.FAILED) else None
            if kind is not None:
                text = f"given up after {crashes} crashes" if to is RunState.FAILED else reason or error
                self.event(run_id, kind, text, epoch=row["epoch"] or None)
            return to

    def set_aside(self, run_id: int, attempt: int, text: str, exit_code: int | None) -> RunState | None:
        """Pause a run whose process had to leave for a reason that is not its own, such as a full disk.

        The caller HOLDS the run's lock. An intent is honoured as in :meth:`reap`, and no crash is counted. Returns the
        new state, or None when the attempt had ended properly.
        """
        with self.db.write():
            row = self.db.row(
                "SELECT want, epoch FROM runs WHERE id = ? AND attempt = ? AND state = 'running'", (run_id, attempt)
            )
            if row is None:
                return None
            to = RunState.CANCELLED if row["want"] == Want.CANCEL else RunState.PAUSED
            self.db.connection.execute(
                "UPDATE runs SET state = ?, want = NULL, reason = NULL, error = ?, updated = ? WHERE id = ?",
                (to, text if to is RunState.PAUSED else None, now(), run_id),
            )
            self.end_attempt(run_id, attempt, to.value, exit_code)
            kind = EventKind.PAUSED if to is RunState.PAUSED else EventKind.CANCELLED
            self.event(run_id, kind, text, attempt=attempt, epoch=row["epoch"] or None)
            return to

    def stalled(self, run_id: int, attempt: int, text: str) -> None:
        """Note that an attempt has not finished an epoch for long, if it still owns its run."""
        with self.db.write():
            row = self.db.row(
                "SELECT epoch FROM runs WHERE id = ? AND attempt = ? AND state = 'running'", (run_id, attempt)
            )
            if row is not None:
                self.event(run_id, EventKind.STALLED, text, attempt=attempt, epoch=row["epoch"] or None)

    def end_attempt(self, run_id: int, attempt: int, outcome: str, exit_code: int | None) -> None:
        """Close an attempt. To be called inside a transaction."""
        self.db.connection.execute(
            "UPDATE attempts SET ended = ?, outcome = ?, exit_code = ? WHERE run_id = ? AND attempt = ? AND ended IS NULL",
            (now(), outcome, exit_code, run_id, attempt),
        )

    def forget_checkpoints(self, run_id: int) -> None:
        """The run's resume point and best weights are about to go; its ``final`` ones stay."""
        with self.db.write():
            self.db.connection.execute("DELETE FROM checkpoints WHERE run_id = ? AND kind != 'final'", (run_id,))

    def event(
        self, run_id: int, kind: EventKind, text: str, *, attempt: int | None = None, epoch: int | None = None
    ) -> None:
        """Append an event. To be called inside a transaction."""
        self.db.connection.execute(
            "INSERT INTO events (run_id, attempt, time, kind, epoch, text) VALUES (?, ?, ?, ?, ?, ?)",
            (run_id, attempt, now(), kind, epoch, text),
        )


#: what a column's value becomes in its field, where that is not itself
CONVERTED: dict[int, Callable[[Any], Any]] = {
    FIELDS.index("state"): STATES.__getitem__,
    FIELDS.index("want"): WANTS.__getitem__,
    FIELDS.index("optimistic"): bool,
    FIELDS.index("pinned"): bool,
    FIELDS.index("tags"): lambda tags: tuple(tags.split()) if tags else (),
}


def run_of(row: tuple[Any, ...]) -> Run:
    """A run from a row of :data:`SELECT`: by place, as pages of a thousand are read while somebody scrolls."""
    values = list(row)
    try:
        for place, convert in CONVERTED.items():
            values[place] = convert(values[place])
    except (KeyError, AttributeError) as error:
        raise strange(f"the run in row {row[0]}", error) from error
    return Run(*values)
