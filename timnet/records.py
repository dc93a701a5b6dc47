"""The frozen records that every room shares. They hold values, never behaviour that does I/O.

Conventions: folds and epochs count from 1; scores are fractions in [0, 1]; times are UTC strings in
ISO 8601 (:func:`timnet.clock.now`); ``None`` stands for "no value", NaN never leaves the engine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Self

from timnet.errors import BadInput


class RunState(StrEnum):
    """Where a run stands in the queue's state machine (``timnet/queue/states.py``)."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Want(StrEnum):
    """What a user wants of a running run; its own process acts on it between steps."""

    PAUSE = "pause"
    CANCEL = "cancel"
    STOP = "stop"


class EventKind(StrEnum):
    """What an event tells. ``CHECK_*`` are the checkpoint rule's verdict, one an epoch."""

    QUEUED = "queued"
    STARTED = "started"
    RESUMED = "resumed"
    CHECK_IMPROVED = "check-improved"
    CHECK_NOT_IMPROVED = "check-not-improved"
    CHECK_SKIPPED = "check-skipped"
    EARLY_STOP = "early-stop"
    INTENT = "intent"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    RETRIED = "retried"
    REQUEUED = "requeued"
    CRASHED = "crashed"
    STALLED = "stalled"
    DIVERGED = "diverged"
    FAILED = "failed"
    DONE = "done"
    IMPORTED = "imported"
    CODE_CHANGED = "code-changed"


CHECK_KINDS = (EventKind.CHECK_IMPROVED, EventKind.CHECK_NOT_IMPROVED, EventKind.CHECK_SKIPPED)


@dataclass(frozen=True, slots=True)
class Utterance:
    """One recording of a corpus.

    ``path`` is relative to the corpus folder, with forward slashes. ``label`` is a canonical class name, or
    one of the user's own. ``sha256`` is the digest of the file's bytes. ``speaker``, ``sentence``, ``take`` and
    ``session`` are empty where the corpus does not tell. ``start`` and ``end`` are seconds into the file, for
    an utterance that is a part of one; ``end`` None means to its end.
    """

    path: str
    label: str
    speaker: str
    sentence: str = ""
    take: str = ""
    sha256: str = ""
    session: str = ""
    start: float = 0.0
    end: float | None = None


@dataclass(frozen=True, slots=True)
class CorpusRecord:
    """A corpus as registered: one immutable version of its list of utterances.

    ``utterances`` stand in published row order: class folders in alphabetical order, file names
    natural-sorted inside a class. ``digest`` covers every utterance, so that two versions with the same
    digest are the same data. ``signal_length`` is in samples at 22 050 Hz.
    """

    id: int
    name: str
    layout: str
    path: str
    digest: str
    classes: tuple[str, ...]
    signal_length: int
    tabs: int
    added: str
    utterances: tuple[Utterance, ...] = ()

    def labels(self) -> tuple[int, ...]:
        """The class of each utterance, as an index into ``classes``."""
        place = {name: index for index, name in enumerate(self.classes)}
        return tuple(place[utterance.label] for utterance in self.utterances)


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Every setting that decides a run's result; the ``config`` of an experiment.

    The defaults are the authors' published code (TIM-Net_SER, ``Code/TIMNET.py`` and ``main.py``, as
    corrected in August 2023): Adam with lr 1e-3, beta1 0.93, beta2 0.98, epsilon 1e-8; batch 64;
    500 epochs; label smoothing 0.1; dropout 0.1; 39 filters of kernel 2. ``variant`` is one of
    :data:`VARIANTS`; ``inner`` is the share of the training rows kept out as an inner validation set;
    ``average`` is how many last epochs' weights are averaged where ``select`` is ``average``. ``normalise`` is one of
    :data:`NORMALISATIONS`, ``schedule`` one of :data:`SCHEDULES`, and ``warmup`` the share of the
    training over which the learning rate rises. ``validate_every`` is how often the test fold and the inner validation
    set are asked while it trains. ``mask_frames`` and ``mask_coefficients`` are the most frames in a row
    and coefficients in a row that each training utterance loses in an epoch.
    """

    # the network
    filters: int = 39
    kernel_size: int = 2
    tabs: int = 8
    dropout: float = 0.1
    variant: str = "timnet"
    # what it reads
    normalise: str = "none"
    mask_frames: int = 0
    mask_coefficients: int = 0
    # the optimiser and the loss
    learning_rate: float = 1e-3
    schedule: str = "constant"
    warmup: float = 0.0
    beta1: float = 0.93
    beta2: float = 0.98
    epsilon: float = 1e-8
    batch_size: int = 64
    epochs: int = 500
    label_smoothing: float = 0.1
    # the checkpoint rule
    validate_every: int = 1
    check_every: int = 1
    check_from: int = 1
    monitor: str = "val_loss"
    min_delta: float = 0.0
    patience: int = 0
    select: str = "last"
    average: int = 10
    inner: float = 0.0

    def __post_init__(self) -> None:
        _check_config(self)

    @property
    def monitor_mode(self) -> str:
        """``"min"`` for a loss, ``"max"`` for a score."""
        return "min" if self.monitor.endswith("loss") else "max"

    @property
    def selection(self) -> str:
        """The selection rule's name, as it stands beside every number.

        ``last``: the last epoch. ``best-test``: the best check on the test fold; ``best-inner``: on the inner
        validation set, which is kept out of training; ``best-train``: on the training data. ``stop-test``,
        ``stop-inner`` and ``stop-train``: the last epoch, where early stopping on that data decided which epoch is
        the last. ``average-last-N``: the mean of the last N epochs' weights.
        """
        watched = {"val": "test", "inner": "inner"}.get(self.monitor.partition("_")[0], "train")
        if self.select == "best":
            return f"best-{watched}"
        if self.select == "average":
            return f"average-last-{self.average}"
        return f"stop-{watched}" if self.patience else "last"

    @property
    def optimistic(self) -> bool:
        """True where the test fold itself chose the epoch: the score is then too good."""
        return is_optimistic(self.selection)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as stored in the registry."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote; settings this version does not know are refused."""
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise BadInput(f"unknown setting {unknown[0]!r}; known: {', '.join(sorted(known))}")
        return cls(**values)


#: other names of corpora: the authors' published files say RAVDE
CORPUS_ALIASES = {"RAVDE": "RAVDESS"}

MONITORS = (
    "loss", "accuracy", "val_loss", "val_accuracy", "val_uar", "inner_loss", "inner_accuracy", "inner_uar"
)  # fmt: skip
SELECTS = ("last", "best", "average")
#: features as they are; each coefficient with the mean 0 and the standard deviation 1 of a fold's training rows; or
#: with the mean 0 and all divided by one number
NORMALISATIONS = ("none", "training", "centred")
#: one learning rate throughout, or one that falls along half a cosine
SCHEDULES = ("constant", "cosine")
#: the network as published, and the ablations of the paper
VARIANTS = ("timnet", "tcn", "no-backward", "no-multi-scale", "no-fusion")


def is_optimistic(selection: str) -> bool:
    """Whether a selection rule looked at the test fold."""
    return selection.endswith("-test")


def _check_config(c: TrainingConfig) -> None:
    """Raise :class:`BadInput` naming the first setting out of its range."""
    ranges: tuple[tuple[str, bool, str], ...] = (
        ("filters", 1 <= c.filters <= 1024, "1 to 1024"),
        ("kernel_size", 1 <= c.kernel_size <= 16, "1 to 16"),
        ("tabs", 1 <= c.tabs <= 14, "1 to 14"),
        ("dropout", 0 <= c.dropout < 1, "0 up to, not including, 1"),
        ("normalise", c.normalise in NORMALISATIONS, ", ".join(NORMALISATIONS)),
        ("mask_frames", 0 <= c.mask_frames <= 10_000, "0 to 10000"),
        ("mask_coefficients", 0 <= c.mask_coefficients <= 38, "0 to 38"),
        ("learning_rate", 0 < c.learning_rate <= 10, "above 0, up to 10"),
        ("schedule", c.schedule in SCHEDULES, ", ".join(SCHEDULES)),
        ("beta1", 0 <= c.beta1 < 1, "0 up to, not including, 1"),
        ("beta2", 0 <= c.beta2 < 1, "0 up to, not including, 1"),
        ("epsilon", 0 < c.epsilon <= 1, "above 0, up to 1"),
        ("batch_size", 1 <= c.batch_size <= 65536, "1 to 65536"),
        ("epochs", 1 <= c.epochs <= 1_000_000, "1 to 1000000"),
        ("warmup", 0 <= c.warmup <= 0.5, "a share of the training from 0 to 0.5"),
        ("label_smoothing", 0 <= c.label_smoothing < 1, "0 up to, not including, 1"),
        ("validate_every", c.validate_every >= 1, "1 or more"),
        ("check_every", c.check_every >= 1, "1 or more"),
        ("check_from", c.check_from >= 1, "1 or more"),
        ("monitor", c.monitor in MONITORS, ", ".join(MONITORS)),
        ("min_delta", 0 <= c.min_delta < math.inf, "0 or more"),
        ("patience", c.patience >= 0, "0 (never stop early) or more"),
        ("select", c.select in SELECTS, ", ".join(SELECTS)),
        ("variant", c.variant in VARIANTS, ", ".join(VARIANTS)),
        ("inner", 0 <= c.inner <= 0.5, "a share of the training data from 0 to 0.5"),
        (
            "average",
            1 <= c.average <= (c.epochs if c.select == "average" else c.average),
            "1 up to the number of epochs",
        ),
    )
    for name, good, allowed in ranges:
        if not good:
            raise BadInput(f"{name} = {getattr(c, name)!r} is out of range; allowed: {allowed}")
    if c.monitor.startswith("inner_") and not c.inner:
        raise BadInput(f"monitor = {c.monitor} needs an inner validation set; add one, e.g. inner=0.1")
    if (c.mask_frames or c.mask_coefficients) and c.normalise == "none":
        raise BadInput("masks need standardised features, in which 0 is the mean; add normalise=centred or =training")
    if c.select == "average" and c.patience:
        raise BadInput("select = average needs to know the last epoch ahead; leave patience at 0")


@dataclass(frozen=True, slots=True)
class Experiment:
    """One corpus x one configuration x one protocol x one seed; ``folds`` runs belong to it."""

    id: int
    uid: str
    corpus_id: int
    corpus: str
    protocol: str
    preset: str
    selection: str
    optimistic: bool
    config: TrainingConfig
    seed: int
    folds: int
    source: str
    created: str
    note: str = ""
    tags: tuple[str, ...] = ()
    pinned: bool = False
    deleted: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One fold of one experiment: the unit that is queued, trained, watched, resumed and exported.

    ``key`` (``"7.3"``: experiment 7, fold 3) is what users type. ``epoch`` is the last finished epoch.
    ``uar`` and ``war`` are the final scores of the selected epoch, set when the run is done. Those that wait
    are taken by ``priority``, the highest first, then by ``place``. ``job`` is what the attempt is to its ``engine``.
    ``smooth_`` values are the last ones of the smoothed curves (``timnet/registry/smoothed.py``).
    """

    id: int
    uid: str
    experiment_id: int
    corpus: str
    protocol: str
    preset: str
    selection: str
    optimistic: bool
    seed: int
    fold: int
    folds: int
    state: RunState
    want: Want | None
    waiting_for: str | None
    priority: int
    epoch: int
    epochs: int
    attempt: int
    crashes: int
    uar: float | None
    war: float | None
    best_epoch: int | None
    best_value: float | None
    last_loss: float | None
    last_accuracy: float | None
    last_val_loss: float | None
    last_val_accuracy: float | None
    last_val_uar: float | None
    last_seconds: float | None
    engine: str | None
    host: str | None
    pid: int | None
    error: str | None
    created: str
    updated: str
    tags: tuple[str, ...] = ()
    pinned: bool = False
    place: float = 0.0
    smooth_loss: float | None = None
    smooth_accuracy: float | None = None
    smooth_val_loss: float | None = None
    smooth_val_accuracy: float | None = None
    smooth_val_uar: float | None = None
    job: str | None = None

    @property
    def key(self) -> str:
        """``experiment.fold``, the id users see and type."""
        return f"{self.experiment_id}.{self.fold}"

    @property
    def submitted(self) -> bool:
        """Whether it was handed to an engine and its job waits there: ``waiting_for`` has the engine's reason."""
        return self.state is RunState.RUNNING and self.waiting_for is not None

    @property
    def node(self) -> str | None:
        """The machine that its process is or was on; None before it was there."""
        return None if self.pid is None and self.job is not None else self.host


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """What one epoch measured: one wide row.

    ``loss`` and ``accuracy`` are means over the training batches, the loss on smoothed labels; the
    ``val_`` values are of the whole test fold on hard labels, so the two losses are not comparable as
    they stand. The ``inner_`` values are of the inner validation set, where there is one. ``diverged`` tells that
    the training loss was not finite (stored as no value).
    """

    epoch: int
    loss: float | None
    accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    val_uar: float | None
    lr: float
    seconds: float
    diverged: bool = False
    inner_loss: float | None = None
    inner_accuracy: float | None = None
    inner_uar: float | None = None

    @property
    def validated(self) -> bool:
        """Whether the test fold was asked after this epoch; its accuracy is a number whatever its loss is."""
        return self.val_accuracy is not None


def check_epochs(metrics: Sequence[EpochMetrics]) -> None:
    """Raise :class:`ValueError` unless these, which somebody else may have written, are epochs in order, of numbers."""
    epochs = [one.epoch for one in metrics]
    if not all(type(epoch) is int and epoch >= 1 for epoch in epochs) or epochs != sorted(set(epochs)):
        raise ValueError("its epochs are not in order")
    for one in metrics:
        for name, value in asdict(one).items():
            number = isinstance(value, int | float) or (value is None and name not in ("lr", "seconds", "diverged"))
            if not number or (name == "diverged" and value not in (0, 1)):
                raise ValueError(f"{name} of epoch {one.epoch} is {value!r}")


@dataclass(frozen=True, slots=True)
class Check:
    """The checkpoint rule's verdict on one epoch; its ``text`` is what the event says."""

    kind: EventKind
    text: str


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """Everything the registry keeps of one epoch, as the checkpoint's history keeps it too."""

    metrics: EpochMetrics
    check: Check
    best_epoch: int | None
    best_value: float | None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of :func:`dataclasses.asdict`, for a resume point's history.

        Raises :class:`KeyError`, :class:`TypeError` or :class:`ValueError` for what is none.
        """
        check = Check(EventKind(values["check"]["kind"]), str(values["check"]["text"]))
        return cls(EpochMetrics(**values["metrics"]), check, values["best_epoch"], values["best_value"])


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a run."""

    id: int
    run_id: int
    time: str
    kind: str
    epoch: int | None
    text: str
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights on disk. ``kind``: ``last`` (resume point), ``best``, or ``final`` (what the score is of)."""

    run_id: int
    kind: str
    epoch: int
    path: str
    metric: str | None
    value: float | None
    bytes: int
    created: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """One test utterance of one run: its row in the corpus, truth, prediction and probabilities."""

    item: int
    truth: int
    predicted: int
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file a run left beside its weights, e.g. ``embeddings``."""

    run_id: int
    kind: str
    path: str
    bytes: int
    created: str


@dataclass(frozen=True, slots=True)
class ProcessProof:
    """Who a process is, in a way that a reused pid cannot fake: host, boot, pid and its start time."""

    host: str
    boot_id: str
    pid: int
    started: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a run by one process."""

    run_id: int
    attempt: int
    engine: str
    worker: str | None
    host: str
    pid: int | None
    started: str
    ended: str | None
    from_epoch: int
    outcome: str | None
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process, or the head of an ``engine`` of other machines.

    ``alive`` is proved by the lock it holds, never presumed from a heartbeat. ``submitted``: those of its ``running``
    runs that wait in the engine.
    """

    id: int
    uid: str
    engine: str
    host: str
    pid: int
    jobs: int
    started: str
    seen: str
    ended: str | None
    alive: bool
    want: str | None = None
    running: tuple[str, ...] = field(default=())
    submitted: tuple[str, ...] = field(default=())
