"""Small sweeps that were really trained: what pictures of networks are drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from experiments.analysis.groups import Group
from experiments.datasets import Dataset
from experiments.reporting.figures.looks import looks_of
from experiments.reporting.figures.networks.shown import Shown, shown
from experiments.runs.record import Record
from tests.experiments.analysis.crowding import words_of
from tests.experiments.small_runs import LOSSES, execute_jobs, make_small_job

ALL = (
    *("SGD", "Momentum", "Nesterov", "Adagrad", "Adadelta", "RMSprop", "Adam"),
    *("AMSGrad", "Adamax", "NAdam", "RAdam", "AdamW", "Lion", "Muon"),
)


def train_sweep(
    folder: Path,
    dataset: Dataset,
    optimizers: Iterable[str] = ("SGD", "Adam"),
    seeds: Iterable[int] = (0,),
    lr: float = 0.05,
    **changes: Any,
) -> list[Record]:
    """Train every optimizer with every seed on a dataset of `make_dataset`."""
    loss = {"_target_": f"nn.{type(LOSSES[dataset.task]).__name__}"}
    records = []
    for optimizer in optimizers:
        for seed in seeds:
            job = make_small_job(
                folder / f"{len(records)}",
                seed=seed,
                optimizer={"_target_": f"nn.{optimizer}", "lr": lr},
                **{"loss": loss, "training__dtype": "float32", **changes},
            )
            (found,) = execute_jobs([job], dataset)
            records.append(Record.read(found))
    return records


def rows_of(groups: Sequence[Group]) -> list[Shown]:
    """Groups as the gallery shows them."""
    return shown(groups, looks_of(groups), trusted=frozenset())


def words(figure: Any) -> list[str]:
    """Every text in a figure that is seen."""
    return [text for text, _ in words_of(figure)]
