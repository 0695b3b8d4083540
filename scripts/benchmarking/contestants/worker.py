"""The base class of contestants, and the process in which a contestant runs.

The argument of the process is a JSON object, and its answers are lines of JSON. The first one
describes the contestant when it is ready; each later one answers a line "go" with the
microseconds of one repetition. This module needs only NumPy, because contestants may run in
another environment.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarking.sizes import Size

_SHORTEST = 1.0
"""Shortest duration of a repetition in seconds. It makes the first steps negligible, which find
the data of other contestants in the caches."""


class Contestant(ABC):
    """Base of the contestants: one or several ways of training networks of a given size.

    Parameters
    ----------
    size : Size
        The networks to train.
    optimizer : {"adam", "sgd", "adagrad"}
        The optimizer.
    lr : float
        The learning rate.
    inputs : ndarray of shape (rows, features), float32, or int64 if they are tokens; or Csr
        The inputs of the training data.
    labels : ndarray of shape (rows,), or (rows, features) for tokens, int64
        The class index of each row, or of each step.

    Attributes
    ----------
    ways : tuple of str
        Ways of training. All are tried before the measurement, and the fastest is measured.
    compile_seconds : float
        Time spent on compiling, for all ways together; it is not part of any repetition.
    dense_only : bool
        Whether it trains networks of dense layers, with dense inputs, only.
    sparse_only : bool
        Whether it trains networks with sparse inputs only.
    """

    ways: ClassVar[tuple[str, ...]]
    dense_only: ClassVar[bool] = True
    sparse_only: ClassVar[bool] = False

    def __init__(
        self,
        size: Size,
        optimizer: str,
        lr: float,
        inputs: Any,
        labels: NDArray[np.int64],
    ) -> None:
        self.size, self.optimizer, self.lr = size, optimizer, lr
        self.inputs, self.labels = inputs, labels
        self.compile_seconds = 0.0
        self.prepare()

    @abstractmethod
    def prepare(self) -> None:
        """Set up the contestant; called once."""

    @abstractmethod
    def version(self) -> str:
        """Return name and version of the measured library."""

    @abstractmethod
    def start(self, way: str) -> None:
        """Create new networks, to be trained in this way."""

    @abstractmethod
    def train(self, epochs: int) -> None:
        """Train all networks for `epochs` more epochs."""

    @abstractmethod
    def loss(self) -> float | None:
        """Return the mean loss of all networks, as evidence that they were trained."""


@dataclass(frozen=True)
class Csr:
    """Sparse rows, as libraries take them."""

    data: NDArray[np.float32]
    indices: NDArray[np.int32]
    indptr: NDArray[np.int64]
    shape: tuple[int, int]


def make_data(size: Size) -> tuple[Any, NDArray[np.int64]]:
    """Generate inputs and the labels of a linear rule, or of one token by the other.

    They are the same in every process.

    Returns
    -------
    inputs : ndarray of shape (rows, features), float32, or int64 if they are tokens; or Csr
    labels : ndarray of shape (rows,), or (rows, features) for tokens, int64
    """
    rng = np.random.default_rng(0)
    if size.tokens:
        tokens = rng.integers(size.tokens, size=(size.rows, size.widths[0]))
        return tokens, rng.permutation(size.tokens)[tokens]
    if size.entries:
        columns = np.arange(size.widths[0], dtype=np.int32)
        chosen = [np.sort(rng.choice(columns, size.entries, False)) for _ in range(size.rows)]
        values = rng.random((size.rows, size.entries), dtype=np.float32)
        rule = rng.standard_normal((size.widths[0], size.widths[-1]), dtype=np.float32)
        labels = (values[:, np.newaxis] @ rule[np.array(chosen)])[:, 0].argmax(axis=1)
        pointers = np.arange(size.rows + 1, dtype=np.int64) * size.entries
        rows = Csr(values.ravel(), np.concatenate(chosen), pointers, (size.rows, size.widths[0]))
        return rows, labels.astype(np.int64)
    inputs = rng.standard_normal((size.rows, size.widths[0]), dtype=np.float32)
    rule = rng.standard_normal((size.widths[0], size.widths[-1]), dtype=np.float32)
    return inputs, (inputs @ rule).argmax(axis=1).astype(np.int64)


def mean_cross_entropy(logits: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Compute the mean cross-entropy of logits of shape (rows, ..., classes)."""
    logits, labels = logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)
    logits = logits - logits.max(axis=1, keepdims=True)
    picked = logits[np.arange(len(labels)), labels]
    return float((np.log(np.exp(logits).sum(axis=1)) - picked).mean())


def serve(kind: type[Contestant]) -> None:
    """Run the process of a contestant."""
    # The output of libraries must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(**values: Any) -> None:
        print(json.dumps(values), file=answers)

    asked = json.loads(sys.argv[1])
    size = Size.of_json(asked["size"])
    if (kind.dense_only and not size.is_dense) or (kind.sparse_only and not size.entries):
        answer(unsuitable=True)
        return
    try:
        contestant = kind(size, asked["optimizer"], asked["lr"], *make_data(size))
    except ModuleNotFoundError as error:
        answer(missing=error.name)
        return
    seconds, losses = {}, {}
    for way in contestant.ways:
        contestant.start(way)
        contestant.train(size.epochs)  # warm-up, not measured
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
    """Return the processor time of the process: nobody waits, and others may use the machine."""
    began = time.process_time()
    contestant.train(epochs)
    return time.process_time() - began
