"""Sweeps made up for tests of the analysis: curves with the shapes that real ones have."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from experiments.runs.record import Record
from tests.experiments.record_factory import make_record

ALL = (
    "sgd",
    "momentum",
    "nesterov",
    "adagrad",
    "adadelta",
    "rmsprop",
    "adam",
    "amsgrad",
    "adamax",
    "nadam",
    "radam",
    "adamw",
    "lion",
    "muon",
)


def make_run(
    folder: Path,
    optimizer: str = "adam",
    seed: int = 0,
    *,
    status: str = "done",
    summary: Mapping[str, float | None] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    choices: Mapping[str, str] | None = None,
    metrics: Mapping[str, Sequence[float | None]] | None = None,
    **changes: Any,
) -> Record:
    """Write one run; its identity follows from what decides its result.

    `summary` replaces the whole summary; `settings` are merged into the configuration by
    group, `choices` into the choices.
    """
    chosen = {
        "optimizer": optimizer,
        "model": "mlp",
        "dataset": "digits",
        "loss": "cross_entropy",
        "schedule": "constant",
        **(choices or {}),
    }
    config: dict[str, Any] = {
        "seed": seed,
        "experiment_name": "made-up",
        "dataset": {"_target_": "experiments.datasets.Digits", "dir": "data", "limit": None},
        "model": {"hidden": [64], "activation": "relu"},
        "loss": {"_target_": "nn.CrossEntropy"},
        "optimizer": {"_target_": f"nn.{optimizer}", "lr": 0.001},
        "training": {"epochs": 30, "early_stopping": {"patience": None}},
        "tracking": {"uri": None},
    }
    if optimizer in ("adam", "adamw"):
        config["optimizer"]["beta1"] = 0.9
    for group, values in (settings or {}).items():
        config[group] = {**config.get(group, {}), **values}
    key = hashlib.sha256(f"{config} {sorted(chosen.items())}".encode()).hexdigest()
    data: dict[str, Any] = {
        "identity": key,
        "uid": hashlib.sha256(f"{key} {folder}".encode()).hexdigest()[:32],
        "name": f"{optimizer}-seed{seed}",
        "status": status,
        "choices": chosen,
        **({} if summary is None else {"summary": summary}),
        **changes,
    }
    return make_record(
        folder,
        optimizer=optimizer,
        seed=seed,
        config=yaml.safe_dump(config, sort_keys=False),
        metrics=metrics,
        weights={},
        **data,
    )


def learn(
    optimizer: str,
    seed: int,
    *,
    epochs: int = 30,
    score: str = "accuracy",
    diverges: bool = False,
    stops: int | None = None,
    speed: float | None = None,
) -> tuple[dict[str, list[float | None]], dict[str, float | None]]:
    """Make up learning curves and the summary that follows from them."""
    rank = ALL.index(optimizer) if optimizer in ALL else 7
    speed = 0.08 + 0.05 * rank if speed is None else speed
    noise = np.random.default_rng([seed, rank])
    last = epochs if stops is None else stops
    epoch = np.arange(last + 1)
    wobble = 1 + 0.06 * noise.normal(size=epoch.size)
    best_possible = 0.05 + 0.02 * abs(rank - 9) + 0.01 * noise.normal()
    train = (2.3 * np.exp(-speed * epoch) + 0.002) * wobble
    overfitting = 0.002 * np.maximum(epoch - 18, 0)
    val = (2.3 * np.exp(-speed * epoch) + max(best_possible, 0.01)) * wobble + overfitting
    if diverges:
        last = 4 + seed % 3
        epoch, train, val = epoch[: last + 1], train[: last + 1], val[: last + 1]
        train[1:], val[1:] = 3.0 ** np.arange(1, last + 1), 3.2 ** np.arange(1, last + 1)
        train[-1] = val[-1] = math.nan
    top = 1.0 if score == "accuracy" else 0.6
    scores = {
        part: np.maximum(top - 0.35 * loss, 0.1 if score == "accuracy" else -4)
        for part, loss in (("train", train), ("val", val))
    }
    metrics: dict[str, list[float | None]] = {
        "epoch": epoch.astype(float).tolist(),
        "step": (40.0 * epoch).tolist(),
        "seconds": (0.02 * epoch).tolist(),
        "train/loss": train.tolist(),
        f"train/{score}": scores["train"].tolist(),
        "val/loss": val.tolist(),
        f"val/{score}": scores["val"].tolist(),
        "lr": (0.001 * 0.5 * (1 + np.cos(np.pi * epoch / epochs))).tolist(),
        "gradient_norm": [None, *np.exp(-0.1 * epoch[1:]).tolist()],
    }
    best = int(np.nanargmin(val))
    summary: dict[str, float | None] = {
        "best/val_loss": float(val[best]),
        "best/epoch": float(best),
        f"best/val_{score}": float(scores["val"][best]),
        "test/loss": float(val[best] * (1 + 0.05 * noise.normal())),
        f"test/{score}": float(scores["val"][best] - 0.004 * abs(noise.normal())),
        "final/train_loss": None if diverges else float(train[-1]),
        "time/us_per_step": 20.0 + 3 * rank,
        "time/seconds": 1.5,
    }
    return metrics, summary


def sweep(
    folder: Path,
    optimizers: Iterable[str] = ("sgd", "adagrad", "rmsprop", "adam"),
    seeds: Iterable[int] = range(5),
    *,
    diverged: Iterable[tuple[str, int]] = (),
    failed: Iterable[tuple[str, int]] = (),
    stopped: Mapping[tuple[str, int], int] | None = None,
    score: str = "accuracy",
    epochs: int = 30,
    **changes: Any,
) -> list[Record]:
    """Write one run for each optimizer and seed."""
    bad, gone, early = set(diverged), set(failed), dict(stopped or {})
    seeds = list(seeds)
    records = []
    for optimizer in optimizers:
        for seed in seeds:
            key = optimizer, seed
            metrics, summary = learn(
                optimizer,
                seed,
                epochs=epochs,
                score=score,
                diverges=key in bad,
                stops=early.get(key),
            )
            status = "diverged" if key in bad else "stopped_early" if key in early else "done"
            if key in gone:
                status, metrics, summary = "failed", {"epoch": []}, {}
            records.append(
                make_run(
                    folder / f"{len(records)}",
                    optimizer,
                    seed,
                    status=status,
                    metrics=metrics,
                    summary=summary,
                    **changes,
                )
            )
    return records
