"""The published layout in PyTorch, eager, with the usual training loop.

The authors' own PyTorch code (TIM-Net_SER, ``Code/torch_TIMNET.py``) pads both ends of each convolution and cuts off
what comes out too long; so does this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.shapes import BATCH, COEFFICIENTS, SHAPES


class Half(nn.Module):
    """A dilated causal convolution, batch normalisation, ReLU and dropout of whole channels."""

    def __init__(self, filters: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.dilation = dilation
        self.convolution = nn.Conv1d(filters, filters, 2, dilation=dilation, padding=dilation)
        self.norm = nn.BatchNorm1d(filters, eps=1e-3, momentum=0.01)
        self.dropout = nn.Dropout1d(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[batch, filters, frames]`` to the same."""
        late = self.convolution(x)[:, :, : -self.dilation]
        return self.dropout(functional.relu(self.norm(late)))


class Published(nn.Module):
    """The published network; ``[batch, frames, coefficients]`` to logits."""

    def __init__(self, classes: int, tabs: int, filters: int = 39, dropout: float = 0.1) -> None:
        super().__init__()
        self.stems = nn.ModuleList(nn.Conv1d(COEFFICIENTS, filters, 1) for _ in range(2))
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                nn.Sequential(*(Half(filters, 2**tab, dropout) for _ in range(2))) for tab in range(tabs)
            )
            for _ in range(2)
        )  # fmt: skip
        self.fusion = nn.Parameter(torch.empty(tabs).uniform_(-0.05, 0.05))
        self.head = nn.Linear(filters, classes)

    def forward(self, mfcc: torch.Tensor) -> torch.Tensor:
        """``[batch, classes]``."""
        forward = mfcc.transpose(1, 2)
        ways = [stem(x) for stem, x in zip(self.stems, (forward, forward.flip(2)), strict=True)]
        levels = []
        for pair in zip(*self.blocks, strict=True):
            ways = [x * torch.sigmoid(block(x)) for block, x in zip(pair, ways, strict=True)]
            levels.append((ways[0] + ways[1]).mean(dim=2))
        return self.head(torch.stack(levels, dim=2) @ self.fusion)


def subject(shape: str, threads: int, rows: int, steps: int) -> dict[str, Callable[[], Any]]:
    """``steps`` full batches; 0 threads leaves their number to PyTorch."""
    if threads:
        torch.set_num_threads(threads)
    one = SHAPES[shape]
    features, labels = one.arrays(rows)
    x = torch.from_numpy(features)
    y = torch.from_numpy(labels)
    model = Published(one.classes, one.tabs)
    adam = torch.optim.Adam(model.parameters(), 1e-3, betas=(0.93, 0.98), eps=1e-8)
    model.train()

    def some_steps() -> None:
        for step in range(steps):
            places = torch.arange(step * BATCH, (step + 1) * BATCH) % rows
            adam.zero_grad()
            loss = functional.cross_entropy(model(x[places]), y[places], label_smoothing=0.1)
            loss.backward()
            adam.step()
            float(loss)

    return {"steps": some_steps}
