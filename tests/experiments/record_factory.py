"""Records made up for tests: no network is trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from experiments.runs.layout import PROGRESS, RECORD
from experiments.runs.record import Record
from experiments.runs.write import write_record

STARTED = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
FEATURES = ("height", "width", "depth")
CLASSES = ("cat", "dog", "owl")


def record_data(**changes: Any) -> dict[str, Any]:
    """Give the contents of a plausible `record.json`; keyword arguments replace keys."""
    optimizer, seed = changes.pop("optimizer", "adam"), changes.get("seed", 0)
    sweep = changes.get("sweep", "sweep-1")
    key = f"{sweep} {optimizer} {seed}"
    return {
        "format": 1,
        "uid": hashlib.sha256(key.encode()).hexdigest()[:32],
        "identity": hashlib.sha256(f"{optimizer} {seed}".encode()).hexdigest(),
        "name": f"{optimizer}-seed{seed}",
        "status": "done",
        "message": None,
        "started": STARTED.isoformat(),
        "started_in": sweep,
        "finished": (STARTED + timedelta(seconds=12.5)).isoformat(),
        "experiment": "animals",
        "sweep": sweep,
        "command": f"python run.py optimizer={optimizer} seed={seed}",
        "overrides": [f"optimizer={optimizer}", f"seed={seed}"],
        "choices": {
            "optimizer": optimizer,
            "model": "mlp",
            "dataset": "animals",
            "loss": "cross_entropy",
            "schedule": "constant",
        },
        "seed": seed,
        "summary": {
            "best/val_loss": 0.25 + 0.01 * seed,
            "best/epoch": 2,
            "best/val_accuracy": 0.9,
            "test/loss": 0.3,
            "test/accuracy": 0.875,
            "final/train_loss": 0.125,
            "time/us_per_step": 21.5,
            "time/seconds": 12.5,
        },
        "dataset": {
            "name": "animals",
            "task": "multiclass",
            "digest": hashlib.sha256(b"animals").hexdigest(),
            "rows": {"train": 70, "validation": 15, "test": 15},
            "features": 3,
            "outputs": 3,
            "target_names": list(CLASSES),
            "feature_names": list(FEATURES),
            "image_shape": None,
        },
        "environment": {"python": "3.11.7", "numpy": "2.4.6", "commit": "c0ffee", "dirty": False},
        **changes,
    }


def record_metrics(epochs: int = 3) -> dict[str, list[float | None]]:
    """Give the metrics of a classification, the gradient unmeasured before training."""
    rows = range(epochs + 1)
    losses = [1.1 / (1 + epoch) for epoch in rows]
    return {
        "epoch": [float(epoch) for epoch in rows],
        "step": [10.0 * epoch for epoch in rows],
        "seconds": [0.5 * epoch for epoch in rows],
        "train/loss": list(losses),
        "train/accuracy": [1 - loss / 2 for loss in losses],
        "val/loss": [loss + 0.1 for loss in losses],
        "val/accuracy": [0.9 - loss / 2 for loss in losses],
        "lr": [0.001] * len(rows),
        "gradient_norm": [None, *[1.0 / epoch for epoch in rows if epoch]],
    }


def record_weights() -> dict[str, Any]:
    """Give the weights of a 3-4-3 network, the final ones off from the best by one."""
    generator = np.random.default_rng(7)
    shapes = {
        "dense1/weights": (3, 4),
        "dense1/bias": (4,),
        "dense2/weights": (4, 3),
        "dense2/bias": (3,),
    }
    best = {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return {
        **{f"final/{name}": value + np.float32(1) for name, value in best.items()},
        **{f"best/{name}": value for name, value in best.items()},
    }


def config_yaml(optimizer: str = "adam", seed: int = 0) -> str:
    """Give the resolved configuration of the same run."""
    return f"""\
seed: {seed}
experiment_name: animals
dataset:
  _target_: experiments.datasets.Csv
  limit: null
model:
  _target_: experiments.config.models.MLP
  hidden:
  - 4
  activation: relu
  dropout: 0.0
loss:
  _target_: nn.CrossEntropy
  label_smoothing: 0.0
optimizer:
  _target_: nn.{optimizer.title()}
  lr: 0.001
schedule:
  _target_: nn.schedules.Constant
training:
  epochs: 3
  batch_size: 32
  dtype: float32
  early_stopping:
    patience: null
tracking:
  enabled: true
  uri: null
  models: best
"""


def preprocessing_json() -> str:
    """Give what `Preprocessing.to_json` gives for three number columns."""
    return json.dumps(
        {
            "format": 1,
            "columns": FEATURES,
            "levels": {},
            "fills": {},
            "dtype": "float64",
            "center": [1.0, 2.0, 3.0],
            "scale": [2.0, 2.0, 0.5],
            "target_center": [],
            "target_scale": [],
        }
    )


def make_record(
    folder: Path,
    *,
    metrics: Mapping[str, Sequence[float | None]] | None = None,
    weights: Mapping[str, Any] | None = None,
    config: str | None = None,
    preprocessing: str | None = None,
    **changes: Any,
) -> Record:
    """Write a made-up record into `folder` and read it back."""
    data = record_data(**changes)
    write_record(
        folder,
        data=data,
        config_yaml=config or config_yaml(data["choices"]["optimizer"], data["seed"]),
        metrics=record_metrics() if metrics is None else metrics,
        weights=record_weights() if weights is None else weights,
        preprocessing_json=preprocessing or preprocessing_json(),
    )
    return Record.read(folder)


def make_progress(folder: Path, epochs: int, **changes: Any) -> Record:
    """Write what a run in training has left after `epochs` epochs, and read it back."""
    changes = {"metrics": record_metrics(epochs), **changes}
    record = make_record(folder, summary={}, **changes)
    text = (folder / RECORD).read_text().replace('"status": "done"', '"status": "running"')
    (folder / RECORD).unlink()
    (folder / PROGRESS).write_text(text)
    assert record.status == "done"
    return Record.read_progress(folder)
