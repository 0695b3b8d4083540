"""Small datasets and runs for tests of training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

import nn
from experiments.config.models import MLP
from experiments.config.schema import Run, Training
from experiments.config.trust import named_packages
from experiments.datasets import CACHE, Dataset, Part, Task, Xor
from experiments.datasets.preprocessing import Preprocessing
from experiments.runs.execute import execute
from experiments.runs.execution import Execution
from experiments.runs.job import Job, make_job
from experiments.training.loop import EpochListener
from nn.activations import Tanh
from nn.schedules import Constant

LOSSES = {
    Task.BINARY: nn.BinaryCrossEntropy(),
    Task.MULTICLASS: nn.CrossEntropy(),
    Task.MULTILABEL: nn.BinaryCrossEntropy(),
    Task.REGRESSION: nn.MeanSquaredError(),
}


def make_dataset(
    task: Task = Task.MULTICLASS,
    rows: tuple[int, int, int] = (23, 11, 9),
    features: int = 3,
    outputs: int = 3,
    seed: int = 0,
) -> Dataset:
    """Noise with a rule in it: (training, validation, test) rows; 0 for no validation part."""
    rng = np.random.default_rng(seed)
    outputs = 2 if task is Task.BINARY else outputs
    truth = rng.normal(size=(features, outputs))

    def part(count: int) -> Part:
        inputs = rng.normal(size=(count, features))
        return Part(
            inputs, _targets(task, inputs @ truth + 0.3 * rng.normal(size=(count, outputs)))
        )

    return Dataset(
        name="small",
        task=task,
        train=part(rows[0]),
        validation=part(rows[1]) if rows[1] else None,
        test=part(rows[2]),
        feature_names=tuple(f"x{i}" for i in range(features)),
        target_names=tuple(f"y{i}" for i in range(outputs)),
        preprocessing=Preprocessing(
            columns=tuple(f"x{i}" for i in range(features)),
            center=(0.0,) * features,
            scale=(1.0,) * features,
        ),
        digest=hashlib.sha256(f"{task} {rows} {features} {outputs} {seed}".encode()).hexdigest(),
    )


def _targets(task: Task, scores: NDArray[np.float64]) -> NDArray[Any]:
    if task.has_classes:
        return scores.argmax(axis=1).astype(np.int64)
    return (scores > 0).astype(np.float64) if task is Task.MULTILABEL else scores


def make_run(task: Task = Task.MULTICLASS, **changes: Any) -> Run:
    """A small run for a task; names of `Training` go there, all others to `Run`."""
    settings = {name: changes.pop(name) for name in list(changes) if name in _TRAINING}
    parts: dict[str, Any] = {
        "dataset": Xor(),
        "model": MLP(hidden=(4,), activation=Tanh()),
        "loss": LOSSES[task],
        "optimizer": nn.SGD(lr=0.5),
        "schedule": Constant(),
        "training": Training(**{"epochs": 3, "batch_size": 8, "dtype": "float64", **settings}),
    }
    return Run(**{**parts, **changes})


_TRAINING = frozenset(Training.__dataclass_fields__)


def in_tiles_of(width: int) -> AbstractContextManager[Any]:
    """Have stacks take their steps in tiles of so many runs."""
    return mock.patch("experiments.training.stack.tile_width", return_value=width)


def make_small_job(folder: Path, **changes: Any) -> Job:
    """A job with the configuration of a small run; dotted keys with ``__`` change it."""
    config: dict[str, Any] = {
        "seed": 0,
        "experiment_name": "small",
        "dataset": {"_target_": "experiments.datasets.Xor"},
        "model": {"_target_": "experiments.config.models.MLP", "hidden": [4], "activation": "tanh"},
        "loss": {"_target_": "nn.CrossEntropy"},
        "optimizer": {"_target_": "nn.SGD", "lr": 0.5},
        "schedule": {"_target_": "nn.schedules.Constant"},
        "training": {"epochs": 3, "batch_size": 8},
        "tracking": {"enabled": False},
    }
    options = {key: changes.pop(key) for key in ("overrides", "sweep", "varied") if key in changes}
    for key, value in changes.items():
        *path, last = key.split("__")
        node = config
        for name in path:
            node = node.setdefault(name, {})
        node[last] = value
    choices = {"optimizer": config["optimizer"]["_target_"].rpartition(".")[2].lower()}
    return make_job(
        config,
        choices=choices,
        overrides=options.pop("overrides", []),
        folder=folder,
        trusted=named_packages(config),
        **options,
    )


def execute_jobs(
    jobs: Sequence[Job],
    dataset: Dataset,
    on_epoch: EpochListener | None = None,
    cache_dir: Path = CACHE,
) -> Iterator[Path]:
    """Train jobs that can share a stack; the folders of their records."""
    return execute([Execution(job, dataset, cache_dir) for job in jobs], on_epoch)
