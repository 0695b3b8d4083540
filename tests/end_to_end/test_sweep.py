"""A sweep of two optimizers and two seeds, and that neither stacks nor workers show in it."""

import csv
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from experiments.runs.record import Record
from tests.end_to_end.command_line import (
    FEW_POINTS,
    NOT_TRACKED,
    Finished,
    assert_same_bits,
    run,
    script,
    started,
    succeeded,
    tracked,
    uri,
)
from tests.experiments.tracking.test_views import read_as_mlflow

EPOCHS = 4
SETTINGS = (*FEW_POINTS, f"training.epochs={EPOCHS}", "model.dropout=0.1")
GRID = ("optimizer=sgd,adam", "seed=0,1")
NAMES = ["sgd-seed0", "sgd-seed1", "adam-seed0", "adam-seed1"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("sweep")
    return succeeded(started("-m", *GRID, *SETTINGS, NOT_TRACKED, folder=folder))


@pytest.fixture(scope="module")
def in_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The same sweep, published as it goes."""
    folder = tmp_path_factory.mktemp("published")
    return succeeded(started("-m", *GRID, *SETTINGS, tracked(folder), folder=folder))


@pytest.fixture(scope="module")
def sweep(finished: Finished) -> Path:
    (found,) = finished.folder.glob("multirun/*/*")
    return found


@pytest.fixture(scope="module")
def client(in_mlflow: Finished) -> MlflowClient:
    return MlflowClient(uri(in_mlflow.folder))


@pytest.fixture(scope="module")
def runs(client: MlflowClient) -> list[Run]:
    experiment = client.get_experiment_by_name("descent")
    return list(client.search_runs([experiment.experiment_id], "tags.kind = 'run'"))


def by_name(records: list[Record]) -> dict[str, Record]:
    return {record.name: record for record in records}


def test_records(finished: Finished, sweep: Path) -> None:
    records = finished.records()
    assert [record.name for record in records] == NAMES
    assert {record.status for record in records} == {"done"}
    (sweep_id,) = {record.sweep for record in records}
    assert sweep_id
    assert len({record.uid for record in records}) == 4
    for number, record in enumerate(records):
        assert record.folder == sweep / str(number)
        assert (record.folder / ".hydra" / "overrides.yaml").is_file()


def test_seeds_share_what_they_should(finished: Finished) -> None:
    """One seed, the same start for all optimizers; another seed, another start."""
    starts = {record.name: record.metrics()["train/loss"][0] for record in finished.records()}
    assert starts["sgd-seed0"] == starts["adam-seed0"] != starts["sgd-seed1"]
    assert starts["sgd-seed1"] == starts["adam-seed1"]


def test_table_is_printed_and_written(finished: Finished, sweep: Path) -> None:
    assert "4 runs" in finished.out
    (header,) = [line for line in finished.out.splitlines() if line.startswith("optimizer ")]
    assert "val loss" in header
    assert "test accuracy" in header
    assert "4 done" in finished.out
    with open(sweep / "comparison.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["optimizer"] for row in rows) == ["adam", "sgd"]
    assert (sweep / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert "| adam" in (sweep / "comparison.md").read_text()


def test_what_the_networks_learnt_is_drawn(finished: Finished, sweep: Path) -> None:
    drawn = ("boundaries", "paths", "confusion", "hardest", "norms")
    assert {path.stem for path in (sweep / "pictures").glob("*.png")} == set(drawn)
    where = (sweep / "pictures").relative_to(finished.folder)
    assert f"What the networks learnt: {where} ({', '.join(drawn)})\n" in finished.out


def test_pictures_can_be_switched_off(sweep: Path, finished: Finished) -> None:
    """The runs are the same, and are not trained again."""
    off = run("-m", *GRID, *SETTINGS, NOT_TRACKED, "comparison.pictures=false",
              "hydra.sweep.dir=without", folder=finished.folder)  # fmt: skip
    assert "4 of 4 runs are finished already" in succeeded(off).out
    assert "What the networks learnt" not in off.out
    assert (finished.folder / "without" / "comparison.png").exists()
    assert not (finished.folder / "without" / "pictures").exists()


@pytest.mark.slow
def test_line_that_opens_these_runs(in_mlflow: Finished) -> None:
    lines = in_mlflow.out.splitlines()
    assert any(f"ui.py --uri {uri(in_mlflow.folder)}" in line for line in lines)
    link, comparison = [line for line in lines if "/#/experiments/" in line]
    assert f"viewStateShareKey={in_mlflow.records()[0].sweep}&compareRunsMode=CHART" in link
    assert "/runs/" in comparison


@pytest.mark.slow
def test_the_link_opens_a_view_of_the_runs_by_optimizer(
    client: MlflowClient, in_mlflow: Finished
) -> None:
    sweep = in_mlflow.records()[0].sweep
    experiment = client.get_experiment_by_name("descent")
    envelope, state = read_as_mlflow(experiment.tags[f"mlflow.sharedViewState.{sweep}"])
    assert set(envelope["groupsExpanded"]) == {"param.optimizer.sgd", "param.optimizer.adam"}
    found = client.search_runs([experiment.experiment_id], state["searchFilter"])
    assert sorted(run.info.run_name for run in found) == sorted(NAMES)
    for chart in state["compareRunCharts"]:
        assert all(chart["metricKey"] in run.data.metrics for run in found), chart
    assert sweep in experiment.tags["mlflow.note.content"]
    assert "comparison.png" not in experiment.tags["mlflow.note.content"]


@pytest.mark.slow
def test_runs_are_flat_in_mlflow(runs: list[Run], in_mlflow: Finished) -> None:
    assert sorted(run.info.run_name for run in runs) == sorted(NAMES)
    assert {run.data.tags["sweep"] for run in runs} == {in_mlflow.records()[0].sweep}
    assert not [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert {run.data.params["optimizer"] for run in runs} == {"sgd", "adam"}
    assert len({run.data.tags["mlflow.runColor"] for run in runs}) == 2


@pytest.mark.slow
def test_every_run_has_its_curves_in_mlflow(client: MlflowClient, runs: list[Run]) -> None:
    for published in runs:
        points = client.get_metric_history(published.info.run_id, "val/loss")
        assert sorted(point.step for point in points) == list(range(EPOCHS + 1))
        names = {file.path for file in client.list_artifacts(published.info.run_id)}
        assert {"weights.npz", "config.yaml"} <= names


@pytest.mark.slow
def test_only_the_best_of_each_optimizer_gets_a_model(
    client: MlflowClient, runs: list[Run], in_mlflow: Finished
) -> None:
    best: dict[str, Record] = {}
    for record in in_mlflow.records():
        rival = best.setdefault(record.choices["optimizer"], record)
        if (record.summary["best/val_loss"] or 0) < (rival.summary["best/val_loss"] or 0):
            best[record.choices["optimizer"]] = record
    expected = {record.name for record in best.values()}
    pictured = {
        published.info.run_name
        for published in runs
        if "learning_curves.svg"
        in {file.path for file in client.list_artifacts(published.info.run_id)}
    }
    assert pictured == expected
    models = client.search_logged_models([runs[0].info.experiment_id])
    by_id = {published.info.run_id: published.info.run_name for published in runs}
    assert {by_id[model.source_run_id] for model in models} == expected


@pytest.mark.slow
def test_comparison_is_a_run_of_its_own(client: MlflowClient, runs: list[Run]) -> None:
    (comparison,) = client.search_runs([runs[0].info.experiment_id], "tags.kind = 'comparison'")
    assert comparison.data.tags["comparison_of"] == runs[0].data.tags["sweep"]
    assert comparison.info.status == "FINISHED"
    names = {file.path for file in client.list_artifacts(comparison.info.run_id)}
    assert {"comparison.csv", "comparison.png"} <= names
    drawn = {file.path for file in client.list_artifacts(comparison.info.run_id, "pictures")}
    assert {"pictures/boundaries.png", "pictures/paths.png"} <= drawn
    assert "adam" in comparison.data.tags["mlflow.note.content"]


def test_compare_script_finds_the_sweep(finished: Finished, sweep: Path, tmp_path: Path) -> None:
    compared = succeeded(script("compare.py", sweep, "--output", tmp_path, folder=tmp_path))
    assert "sgd" in compared.out
    assert (tmp_path / "comparison.csv").read_bytes() == (sweep / "comparison.csv").read_bytes()


def test_a_run_alone_gives_the_bits_it_gives_in_the_sweep(
    finished: Finished, tmp_path: Path
) -> None:
    alone = succeeded(run(*SETTINGS, "optimizer=sgd", "seed=1", NOT_TRACKED, folder=tmp_path))
    assert alone.record().name == "sgd-seed1"
    assert_same_bits(by_name(finished.records())["sgd-seed1"], alone.record())


@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param(["hydra.launcher.width=1", "hydra.launcher.n_jobs=1"], id="one by one"),
        pytest.param(
            ["hydra.launcher.width=3", "hydra.launcher.n_jobs=1"],
            id="width 3",
            marks=pytest.mark.slow,
        ),
        pytest.param(["hydra.launcher.n_jobs=1"], id="one worker", marks=pytest.mark.slow),
        pytest.param(["hydra.launcher.n_jobs=3"], id="three workers", marks=pytest.mark.slow),
        pytest.param(["hydra/launcher=basic"], id="hydra's own", marks=pytest.mark.slow),
        pytest.param(
            ["hydra/launcher=basic", "hydra/sweeper=basic"],
            id="hydra's own throughout",
            marks=pytest.mark.slow,
        ),
        pytest.param(["hydra.sweeper.max_batch_size=3"], id="batches", marks=pytest.mark.slow),
    ],
)
def test_stacks_and_workers_do_not_show(
    finished: Finished, launcher: list[str], tmp_path: Path
) -> None:
    other = run("-m", *GRID, *SETTINGS, NOT_TRACKED, *launcher, folder=tmp_path)
    assert other.status == 0, other.err
    expected, found = by_name(finished.records()), by_name(other.records())
    assert list(expected) == list(found)
    for name, record in expected.items():
        assert_same_bits(record, found[name])


@pytest.mark.slow
def test_batches_are_compared_together(tmp_path: Path) -> None:
    sweep = ("-m", *GRID, *SETTINGS, NOT_TRACKED, "hydra.sweeper.max_batch_size=3")
    finished = succeeded(run(*sweep, "hydra.sweep.dir=sweep", folder=tmp_path))
    assert finished.out.count("records and comparison in sweep") == 2
    with open(tmp_path / "sweep" / "comparison.csv", newline="") as file:
        assert [(row["optimizer"], row["runs"]) for row in csv.DictReader(file)] == [
            ("sgd", "2"),
            ("adam", "2"),
        ]


OPTIMIZERS = (
    "sgd,momentum,nesterov,adagrad,adadelta,rmsprop,adam,amsgrad,adamax,nadam,radam,adamw,lion,muon,"
    "signum,yogi,adabelief,adopt,ademamix,adan,lars,lamb,novograd,adafactor,mars,prodigy,"
    "d_adaptation,shampoo,soap"
)
EVERY = (
    "-m",
    f"optimizer={OPTIMIZERS}",
    *FEW_POINTS,
    "training.epochs=4",
    "schedule=cosine",
    "training.clip_norm=1",
    "optimizer.weight_decay=0.01",
    NOT_TRACKED,
)


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return succeeded(run(*EVERY, folder=tmp_path_factory.mktemp("every")))


@pytest.mark.slow
def test_the_same_command_gives_the_same_bits_for_every_optimizer(
    every: Finished, tmp_path: Path
) -> None:
    again = succeeded(run(*EVERY, folder=tmp_path))
    first, second = every.records(), again.records()
    assert len(first) == len(second) == 29
    assert len({record.choices["optimizer"] for record in first}) == 29
    for one, other in zip(first, second, strict=True):
        assert one.identity == other.identity
        assert one.uid != other.uid
        assert_same_bits(one, other)
    assert len({record.identity for record in first}) == 29


@pytest.mark.slow
def test_hydras_own_launcher_gives_the_same_bits_for_every_optimizer(
    every: Finished, tmp_path: Path
) -> None:
    basic = run(*EVERY, "hydra/launcher=basic", folder=tmp_path)
    assert basic.status == 0, basic.err
    for one, other in zip(every.records(), basic.records(), strict=True):
        assert_same_bits(one, other)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        ("model.normalization=batch", "model.dropout=0.2", "training.dtype=float64"),
        ("model.normalization=layer", "model.activation=gelu", "training.batch_size=full"),
        ("training.l1=1e-4", "training.l2=1e-3", "training.clip_value=0.1", "schedule=one_cycle"),
        ("loss.label_smoothing=0.1", "schedule=reduce_on_plateau", "schedule.patience=1"),
        ("training.early_stopping.patience=1", "model.initializer=orthogonal", "optimizer.lr=0.5"),
    ],
    ids=lambda settings: settings[0],
)
def test_stacks_do_not_show_whatever_is_trained(settings: tuple[str, ...], tmp_path: Path) -> None:
    command = ("-m", "optimizer=adam,momentum", "seed=3,4", "dataset=wine", "training.epochs=6")
    stacked = run(*command, *settings, NOT_TRACKED, folder=tmp_path / "stacked")
    basic = run(*command, *settings, NOT_TRACKED, "hydra/launcher=basic", folder=tmp_path / "basic")
    assert stacked.status == basic.status == 0, stacked.err + basic.err
    for one, other in zip(stacked.records(), basic.records(), strict=True):
        assert_same_bits(one, other)
        assert one.status == other.status
