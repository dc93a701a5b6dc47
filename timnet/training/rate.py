"""The learning rate of every step: a function of the configuration and the steps done, so that a resume repeats it."""

from __future__ import annotations

import math

from timnet.records import TrainingConfig


def rate_at(config: TrainingConfig, step: int, steps: int) -> float:
    """The rate of ``step`` (from 0), where an epoch has ``steps``.

    ``constant`` is ``learning_rate`` always. ``cosine`` falls from it along half a cosine, near to 0 in the last step
    of the last epoch: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017,
    equation 5, without restarts. Either rises to it in equal steps over the first ``warmup`` of all steps.
    """
    total = config.epochs * steps
    warmup = round(config.warmup * total)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    if config.schedule == "constant":
        return config.learning_rate
    return config.learning_rate * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2
