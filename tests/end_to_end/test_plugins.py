"""Launchers and sweepers that are not ours: the commands of the page, and what comes of them."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient

from experiments.runs.record import Record
from tests.end_to_end.command_line import (
    FEW_POINTS,
    NOT_TRACKED,
    ROOT,
    Finished,
    assert_same_bits,
    at_once,
    plugin,
    run,
    succeeded,
    tracked,
    uri,
)

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "extending.md"
COMMANDS = re.findall(r"^python run\.py -m (hydra/.*)$", PAGE.read_text(), re.MULTILINE)
SETTINGS = (*FEW_POINTS, "training.epochs=3", "model.hidden=[8]")


def command_with(words: str) -> list[str]:
    (command,) = [command for command in COMMANDS if words in command]
    return shlex.split(command)


def by_number(finished: Finished) -> dict[str, Record]:
    return {record.folder.name: record for record in finished.records()}


@pytest.fixture(scope="module")
def stacked(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("stacked")
    grid = ("optimizer=sgd,adam", "seed=0,1")
    return succeeded(run("-m", *grid, *SETTINGS, NOT_TRACKED, folder=folder))


@pytest.mark.parametrize(
    "launcher",
    [
        "basic",
        pytest.param("joblib", marks=plugin("hydra-joblib-launcher")),
        pytest.param("submitit_local", marks=plugin("hydra-submitit-launcher")),
    ],
)
def test_every_launcher_gives_the_same_bits(
    launcher: str, stacked: Finished, tmp_path: Path
) -> None:
    words = command_with(f"hydra/launcher={launcher}")
    finished = succeeded(run("-m", *words, "seed=0,1", *SETTINGS, NOT_TRACKED, folder=tmp_path))
    ours, theirs = by_number(stacked), by_number(finished)
    assert list(theirs) == list(ours) == ["0", "1", "2", "3"]
    for number, record in theirs.items():
        assert_same_bits(record, ours[number])
        assert (record.folder / ".hydra" / "overrides.yaml").is_file()


@plugin("hydra-joblib-launcher")
def test_processes_that_publish_at_once_into_a_database_that_is_not_there(tmp_path: Path) -> None:
    words = command_with("hydra/launcher=joblib")
    finished = succeeded(
        run("-m", *words, "seed=0,1", *SETTINGS, tracked(tmp_path), folder=tmp_path)
    )
    client = MlflowClient(uri(tmp_path))
    experiment = client.get_experiment_by_name("descent")
    runs = client.search_runs([experiment.experiment_id], "tags.kind = 'run'")
    assert sorted(r.info.run_name for r in runs) == sorted(r.name for r in finished.records())
    assert len(runs) == 4
    assert {r.info.status for r in runs} == {"FINISHED"}


@pytest.fixture(scope="module", params=["stacked", "basic"])
def search(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    launcher = request.param
    words = [word for word in command_with("n_jobs=10") if "n_" not in word]
    few = ("hydra.sweeper.n_trials=6", "hydra.sweeper.n_jobs=3", "hydra.sweeper.sampler.seed=1")
    return run(
        *("-m", *words, *few, f"hydra/launcher={launcher}", *SETTINGS, NOT_TRACKED),
        folder=tmp_path_factory.mktemp(f"search-{launcher}"),
    )


@plugin("hydra-optuna-sweeper")
def test_optuna_minimizes_the_validation_loss(search: Finished) -> None:
    assert search.status == 0, search.out + search.err
    records = search.records()
    assert len(records) == 6
    rates = [record.config["optimizer"]["lr"] for record in records]
    assert len(set(rates)) == 6
    assert all(0.001 <= rate <= 1 for rate in rates)
    (path,) = search.folder.rglob("optimization_results.yaml")
    found = yaml.safe_load(path.read_text())
    best = min(records, key=lambda record: record.summary["best/val_loss"])
    assert found["best_params"]["optimizer.lr"] == best.config["optimizer"]["lr"]
    np.testing.assert_allclose(found["best_value"], best.summary["best/val_loss"], rtol=1e-12)


@plugin("hydra-optuna-sweeper")
@pytest.mark.parametrize("launcher", ["stacked", "basic"])
def test_a_run_that_diverges_is_never_the_best(launcher: str, tmp_path: Path) -> None:
    finished = run(
        *("-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=8", "hydra.sweeper.n_jobs=8"),
        *("optimizer=sgd", "optimizer.lr=choice(1e-9,1e30)", "hydra.sweeper.sampler.seed=1"),
        *(f"hydra/launcher={launcher}", *SETTINGS, NOT_TRACKED),
        folder=tmp_path,
    )
    assert finished.status == 0, finished.out + finished.err
    assert {record.status for record in finished.records()} == {"done", "diverged"}
    (path,) = tmp_path.rglob("optimization_results.yaml")
    assert yaml.safe_load(path.read_text())["best_params"]["optimizer.lr"] == 1e-9


@plugin("hydra-optuna-sweeper")
def test_a_search_gets_the_mean_over_seeds(tmp_path: Path) -> None:
    finished = run(
        *("-m", *command_with("hydra.launcher.seeds"), *SETTINGS, NOT_TRACKED), folder=tmp_path
    )
    assert finished.status == 0, finished.out + finished.err
    losses: dict[float, list[float]] = {}
    for record in finished.records():
        losses.setdefault(record.config["optimizer"]["lr"], []).append(record.objective)
    assert [len(found) for found in losses.values()] == [5] * 6
    assert sorted(by_number(finished), key=int) == [str(number) for number in range(30)]
    (path,) = tmp_path.rglob("optimization_results.yaml")
    found = yaml.safe_load(path.read_text())
    means = {rate: sum(own) / 5 for rate, own in losses.items()}
    np.testing.assert_allclose(found["best_value"], min(means.values()), rtol=1e-12)
    assert means[found["best_params"]["optimizer.lr"]] == min(means.values())


def test_seeds_of_the_launcher_and_of_the_sweep_exclude_each_other(tmp_path: Path) -> None:
    both, wrong = at_once(
        [
            ("-m", "seed=0,1", "hydra.launcher.seeds=0-2", *SETTINGS, NOT_TRACKED),
            ("-m", "hydra.launcher.seeds=some", *SETTINGS, NOT_TRACKED),
        ],
        tmp_path,
    )
    assert both.status == wrong.status == 1
    assert "seed=0: hydra.launcher.seeds=0-2 sets the seeds of every job" in both.err
    assert "hydra.launcher.seeds must be seeds, such as 0-4 or [0,1,2]" in wrong.err
