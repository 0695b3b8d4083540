"""Settings that published work uses, on the command line."""

from pathlib import Path

import numpy as np
import pytest

from tests.end_to_end.command_line import (
    FEW_POINTS,
    NOT_TRACKED,
    ROOT,
    Finished,
    assert_same_bits,
    run,
    succeeded,
)
from tests.end_to_end.test_data import write_idx

SHORT = (*FEW_POINTS, NOT_TRACKED, "training.epochs=3")
SPLIT_BY_SEED = (*SHORT, "dataset.seed=${seed}")


@pytest.fixture(scope="module")
def by_seed(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("by_seed")
    sweep = ("-m", "optimizer=sgd,adam", "seed=0,1,2", "hydra.sweep.dir=sweep")
    return succeeded(run(*sweep, *SPLIT_BY_SEED, folder=folder))


def test_each_seed_has_its_split_and_all_optimizers_have_it(by_seed: Finished) -> None:
    digests = {record.name: record.dataset["digest"] for record in by_seed.records()}
    assert len(digests) == 6
    for seed in range(3):
        assert digests[f"sgd-seed{seed}"] == digests[f"adam-seed{seed}"]
    assert len(set(digests.values())) == 3
    # One comparison, over splits.
    assert "moons" not in by_seed.out.split("optimizer", 1)[1].split("\n\n")[0]
    assert "over 3 seeds" in by_seed.out


def test_a_run_of_the_sweep_has_the_bits_of_one_alone(by_seed: Finished, tmp_path: Path) -> None:
    alone = succeeded(run("optimizer=adam", "seed=2", *SPLIT_BY_SEED, folder=tmp_path)).record()
    (same,) = [record for record in by_seed.records() if record.name == "adam-seed2"]
    assert_same_bits(alone, same)
    other = {record.name: record for record in by_seed.records()}["adam-seed1"]
    assert other.dataset["digest"] != alone.dataset["digest"]


def test_without_a_validation_part_the_last_epoch_is_reported(tmp_path: Path) -> None:
    finished = succeeded(run(*SHORT, "dataset.validation=0", folder=tmp_path))
    assert "test at the last epoch: test/loss" in finished.out
    assert "val" not in finished.out
    assert finished.record().dataset["rows"] == {"train": 128, "test": 22}


def test_a_peak_on_the_test_part_is_called_so(tmp_path: Path) -> None:
    peak = ("training.report=test_peak", "training.test_every_epoch=true")
    finished = succeeded(run(*SHORT, *peak, folder=tmp_path))
    assert "peak on the test part, chosen on it, at epoch" in finished.out
    assert "test/loss" not in finished.out


def test_deepobs_quadratic_deep_starts_at_its_published_loss(tmp_path: Path) -> None:
    published = "experiment=published/deepobs_quadratic_deep"
    rule = ("optimizer=sgd", "optimizer.lr=0.01585", "training.epochs=2")
    record = succeeded(run(published, *rule, NOT_TRACKED, folder=tmp_path)).record()
    assert record.dataset["rows"] == {"train": 1000, "test": 896}
    assert record.summary["untrained/test_loss"] == pytest.approx(353.4468, abs=1e-4)
    assert record.metrics()["step"].tolist() == [0, 7, 14]
    assert record.summary["test/loss"] < 200
    assert record.config["training"]["order"] == "once"


def test_nielsen_chapter_1_on_made_up_digits(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, rows in (("train", 60), ("t10k", 30)):
        labels = np.arange(rows) % 10
        images = rng.integers(50, size=(rows, 28, 28))
        images[np.arange(rows), labels] = 255
        write_idx(tmp_path / f"{name}-images-idx3-ubyte", images)
        write_idx(tmp_path / f"{name}-labels-idx1-ubyte", labels)
    short = ("dataset.counts=[50,10]", "training.epochs=3", f"dataset.dir='{tmp_path}'")
    published = "experiment=published/nielsen_chapter1"
    record = succeeded(run(published, *short, NOT_TRACKED, folder=tmp_path)).record()
    assert record.dataset["rows"] == {"train": 50, "validation": 10, "test": 30}
    assert record.metrics()["step"].tolist() == [0, 5, 10, 15]
    assert {name: array.shape for name, array in record.weights().items()} == {
        "dense1/weights": (784, 30),
        "dense1/bias": (30,),
        "dense2/weights": (30, 10),
        "dense2/bias": (10,),
    }
    curve = record.metrics()["test_curve/accuracy"]
    assert record.summary["test_peak/accuracy"] == curve.max()
    # Half the squared distance to the digit, from weights and biases of N(0, 1).
    assert record.metrics()["train/loss"][0] > 1
    assert {"scale": 0.5, "reduction": "sum"}.items() <= record.config["loss"].items()
    assert record.config["optimizer"]["lr"] == 3


def test_steps_orders_and_counts(tmp_path: Path) -> None:
    settings = ("training.steps=7", "training.order=as_given", "training.last_batch=drop")
    counts = ("dataset.split=position", "dataset.counts=[100,20,30]")
    data = (*FEW_POINTS, NOT_TRACKED)
    record = succeeded(run(*data, *settings, *counts, folder=tmp_path)).record()
    assert record.metrics()["step"].tolist() == [0, 3, 6, 7]
    assert record.dataset["rows"] == {"train": 100, "validation": 20, "test": 30}


def test_other_settings_of_sources_train_together(tmp_path: Path) -> None:
    settings = (
        "training.report=best_accuracy", "training.order=with_replacement",
        "training.penalties_over_rows=true", "training.l2=5", "training.box=[-0.5,0.5]",
        "training.metrics=[f1,roc_auc]", "training.probes=[class_loss,distance,norms]",
        "model.bias_initializer={name: normal, std: 1}", "model.activation=square",
        "loss.class_weights=balanced", "schedule=wsd",
    )  # fmt: skip
    record = succeeded(
        run("dataset=iris", "training.epochs=2", NOT_TRACKED, *settings, folder=tmp_path)
    ).record()
    assert {"test/f1", "test/roc_auc", "best/val_f1"} <= set(record.summary)
    assert all(np.abs(weights).max() <= 0.5 for weights in record.weights().values())
    assert any(name.startswith("probe/") for name in record.metrics())


def test_each_schedule_trains(tmp_path: Path) -> None:
    sweep = ("-m", "schedule=glob(*)", "hydra.sweep.dir=sweep")
    records = succeeded(run(*sweep, *SHORT, folder=tmp_path)).records()
    names = {path.stem for path in (ROOT / "conf" / "schedule").glob("*.yaml")}
    assert {record.choices["schedule"] for record in records} == names
    assert all(record.status == "done" for record in records)


@pytest.mark.parametrize(
    "settings",
    [
        ("dataset=online_linear", "training.epochs=2"),
        ("dataset=quadratic", "model.function.rotated=false", "training.epochs=2"),
        ("dataset=linear_regression", "model=linear", "loss=mse", "training.epochs=2"),
        ("dataset=linear_classification", "model=linear", "training.epochs=2"),
        ("dataset=beale", "training.steps=5"),
        ("dataset=branin", "training.steps=5"),
        ("dataset=rosenbrock", "training.steps=5"),
        ("dataset=moons", "training.order=once", "training.epochs=2"),
        ("schedule=reduce_on_plateau", "schedule.cooldown=1", "training.epochs=3"),
    ],
    ids=lambda settings: settings[0],
)
def test_made_up_tasks_train(settings: tuple[str, ...], tmp_path: Path) -> None:
    record = succeeded(run(*settings, NOT_TRACKED, folder=tmp_path)).record()
    assert record.status == "done"
    assert len(record.metrics()) > 1
