"""What a contestant is, and how it is run: in a process of its own, a repetition at a time.

The process is started with a JSON object as its argument and answers in lines of JSON: first
what it is, once it is ready; then the microseconds of each repetition that a line "go" asks for.
Needs NumPy alone, since contestants may live in another environment.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarking.sizes import Size

_SHORTEST = 1.0
"""Seconds of a repetition, so that it does not matter that its first steps find in the caches what
other contestants have left there."""


class Contestant(ABC):
    """One way, or several, of training the networks of a size.

    Parameters
    ----------
    size : Size
    optimizer : str
        "adam" or "sgd".
    lr : float
        Its learning rate.
    inputs : ndarray of shape (rows, features), float32
    labels : ndarray of shape (rows,), int64
        Class indices.

    Attributes
    ----------
    ways : tuple of str
        That are tried before the measurement; the fastest is measured.
    compile_seconds : float
        That compiling took, in all ways; outside of every repetition.
    """

    ways: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        size: Size,
        optimizer: str,
        lr: float,
        inputs: NDArray[np.float32],
        labels: NDArray[np.int64],
    ) -> None:
        self.size, self.optimizer, self.lr = size, optimizer, lr
        self.inputs, self.labels = inputs, labels
        self.compile_seconds = 0.0
        self.prepare()

    @abstractmethod
    def prepare(self) -> None:
        """Do what is done once."""

    @abstractmethod
    def version(self) -> str:
        """Name what is measured, and its version."""

    @abstractmethod
    def start(self, way: str) -> None:
        """Make new networks, to be trained in this way."""

    @abstractmethod
    def train(self, epochs: int) -> None:
        """Train all networks for some more epochs."""

    @abstractmethod
    def loss(self) -> float | None:
        """Compute the mean loss of all networks: a sign that they were trained."""


def make_data(size: Size) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Make inputs, and labels that a linear rule gives: the same in every process.

    Returns
    -------
    inputs : ndarray of shape (rows, features)
    labels : ndarray of shape (rows,)
    """
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((size.rows, size.widths[0]), dtype=np.float32)
    rule = rng.standard_normal((size.widths[0], size.widths[-1]), dtype=np.float32)
    return inputs, (inputs @ rule).argmax(axis=1).astype(np.int64)


def mean_cross_entropy(logits: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Compute the mean loss of (rows, classes) logits."""
    logits = logits - logits.max(axis=1, keepdims=True)
    picked = logits[np.arange(len(labels)), labels]
    return float((np.log(np.exp(logits).sum(axis=1)) - picked).mean())


def serve(kind: type[Contestant]) -> None:
    """Be the process of a contestant."""
    # Whatever a library prints must not get among the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(**values: Any) -> None:
        print(json.dumps(values), file=answers)

    asked = json.loads(sys.argv[1])
    size = Size(**{**asked["size"], "widths": tuple(asked["size"]["widths"])})
    try:
        contestant = kind(size, asked["optimizer"], asked["lr"], *make_data(size))
    except ModuleNotFoundError as error:
        answer(missing=error.name)
        return
    seconds, losses = {}, {}
    for way in contestant.ways:
        contestant.start(way)
        contestant.train(size.epochs)  # warms up; what it took does not count
        losses[way] = contestant.loss()
        seconds[way] = _timed(contestant, size.epochs) / size.epochs
    fastest = min(seconds, key=lambda way: seconds[way])
    epochs = max(size.epochs, math.ceil(_SHORTEST / seconds[fastest]))
    contestant.start(fastest)
    contestant.train(size.epochs)
    answer(
        version=contestant.version(),
        way=fastest,
        loss=losses[fastest],
        compile_seconds=contestant.compile_seconds,
    )
    for _ in sys.stdin:
        took = _timed(contestant, epochs)
        answer(microseconds=took * 1e6 / (epochs * size.steps * size.runs))


def _timed(contestant: Contestant, epochs: int) -> float:
    began = time.perf_counter()
    contestant.train(epochs)
    return time.perf_counter() - began
