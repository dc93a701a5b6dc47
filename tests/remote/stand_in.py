"""Stand-ins for jobs on other machines: the same spools and files as a training process writes, and no network.

``python -m tests.remote.stand_in FOLDER SHARED JOBS SECONDS...`` is a head for each of ``SECONDS``, after which it is
killed, and one that comes to the end; their jobs are forked from them. What a job does on its way stands in
``plan.json`` beside the shared folder: for each run's uid what each attempt does, and ``seconds`` for an epoch.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np

from tests.queue.away import Away
from tests.support import REPOSITORY, add_corpus, add_experiment, epoch_record
from timnet.errors import OUT_OF_ROOM, BadInput, DiskFull, Fenced
from timnet.features.build import wanted_of
from timnet.features.cache import FeatureCache
from timnet.files import fenced, write_bytes, write_text
from timnet.paths import AttemptPaths
from timnet.records import CorpusRecord, EventKind, Prediction, TrainingConfig, Want
from timnet.registry import Registry
from timnet.remote.carrier import LEFT
from timnet.remote.parcel import Parcel
from timnet.remote.spool import Spool
from timnet.states import INTENT_LEADS_TO

UTTERANCES = 20


@dataclass(frozen=True)
class Plan:
    """What a job does: how long an epoch takes, after which it is killed, and whether it leaves for a while there."""

    seconds: float = 0.0
    dies_after: int = 0
    leaves_after: int = 0
    deaf: bool = False
    twin: bool = False
    """The engine starts the same job twice; the first start goes on as long as it may."""


class StandIn:
    """One start of a job."""

    def __init__(self, folder: AttemptPaths, job: str = "1") -> None:
        self.folder = folder
        self.parcel = Parcel.read(folder.parcel)
        self.spool = Spool.begin_in(folder)
        self.spool.hello(host="node7", pid=os.getpid(), job=job)
        self.history = self._restored()
        text = f"resumed after epoch {self.epoch} on node7" if self.epoch else "started on node7"
        self.spool.begin([epoch_record(epoch) for epoch in range(1, self.epoch + 1)], text)

    @property
    def epoch(self) -> int:
        return self.history

    def _restored(self) -> int:
        points = self.folder.run.checkpoints()
        return int(json.loads(points[-1].read_bytes())["epoch"]) if points else 0

    def train(self) -> Want | None:
        """One epoch: its line, then its resume point, then where that lies."""
        epoch = self.history + 1
        record = epoch_record(epoch)
        run = self.folder.run
        if epoch % 5 == 0:
            write_bytes(run.best_weights(epoch), f"best {epoch}".encode())
        want = self.spool.epoch(record)
        with fenced(self.spool.owning):
            write_bytes(run.checkpoint(epoch), json.dumps({"epoch": epoch, "record": asdict(record)}).encode())
            for path in run.checkpoints()[:-2]:
                path.unlink(missing_ok=True)
            run.drop_old_best(epoch - epoch % 5)
        self.spool.checkpoint("last", epoch, run.checkpoint(epoch))
        self.history = epoch
        return want

    def finish(self) -> None:
        """The result."""
        parcel, run = self.parcel, self.folder.run
        write_bytes(run.final_weights, f"final of {parcel.key}".encode())
        self.spool.checkpoint("final", self.history, run.final_weights)
        write_bytes(run.embeddings, f"embeddings of {parcel.key}".encode())
        self.spool.done(0.75, 0.5, predictions_of(parcel), run.embeddings, "done")

    def leave(self, want: Want) -> None:
        """As asked."""
        kind = {Want.PAUSE: EventKind.PAUSED, Want.CANCEL: EventKind.CANCELLED}[want]
        self.spool.end(INTENT_LEADS_TO[want], kind, f"{INTENT_LEADS_TO[want]} by the user")


def predictions_of(parcel: Parcel) -> list[Prediction]:
    share = 1 / len(parcel.classes)
    return [
        Prediction(item, parcel.labels[item], (parcel.labels[item] + item % 2) % len(parcel.classes),
                   (share,) * len(parcel.classes))
        for item in parcel.test
    ]  # fmt: skip


def be_a_job(folder: AttemptPaths, plan: Plan) -> int:
    """Train to the end, or as far as the plan goes."""
    with folder.log.open("ab", buffering=0) as log:
        try:
            job = StandIn(folder, (folder.engine / "job").read_text())
            log.write(f"start {job.spool.start} of attempt {job.parcel.attempt} after epoch {job.epoch}\n".encode())
            while job.epoch < job.parcel.config.epochs:
                time.sleep(plan.seconds)
                want = job.train()
                log.write(f"epoch {job.epoch}\n".encode())
                if job.epoch == plan.dies_after:
                    os.kill(os.getpid(), signal.SIGKILL)
                if want is not None and not plan.deaf:
                    job.leave(want)
                    return 0
                if job.epoch == plan.leaves_after:
                    job.spool.left("leaves its node for a while")
                    return LEFT
            job.finish()
        except Fenced as error:
            log.write(f"{error}\n".encode())
            return error.exit_code
        except DiskFull:
            return OUT_OF_ROOM
    return 0


class Pretending(Away):
    """Forks stand-ins. A job whose process leaves for a while is started again."""

    def _start(self, folder: AttemptPaths) -> str:
        ours, theirs = os.pipe()
        between = os.fork()
        if between == 0:
            os.setsid()
            job = os.fork()
            if job:
                (folder.engine / f"{job}.job").touch()
                os.write(theirs, str(job).encode())
                os._exit(0)
            out = os.open(folder.engine / "output", os.O_WRONLY | os.O_CREAT)
            os.dup2(out, 1)
            os.dup2(out, 2)
            os.closerange(3, 1024)  # the head's locks and its registry among them
            _run(lambda: _be_the_engine(folder))
        os.waitpid(between, 0)
        job = os.read(ours, 20).decode()
        os.close(ours)
        os.close(theirs)
        return job


def _run(what: Callable[[], int]) -> NoReturn:
    """In a forked process, which must not go on as the one that it was forked from."""
    status = 1
    try:
        status = what()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _be_the_engine(folder: AttemptPaths) -> int:
    """One job of the engine: it starts the stand-in, and again where that left for a while."""
    write_text(folder.engine / "job", str(os.getpid()))
    plan, status = plan_of(folder), LEFT
    while status == LEFT:
        if plan.twin and os.fork() == 0:
            _run(partial(be_a_job, folder, Plan(plan.seconds)))
        status = be_a_job(folder, plan)
        plan = replace(plan, leaves_after=0, twin=False)
    if status == 75:  # it was the first of two, and the other one goes on
        with suppress(ChildProcessError):
            os.wait()
    return status


def plan_of(folder: AttemptPaths) -> Plan:
    try:
        plans = json.loads((folder.shared.parent / "plan.json").read_text())
    except FileNotFoundError:
        return Plan()
    uid, _, attempt = folder.folder.name.rpartition("-a")
    mine = plans.get(uid, [])
    told = mine[int(attempt) - 1] if int(attempt) <= len(mine) else {}
    return Plan(**{"seconds": plans.get("seconds", 0.0), **told})


def fill_cache(cache: Path, corpus: CorpusRecord) -> None:
    """Features of a corpus that nobody recorded."""
    wanted = wanted_of(corpus)
    row = np.zeros(wanted.shape[1:], np.float32)
    FeatureCache(cache).write(wanted.key, wanted.shape, (row for _ in range(wanted.shape[0])), {"corpus": corpus.name})


def small_registry(folder: Path, runs: int = 10, epochs: int = 20) -> Registry:
    """One experiment of so many waiting runs, whose features are in ``folder/cache``."""
    registry = Registry.open(folder / "runs.db")
    corpus = add_corpus(registry, utterances=UTTERANCES)
    fill_cache(folder / "cache", corpus)
    config = TrainingConfig(epochs=epochs, select="best", monitor="val_loss", check_every=5)
    add_experiment(registry, corpus, folds=runs, config=config, preset="seed")
    return registry


def heads(
    folder: Path, jobs: int, kills: Sequence[float] = (), shared: str = "shared", **environment: str
) -> subprocess.Popen[bytes]:
    """Real heads over stand-ins, all but the last of which are killed."""
    with (folder / "head.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.remote.stand_in", str(folder), shared, str(jobs), *map(str, kills)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=REPOSITORY, start_new_session=True,
            env={**os.environ, "TIMNET_CACHE": str(folder / "cache"), "TIMNET_MAX_CRASHES": "1000",
                 **environment},
        )  # fmt: skip


def be_a_head(folder: Path, shared: str, jobs: int) -> int:
    from timnet import settings as settings_module
    from timnet.queue import head, liveness

    with Registry.open(folder / "runs.db") as registry:
        terms = head.Terms(folder / shared, jobs)
        one = head.Head(registry, settings_module.load(), Pretending(), terms, liveness.new_worker_uid())
        while True:
            try:
                one.run()
            except BadInput:  # a job was just forked and holds the lock of the head before for a moment
                time.sleep(0.01)
            else:
                return 0


def main() -> int:
    from timnet.queue import attendant, dispatch, head, liveness, presence
    from timnet.remote import spool

    # what waits for slow file systems and engines need not wait here
    liveness.BACK_OFF_SECONDS, head.LOOK_SECONDS, attendant.LOOK_SECONDS = 0.0, 0.02, (0.02, 0.1)
    attendant.POLL_SECONDS, attendant.SETTLE_SECONDS, attendant.RESUME_SECONDS = 0.1, 0.2, 0.05
    presence.HINDERED_SECONDS = attendant.TROUBLED_SECONDS = 0.1
    dispatch.PATIENCE_SECONDS = (0.2, 1.0)
    spool.AWAY_SECONDS = 60.0  # a test that has ended has taken its folders away
    attendant.GRACE_SECONDS = spool.LOOK_SECONDS = 0.3
    folder, shared, jobs = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    for seconds in map(float, sys.argv[4:]):
        one = os.fork()
        if one == 0:
            _run(lambda: be_a_head(folder, shared, jobs))
        time.sleep(seconds)
        os.kill(one, signal.SIGKILL)
        os.waitpid(one, 0)
    return be_a_head(folder, shared, jobs)


if __name__ == "__main__":
    sys.exit(main())
