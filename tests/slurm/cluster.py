"""A real Slurm of two nodes on loopback, in a folder of its own: for whoever runs it, and gone when it is stopped."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil

DAEMONS = ("slurmctld", "slurmd")
NODES = ("n1", "n2")
PATIENCE = 60.0

# no munge, no accounting, no control groups: what is here is the scheduler, its protocol and its processes
CONFIGURATION = """
ClusterName=timnet
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,sched_min_interval=100000,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
InactiveLimit=0
KillWait=5
MinJobAge=300
MessageTimeout=5
SlurmctldTimeout=10
SlurmdTimeout=60
SlurmdParameters=config_overrides
NodeName={nodes[0]} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 RealMemory=2000
NodeName={nodes[1]} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 RealMemory=2000
PartitionName=debug Nodes=ALL Default=YES MaxTime=60 PriorityTier=1
PartitionName=short Nodes=ALL MaxTime=1 PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=60 PriorityTier=10 PreemptMode=OFF
"""


def missing() -> str:
    """Why no cluster can be started here; empty where one can."""
    absent = [name for name in (*DAEMONS, "sbatch", "srun") if shutil.which(name, path=_path()) is None]
    return f"Slurm's {', '.join(absent)} not installed; make test-slurm does that" if absent else ""


@dataclass
class Cluster:
    """Started by :meth:`start`; ``SLURM_CONF`` of :attr:`environment` is how its commands find it."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="timnet-slurm-")))
    _daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def configuration(self) -> Path:
        return self.folder / "slurm.conf"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SLURM_CONF": str(self.configuration), "PATH": _path()}

    def start(self) -> None:
        try:
            (self.folder / "state").mkdir(exist_ok=True)
            for node in NODES:
                (self.folder / f"spool-{node}").mkdir(exist_ok=True)
            host, user = socket.gethostname().partition(".")[0], getpass.getuser()
            self.configuration.write_text(
                CONFIGURATION.format(
                    folder=self.folder, host=host, user=user, ports=_free_ports(3), nodes=NODES
                ).lstrip()
            )
            self.start_controller()
            for node in NODES:
                self._run(node, "slurmd", "-D", "-N", node)
            self.wait(lambda: self.told("sinfo", "-h", "-o", "%D %t", "-p", "debug") == "2 idle", "two idle nodes")
        except BaseException:
            self.stop()
            raise

    def start_controller(self) -> None:
        self._run("controller", "slurmctld", "-D")
        self.wait(lambda: "UP" in self.told("scontrol", "ping"), "the controller")

    def stop_controller(self) -> None:
        self._end("controller")

    def stop(self) -> None:
        """End all jobs and daemons, and remove the folder."""
        with ExitStack() as after:
            after.callback(shutil.rmtree, self.folder, ignore_errors=True)
            after.callback(self._end_steps)
            for name in list(self._daemons):
                after.callback(self._end, name)
            controller = self._daemons.get("controller")
            if controller is not None and controller.poll() is None:
                self.told("scancel", "--full", "--signal=KILL", f"--user={getpass.getuser()}")
                self.told("scancel", f"--user={getpass.getuser()}")

    def clear(self) -> None:
        """No jobs any more."""
        self.told("scancel", f"--user={getpass.getuser()}")
        self.wait(lambda: not self.told("squeue", "-h"), "empty queue")

    def told(self, *arguments: str) -> str:
        """What a command prints, its complaints included."""
        done = subprocess.run(
            arguments, env=self.environment, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL
        )
        return (done.stdout + done.stderr).strip()

    def submit(self, command: str, *options: str) -> str:
        """Another user's job, so to say; returns its id."""
        where = self.folder / "others.txt"
        return self.told("sbatch", "--parsable", f"--output={where}", *options, f"--wrap={command}")

    def start_now(self, job: str) -> None:
        """Do not let a job wait that Slurm has taken back: it would for two minutes.

        A node refuses it in the second in which it was taken back, though, and then it waits for good.
        """
        time.sleep(1.5)
        self.told("scontrol", "update", f"jobid={job}", "starttime=now")

    def taken_back(self) -> list[str]:
        """The jobs that have run and wait again."""
        listed = self.told("squeue", "-h", "-r", "-t", "PENDING", "-o", "%i %r").splitlines()
        return [line.split()[0] for line in listed if line.endswith(" BeginTime")]

    def preempted(self) -> int:
        """How many jobs had to make room so far."""
        return (self.folder / "slurmctld.log").read_text(errors="replace").count("to reclaim resources")

    def hurry(self) -> None:
        """Let what Slurm has taken back start at once."""
        for job in self.taken_back():
            self.start_now(job)

    def wait(self, reached: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
        """Until something is reached; fails saying what the daemons said."""
        deadline = time.monotonic() + patience
        while not reached():
            if time.monotonic() > deadline:
                raise AssertionError(f"no {what} in {patience:.0f} s; {self.words()}")
            time.sleep(0.1)

    def words(self) -> str:
        queue = self.told("squeue", "-r", "-o", "%i %T %N %r")
        logs = [path.read_text(errors="replace")[-3000:] for path in sorted(self.folder.glob("*.log"))]
        return "\n".join([queue, *logs])

    def processes(self) -> list[psutil.Process]:
        """All processes of this cluster: its daemons, its steps, and what its jobs have started."""
        found = []
        for process in psutil.process_iter():
            try:
                mine = process.environ().get("SLURM_CONF") == str(self.configuration)
            except psutil.Error:
                continue
            if mine and process.pid != os.getpid():
                found.append(process)
        return found

    def _run(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.folder,
            )

    def _end(self, name: str) -> None:
        daemon = self._daemons.pop(name, None)
        if daemon is None:
            return
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def _end_steps(self) -> None:
        """Steps outlive their node's daemon, as they should; here nothing may stay."""
        for process in self.processes():
            if process.pid not in _own_line():
                process.kill()
        psutil.wait_procs(self.processes(), timeout=5)


def _own_line() -> set[int]:
    me = psutil.Process()
    return {me.pid, *(parent.pid for parent in me.parents())}


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _path() -> str:
    """Debian keeps the daemons where only root looks."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
