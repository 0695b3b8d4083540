"""A tuned comparison from Python, with whatever composes its runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from experiments.analysis.analyse import analyse
from experiments.errors import ConfigError
from experiments.runs.find import find_records
from experiments.runs.job import Job, make_job
from experiments.sweeps.drafts import Draft
from experiments.sweeps.sweep import Sweep
from experiments.sweeps.tuning import comparison
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


def test_studies_tune_and_report_on_their_own_seeds_and_shifted_grids(folder: Path) -> None:
    terms = Protocol(
        budget=3, tuning_seeds=(50, 51), reporting_seeds=(0, 1), widenings=0, tuning_studies=2
    )
    said: list[str] = []
    with Sweep(folder, InProcess()) as sweep:
        TunedComparison(sweep, terms, Plain(folder), CHOICES, say=said.append).run()
    seeds: dict[tuple[str, str], set[int]] = {}
    rates: dict[str, set[float]] = {}
    for record in sweep.records:
        study = record.labels["study"]
        seeds.setdefault((record.labels["stage"], study), set()).add(record.seed)
        if record.labels["stage"] == "tuning":
            rates.setdefault(study, set()).add(record.config["optimizer"]["lr"])
    assert seeds == {
        ("tuning", "1"): {50, 51},
        ("tuning", "2"): {52, 53},
        ("reporting", "1"): {0, 1},
        ("reporting", "2"): {2, 3},
    }
    assert rates == {"1": {0.01, 0.1, 1}, "2": {0.0316, 0.316, 3.16}}
    assert [text.partition(":")[0] for text in said] == [
        "chosen for study 1",
        "chosen for study 2",
    ]
    (part,) = analyse(sweep.records).parts
    assert part.studies == 2
    assert {pair.seeds for pair in part.pairs} == {(1, 2)}
    for entry in part.entries:
        runs = [run for run in entry.group.runs if run.labels["study"] == "2"]
        mean = sum(run.summary[part.metric] for run in runs) / len(runs)
        assert entry.metrics[part.metric].values[1] == pytest.approx(mean)


def test_a_study_that_was_interrupted_goes_on(folder: Path) -> None:
    terms = Protocol(
        budget=2, tuning_seeds=(50,), reporting_seeds=(0, 1), widenings=0, tuning_studies=2
    )

    def results() -> dict[str, dict[str, float | None]]:
        with Sweep(folder, InProcess()) as sweep:
            TunedComparison(sweep, terms, Plain(folder), CHOICES).run()
        return {record.identity: record.summary for record in sweep.records}

    class Stopped(Exception):
        pass

    class Stopping(Plain):
        def jobs(self, drafts: Sequence[Draft], first: int = 0) -> list[Job]:
            if first:
                raise Stopped  # after tuning, before reporting
            return super().jobs(drafts, first)

    with pytest.raises(Stopped), Sweep(folder, InProcess()) as sweep:
        TunedComparison(sweep, terms, Stopping(folder), CHOICES).run()
    trained = {record.identity for record in find_records(folder)}
    assert len(trained) == 8  # two studies, two optimizers, two settings
    again = results()
    assert trained < again.keys()
    assert results() == again


def test_seeds_are_added_until_the_verdicts_are_settled(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "undecided", lambda pairs, most: list(pairs)[:1])
    terms = Protocol.from_config(
        {"budget": 2, "tuning_seeds": [50], "reporting_seeds": "auto", "most_seeds": 11,
         "widenings": 0}
    )  # fmt: skip
    said: list[str] = []
    with Sweep(folder, InProcess()) as sweep:
        TunedComparison(sweep, terms, Plain(folder), CHOICES, say=said.append).run()
    reported = {r.seed for r in sweep.records if r.labels["stage"] == "reporting"}
    assert reported == set(range(11))
    assert said[-1].endswith("by 10 seeds; 1 more may settle 1 pair")
    assert {r.labels.get("looks") for r in sweep.records} == {None, "2"}
    (part,) = analyse(sweep.records).parts
    assert min(pair.level for pair in part.pairs) == pytest.approx(0.05 / 2 / len(part.pairs))
