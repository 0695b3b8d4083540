"""A tuned comparison from Python, with whatever composes its runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import ConfigError
from experiments.runs.job import Job, make_job
from experiments.sweeps.drafts import Draft
from experiments.sweeps.sweep import Sweep
from experiments.sweeps.tuning.comparison import TunedComparison
from experiments.sweeps.tuning.protocol import Protocol
from experiments.workers.in_process import InProcess

TERMS = Protocol(budget=3, tuning_seeds=(50, 51), reporting_seeds=(0, 1, 7), widenings=0)
CHOICES = [["optimizer=SGD"], ["optimizer=Adam"]]


class Plain:
    """Composes from a dictionary: no Hydra anywhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def config(self, draft: Draft) -> dict[str, Any]:
        chosen = dict(override.split("=") for override in draft.overrides)
        optimizer = {
            "_target_": f"nn.{chosen['optimizer']}",
            "lr": 0.1,
            "_search_": {"lr": {"low": 0.01, "high": 1}},
        }
        config: dict[str, Any] = {
            "seed": 0,
            "experiment_name": "small",
            "dataset": {"_target_": "experiments.datasets.Xor"},
            "model": {"_target_": "experiments.config.models.MLP", "hidden": [4]},
            "loss": {"_target_": "nn.BinaryCrossEntropy"},
            "optimizer": optimizer,
            "schedule": {"_target_": "nn.schedules.Constant"},
            "training": {"epochs": int(chosen.get("training.epochs", 2)), "batch_size": 8},
            "tracking": {"enabled": False},
        }
        for key, value in draft.settings.items():
            *path, last = key.split(".")
            node = config
            for name in path:
                node = node[name]
            node[last] = value
        return config

    def jobs(self, drafts: Sequence[Draft], first: int = 0) -> list[Job]:
        return [
            make_job(
                self.config(draft),
                trusted=frozenset(),
                choices={"optimizer": draft.overrides[-1].partition("=")[2]},
                overrides=list(draft.overrides),
                folder=self.folder / str(first + number),
                labels=draft.labels,
            )
            for number, draft in enumerate(drafts)
        ]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def test_it_needs_no_hydra(folder: Path) -> None:
    said: list[str] = []
    with Sweep(folder, InProcess()) as sweep:
        TunedComparison(sweep, TERMS, Plain(folder), CHOICES, say=said.append).run()
    stages = Counter(record.labels["stage"] for record in sweep.records)
    assert stages["tuning"] == 2 * 3 * 2
    for record in sweep.records:
        tuning = record.labels["stage"] == "tuning"
        assert record.seed in (TERMS.tuning_seeds if tuning else TERMS.reporting_seeds)
    tried = {
        record.config["optimizer"]["lr"]
        for record in sweep.records
        if record.labels["stage"] == "tuning"
    }
    assert tried == {0.01, 0.1, 1}
    (chosen,) = said
    assert chosen.startswith("chosen: SGD lr=")
    assert ", Adam lr=" in chosen
    assert len({record.folder for record in sweep.records}) == len(sweep.records)


def test_tasks_are_tuned_each_for_itself(folder: Path) -> None:
    said: list[str] = []
    tasks = [["training.epochs=1"], ["training.epochs=2"]]
    with Sweep(folder, InProcess()) as sweep:
        TunedComparison(sweep, TERMS, Plain(folder), CHOICES[:1], tasks, say=said.append).run()
    assert [line.partition(":")[0] for line in said] == [
        "chosen for training.epochs=1",
        "chosen for training.epochs=2",
    ]
    assert {record.labels["task"] for record in sweep.records} == {
        "training.epochs=1",
        "training.epochs=2",
    }


def test_a_seed_is_refused(folder: Path) -> None:
    with Sweep(folder, InProcess()) as sweep, pytest.raises(ConfigError, match=r"^seed=1: a tuned"):
        TunedComparison(sweep, TERMS, Plain(folder), CHOICES, [["seed=1"]])
