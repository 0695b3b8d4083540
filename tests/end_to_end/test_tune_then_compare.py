"""The tuned comparison through the real command line, with budgets as small as they can be."""

import csv
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from mlflow import MlflowClient
from omegaconf import OmegaConf

from experiments.runs.record import Record
from tests.end_to_end.command_line import (
    FEW_POINTS,
    NOT_TRACKED,
    ROOT,
    Finished,
    assert_same_bits,
    at_once,
    environment,
    run,
    script,
    succeeded,
    tracked,
    uri,
)

SWEEPER = "hydra/sweeper=tune_then_compare"
OPTIMIZERS = ("sgd", "adagrad", "rmsprop", "adam")
SMALL = (
    *FEW_POINTS,
    "training.epochs=3",
    "hydra.sweeper.budget=3",
    "hydra.sweeper.tuning_seeds=50-51",
    "hydra.sweeper.reporting_seeds=[0,1,7]",
    "hydra.sweep.dir=sweep",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("tuned")
    return succeeded(run("experiment=compare_classic", *SMALL, NOT_TRACKED, folder=folder))


def stage(finished: Finished, name: str) -> list[Record]:
    return [record for record in finished.records() if record.labels["stage"] == name]


def test_every_optimizer_tries_as_many_settings_on_the_tuning_seeds(finished: Finished) -> None:
    tuning = stage(finished, "tuning")
    assert {record.seed for record in tuning} == {50, 51}
    tried = {
        name: Counter(
            record.config["optimizer"]["lr"]
            for record in tuning
            if record.choices["optimizer"] == name
        )
        for name in OPTIMIZERS
    }
    assert {frozenset(counts.values()) for counts in tried.values()} == {frozenset({2})}
    assert len({len(counts) for counts in tried.values()}) == 1
    assert {0.001, 0.1, 10} <= set(tried["sgd"])
    assert {1e-5, 0.001, 0.1} <= set(tried["adam"])


def test_what_is_chosen_is_the_best_mean_of_the_tuning_seeds(finished: Finished) -> None:
    """Worked out from the records alone."""
    for name in OPTIMIZERS:
        means: dict[float, float] = {}
        for record in stage(finished, "tuning"):
            if record.choices["optimizer"] == name:
                loss = record.summary.get("best/val_loss")
                reached = float("inf") if loss is None or record.status == "diverged" else loss
                rate = record.config["optimizer"]["lr"]
                means[rate] = means.get(rate, 0) + reached / 2
        (chosen,) = {
            record.config["optimizer"]["lr"]
            for record in stage(finished, "reporting")
            if record.choices["optimizer"] == name and "tuned" in record.labels["setting"]
        }
        assert means[chosen] == min(means.values()), name
        assert f"{name} lr={chosen:g}" in finished.out


def test_tuned_and_default_report_on_seeds_that_tuned_nothing(finished: Finished) -> None:
    reporting = stage(finished, "reporting")
    for name in OPTIMIZERS:
        own = [record for record in reporting if record.choices["optimizer"] == name]
        default = OmegaConf.load(ROOT / "conf" / "optimizer" / f"{name}.yaml").lr
        settings = Counter(
            setting for record in own for setting in record.labels["setting"].split(",")
        )
        assert settings == {"tuned": 3, "default": 3}
        for record in own:
            is_default = record.config["optimizer"]["lr"] == default
            assert is_default == ("default" in record.labels["setting"])
    assert {record.seed for record in reporting} == {0, 1, 7}


def test_the_terminal_tells_each_stage(finished: Finished) -> None:
    assert "tuning: 4 optimizers × 3 learning rates × 2 seeds = 24 runs → sweep" in finished.out
    assert "chosen: sgd lr=" in finished.out
    assert "reporting: tuned and default on seeds 0,1,7" in finished.out
    assert "Report: sweep/report.html" in finished.out


def test_the_report_compares_the_reporting_runs_alone(finished: Finished) -> None:
    with open(finished.folder / "sweep" / "comparison.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["optimizer"] for row in rows} == set(OPTIMIZERS)
    assert Counter(row["setting"] for row in rows) == {"tuned": 4, "default": 4}
    assert {row["seeds"] for row in rows} == {"3"}
    page = (finished.folder / "sweep" / "report.html").read_text()
    assert "experiment=compare_classic" in page


@pytest.fixture(scope="module")
def again(finished: Finished) -> Finished:
    """The same command once more, which publishes what the first has left unpublished."""
    before = (finished.folder / "sweep" / "comparison.csv").read_bytes()
    words = ("experiment=compare_classic", *SMALL, tracked(finished.folder))
    done = succeeded(run(*words, folder=finished.folder))
    assert (finished.folder / "sweep" / "comparison.csv").read_bytes() == before
    return done


@pytest.mark.slow
def test_the_same_command_again_trains_nothing(again: Finished) -> None:
    counted = re.findall(r"(\d+) of (\d+) runs are finished already", again.out)
    assert len(counted) >= 2
    assert all(finished == runs for finished, runs in counted)


@pytest.mark.slow
def test_everything_is_in_mlflow(finished: Finished, again: Finished) -> None:
    client = MlflowClient(uri(finished.folder))
    experiment = client.get_experiment_by_name("descent")
    runs = client.search_runs([experiment.experiment_id], "tags.kind = 'run'")
    assert len(runs) == len(finished.records())
    tuned = client.search_runs([experiment.experiment_id], "tags.setting LIKE '%tuned%'")
    assert len(tuned) == 4 * 3
    assert all("_search_" not in key for run in runs for key in run.data.params)
    summaries = client.search_runs([experiment.experiment_id], "tags.kind = 'comparison'")
    (summary,) = summaries
    names = {file.path for file in client.list_artifacts(summary.info.run_id)}
    assert {"report.html", "comparison.csv", "pairs.csv", "comparison.tex"} <= names
    assert "adagrad" in summary.data.tags["mlflow.note.content"]


def test_a_reporting_run_gives_the_bits_it_gives_alone(finished: Finished, tmp_path: Path) -> None:
    records = [r for r in stage(finished, "reporting") if r.choices["optimizer"] == "adam"]
    record = next(r for r in records if "tuned" in r.labels["setting"] and r.seed == 7)
    rate = record.config["optimizer"]["lr"]
    alone = succeeded(
        run(
            f"optimizer.lr={rate}", "seed=7", *SMALL[:3], NOT_TRACKED, folder=tmp_path
        )  # Adam is the default
    ).record()
    assert_same_bits(record, alone)
    assert record.identity == alone.identity


def test_what_is_searched_is_shown_but_is_no_part_of_a_run(finished: Finished) -> None:
    for record in finished.records():
        assert "_search_" not in record.config_yaml
        composed = OmegaConf.load(record.folder / ".hydra" / "config.yaml")
        assert "_search_" in composed.optimizer


@pytest.mark.slow
def test_several_tasks_several_settings_and_random_search(tmp_path: Path) -> None:
    """Two models, each tuned for itself, over rate and weight decay; nothing widens."""
    done = succeeded(
        run(
            "-m",
            SWEEPER,
            "optimizer=sgd,adam",
            "model.hidden=[4],[8]",
            "optimizer._search_.weight_decay=[0,0.01]",
            "hydra.sweeper.search=halton",
            *SMALL,
            NOT_TRACKED,
            folder=tmp_path,
        )
    )
    assert "tuning: 2 tasks × 2 optimizers × 3 settings × 2 seeds = 24 runs" in done.out
    tuning = stage(done, "tuning")
    assert len(tuning) == 24
    tried = {
        (str(r.config["model"]["hidden"]), r.choices["optimizer"], r.config["optimizer"]["lr"])
        for r in tuning
    }
    assert len(tried) == 12
    ratio = [
        {lr for model, name, lr in tried if (model, name) == ("[4]", optimizer)}
        for optimizer in ("sgd", "adam")
    ]
    for sgd, adam in zip(*map(sorted, ratio), strict=True):
        assert sgd / adam == pytest.approx(100, rel=0.02), "the same places on each scale"
    assert {r.config["optimizer"]["weight_decay"] for r in tuning} == {0, 0.01}
    assert "chosen for model.hidden=[4]: sgd lr=" in done.out
    assert "chosen for model.hidden=[8]: sgd lr=" in done.out
    with open(done.folder / "sweep" / "comparison.csv", newline="") as file:
        parts = Counter(row["part"] for row in csv.DictReader(file))
    assert parts == {"model.hidden=[4]": 4, "model.hidden=[8]": 4}


@pytest.mark.slow
def test_the_grids_of_all_are_widened_where_the_best_of_one_is_at_an_edge(tmp_path: Path) -> None:
    done = succeeded(
        run(
            "-m",
            SWEEPER,
            "optimizer=sgd,adam",
            "optimizer._search_.lr={low: 1e-7, high: 1e-5}",
            "hydra.sweeper.widenings=2",
            *SMALL,
            NOT_TRACKED,
            folder=tmp_path,
        )
    )
    told = "sgd's best lr lies at the upper end of its grid; adam's best lr lies at the upper end"
    assert done.out.count(told) == 2
    for name in ("sgd", "adam"):
        rates = {
            record.config["optimizer"]["lr"]
            for record in stage(done, "tuning")
            if record.choices["optimizer"] == name
        }
        assert rates == {1e-7, 1e-6, 1e-5, 1e-4, 1e-3}
    assert "sgd lr=0.001 (at the edge of its grid)" in done.out
    page = (tmp_path / "sweep" / "report.html").read_text()
    assert "extended there by one step, twice" in " ".join(page.split())


@pytest.mark.slow
def test_a_grid_is_not_widened_beyond_what_the_optimizer_takes(tmp_path: Path) -> None:
    done = succeeded(
        run(
            "-m",
            SWEEPER,
            "optimizer=momentum,nesterov",
            "~optimizer._search_",
            "+optimizer._search_.momentum={low: 0.5, high: 0.9, scale: linear}",
            *SMALL,
            NOT_TRACKED,
            folder=tmp_path,
        )
    )
    tried = {record.config["optimizer"]["momentum"] for record in stage(done, "tuning")}
    assert tried - {0.3, 0.1} == {0.5, 0.7, 0.9}, "1.1 is no momentum"


REFUSED = [
    (("seed=1",), "seed=1: a tuned comparison chooses settings on the seeds 100-102"),
    (("optimizer=sgd,adam", "optimizer.lr=0.1"), "optimizer.lr=0.1 sets a value that is searched"),
    (("hydra/launcher=basic",), "hydra/launcher=basic: hydra/sweeper=tune_then_compare works"),
    (("hydra.sweeper.tuning_seeds=5-6",), "tuning_seeds and reporting_seeds share 5,6"),
    (("~optimizer._search_",), "there is nothing to tune"),
    (("optimizer._search_.beta1=[0.5,0.9]",), "cannot have the 9 settings of the budget"),
    (("+optimizer._search_.beta3=[1,2,3]", "hydra.sweeper.search=random"), "optimizer.beta3"),
    (("optimizer=sgd,adm",), "did you mean 'adam'"),
]


def test_what_cannot_be_is_refused_before_anything_trains(tmp_path: Path) -> None:
    commands = [("-m", SWEEPER, *FEW_POINTS, NOT_TRACKED, *given) for given, _ in REFUSED]
    for done, (given, said) in zip(at_once(commands, tmp_path), REFUSED, strict=True):
        assert done.status == 1, given
        assert said in done.err, given
        assert "Traceback" not in done.err
        assert not list(done.folder.rglob("record.json"))


@pytest.mark.slow
def test_a_metric_that_no_run_has_is_refused(tmp_path: Path) -> None:
    done = run(
        "-m", SWEEPER, *SMALL, NOT_TRACKED, "hydra.sweeper.select=best/val_r2", folder=tmp_path
    )
    assert done.status == 1
    assert "no run has this metric; they have best/val_accuracy" in done.err


@pytest.mark.slow
@pytest.mark.parametrize(("name", "optimizers"), [("classic", 4), ("all", 31)])
def test_scripts(name: str, optimizers: int, tmp_path: Path) -> None:
    few = ("hydra.sweeper.budget=2", "hydra.sweeper.widenings=0", "training.epochs=1")
    done = subprocess.run(
        [ROOT / "scripts" / f"compare_{name}.sh", *SMALL, *few, NOT_TRACKED],
        cwd=tmp_path,
        env=environment(PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"tuning: {optimizers} optimizers × 2 learning rates × 2 seeds" in done.stdout
    assert (tmp_path / "sweep" / "report.html").is_file()


@pytest.mark.slow
def test_copies_and_harmful_settings_are_told_apart_by_the_script(tmp_path: Path) -> None:
    for check, told in [("copies", '"same seeds": 2'), ("harmful", '"separated": 2')]:
        done = script(
            "validate_protocol.py", check, "--comparisons", 2, "--output", "r", folder=tmp_path
        )
        assert done.status == 0, done.err
        assert told in done.out
        assert (tmp_path / "r").read_text() == done.out
