"""Descent, which trains runs in stacks."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import nn
from benchmarking.contestants.worker import Contestant, mean_cross_entropy, serve
from experiments.config.models import CNN, GRU, LSTM, MLP, Model, Transformer
from experiments.config.schema import Run, Training
from experiments.datasets import Dataset, Part, Samples, Source, Task, Vocabulary
from experiments.datasets.preprocessing import Preprocessing
from experiments.training.stacking import make_stacks
from experiments.training.widths import equal_parts, tile_width
from nn.batches import Batches
from nn.optimizers import rule as base
from nn.sparse_rows import SparseRows
from nn.speed import compile as fusion


@dataclass(frozen=True, kw_only=True)
class _Prepared(Source):
    """A stand-in for the source of data that are already in memory."""

    def load(self) -> Dataset:
        raise NotImplementedError("the data are already loaded")


class Descent(Contestant):
    """Stacks as wide as in a sweep on one core, trained one after another and tile by tile.

    Loops are compiled immediately, and not after a while as in a sweep, so that the steady state
    is measured.
    """

    ways = ("stacked",)
    dense_only = False
    compile_after: ClassVar[float] = 0

    def prepare(self) -> None:
        base.COMPILE_AFTER = fusion.COMPILE_AFTER = self.compile_after
        outputs = self.size.widths[-1]
        if self.size.entries:
            self.inputs = SparseRows.of(self.inputs, np.float32)
        self.targets = np.asarray(self.labels, np.intp)
        if not self.size.tokens:
            self.targets = np.eye(outputs, dtype=np.float32)[self.labels]
        kind = {"adam": nn.Adam, "sgd": nn.SGD, "adagrad": nn.Adagrad}[self.optimizer]
        run = Run(
            dataset=_Prepared(),
            model=self._model(),
            loss=nn.CrossEntropy(),
            optimizer=kind(lr=self.lr),
            schedule=nn.schedules.Constant(),
            training=Training(batch_size=self.size.batch, dtype="float32"),
        )
        self.run = run
        dataset = self._dataset()
        stacks = make_stacks([run] * self.size.runs, {run.dataset: dataset})
        self.widths = [len(stack) for stack in stacks]
        self.tile = tile_width([run] * self.widths[0], dataset)
        self.compile_seconds = self._compile()

    def _model(self) -> Model:
        hidden, each, recurrence = (
            self.size.widths[1:-1],
            self.size.convolutions,
            self.size.recurrence,
        )
        if (attention := self.size.attention) is not None:
            return Transformer(**dataclasses.asdict(attention))
        if recurrence is not None:
            return {"lstm": LSTM, "gru": GRU}[recurrence.kind](
                units=(recurrence.units,) * recurrence.layers,
                bidirectional=recurrence.bidirectional,
                output="all" if recurrence.all_outputs else "last",
                shape=None if self.size.tokens else self.size.shape,
            )
        if not each:
            return MLP(hidden=hidden)
        return CNN(
            channels=tuple(one.channels for one in each),
            kernels=tuple(one.kernel for one in each),
            strides=tuple(one.stride for one in each),
            pools=tuple(one.pool for one in each),
            padding=tuple(one.padding for one in each),
            dense=hidden,
            dimensions=1 if len(self.size.shape) == 2 else 2,
            shape=self.size.shape,
        )

    def _compile(self) -> float:
        """Compile a training step, by a batch of two rows; return the seconds taken."""
        if self.compiler() is None:
            return 0.0
        network = self._network(range(1))
        optimizers = self._optimizers(network)
        began = time.perf_counter()
        two = self.inputs.block(slice(2)) if self.size.entries else self.inputs[:2]
        network.backpropagate(two, self.targets[:2])
        optimizers.step(network.parameters, network.gradients)
        return time.perf_counter() - began

    def _network(self, seeds: range) -> nn.Network:
        return nn.Network(
            self.run.model.layers(self.size.widths[-1], self._samples),
            self.run.model.input_shape(self._samples),
            loss=self.run.loss,
            seeds=seeds,
        )

    @property
    def _samples(self) -> Samples:
        length = self.size.widths[:1]
        return Samples(length, self.size.tokens, length[0] if self.size.tokens else 0)

    def _optimizers(self, network: nn.Network) -> nn.OptimizerStack:
        rules = [self.run.optimizer] * network.runs
        return nn.OptimizerStack(rules, network.layout, network.dtype)

    def _dataset(self) -> Dataset:
        features, outputs = self.size.widths[0], self.size.widths[-1]
        names = tuple(f"x{i}" for i in range(features))
        if self.size.tokens:
            names = tuple(map(str, range(outputs)))
            part = Part(self.inputs.astype(np.int32), self.labels)
            preprocessing = Preprocessing(("text",), (), (), vocabulary=Vocabulary(names))
        else:
            part = Part(self.inputs, self.labels)
            preprocessing = Preprocessing(names, (0.0,) * features, (1.0,) * features)
        return Dataset(
            name="benchmark",
            task=Task.MULTICLASS,
            train=part,
            validation=part,
            test=part,
            feature_names=names,
            target_names=tuple(f"y{i}" for i in range(outputs)),
            preprocessing=preprocessing,
            digest="",
        )

    def version(self) -> str:
        from threadpoolctl import threadpool_info

        kernels = {info.get("architecture") or info["internal_api"] for info in threadpool_info()}
        parts = [f"NumPy {np.__version__}", f"BLAS kernels {'/'.join(sorted(kernels))}"]
        compiler = self.compiler()
        parts.append(f"passes compiled by {compiler}" if compiler else "all passes in NumPy")
        parts.append(f"stacks of {self.widths[0]}")
        if self.tile < self.widths[0]:
            parts[-1] += f" in tiles of {self.tile}"
        return ", ".join(parts)

    def compiler(self) -> str | None:
        """Return the name of the compiler; None if NumPy runs all passes over arrays."""
        return None if self.compile_after else fusion.compiler()

    def start(self, way: str) -> None:
        self.stacks = []
        first = 0
        for width in self.widths:
            network = self._network(range(first, first + width))
            first += width
            tiles = []
            for rows in equal_parts(width, self.tile):
                part = network.part(rows)
                batches = Batches(self.inputs, self.targets, self.size.batch, part.seeds)
                tiles.append((part, self._optimizers(part), batches))
            self.stacks.append(tiles)

    def train(self, epochs: int) -> None:
        with np.errstate(all="ignore"):
            for tiles in self.stacks:
                for _ in range(epochs):
                    for network, optimizers, batches in tiles:
                        for inputs, targets in batches.epoch():
                            network.backpropagate(inputs, targets)
                            optimizers.step(network.parameters, network.gradients)

    def loss(self) -> float:
        losses = [
            mean_cross_entropy(logits, self.labels[rows])
            for tiles in self.stacks
            for network, _, _ in tiles
            for rows, stacked in network.logits(self.inputs)
            for logits in stacked
        ]
        return float(np.mean(losses))


if __name__ == "__main__":
    serve(Descent)
