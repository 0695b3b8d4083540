"""The page about parts of one's own: its files as they stand, its commands as they stand."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from experiments.runs.record import Record
from tests.end_to_end.command_line import (
    NOT_TRACKED,
    ROOT,
    Finished,
    assert_same_bits,
    python,
    run,
    script,
    succeeded,
    tracked,
)

PAGE = ROOT / "docs" / "extending.md"


def blocks() -> list[tuple[str, str]]:
    """Language and text of every block of code on the page, as far as it is about parts."""
    # Published results and launchers have tests of their own: test_reproduce.py, test_plugins.py.
    parts, _ = PAGE.read_text().split("\n## A published result")
    return re.findall(r"^```(\w+)\n(.*?)^```$", parts, re.MULTILINE | re.DOTALL)


COMMANDS = [text.strip() for language, text in blocks() if language == "sh"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all files of the page, each where its first comment says."""
    folder = tmp_path_factory.mktemp("own parts")
    for language, text in blocks():
        if language in ("python", "yaml"):
            name = re.match(r"(?:# @package \S+\n)?# (\S+)\n", text)[1]
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return folder


def typed(command: str, *more: str, folder: Path) -> Finished:
    """Run a command of the page, with outputs in a place of its own."""
    words = shlex.split(command)
    assert words[:2] == ["python", "run.py"]
    return run(*words[2:], *more, folder=folder)


def outputs(folder: Path, name: str) -> tuple[str, str]:
    return f"hydra.run.dir={folder / name}", f"hydra.sweep.dir={folder / name}"


def trained(folder: Path, name: str, command: str, *more: str) -> list[Record]:
    finished = typed(command, *outputs(folder, name), *more, folder=folder)
    succeeded(finished)
    return [record for record in finished.records() if name in record.folder.parts]


def command_with(words: str) -> str:
    (command,) = [command for command in COMMANDS if words in command]
    return command


@pytest.mark.slow
def test_an_optimizer_is_tuned_over_what_its_file_declares(folder: Path) -> None:
    finished = run(
        *("--config-dir", "my_conf", "-m", "hydra/sweeper=tune_then_compare"),
        *("optimizer=bounded,adam", "dataset=iris", "training.epochs=2", "hydra.sweeper.budget=3"),
        *outputs(folder, "tuned"),
        NOT_TRACKED,
        folder=folder,
    )
    succeeded(finished)
    records = [record for record in finished.records() if "tuned" in record.folder.parts]
    rates = {
        record.config["optimizer"]["lr"]
        for record in records
        if record.choices["optimizer"] == "bounded"
    }
    assert {1e-5, 1e-3, 0.1} <= rates


def test_the_page_has_a_file_pair_and_a_command_for_each_part(folder: Path) -> None:
    assert len(COMMANDS) == 8
    languages = [language for language, _ in blocks()]
    pair, metric = ["python", "yaml", "sh"], ["python", "sh"]
    assert languages == pair * 2 + metric + pair * 5


@pytest.mark.slow
def test_metric(folder: Path) -> None:
    records = trained(folder, "metric", command_with("metrics="), NOT_TRACKED)
    for record in records:
        curve = record.metrics()["val/brier"]
        assert curve[-1] < curve[0]
        assert record.summary["test/brier"] < 0.5
        assert 0 < record.summary["test/f1"] <= 1
    # The comparison trusts no record, and knows the direction nevertheless.
    finished = script("compare.py", str(folder / "metric"), "--metric", "test/brier", folder=folder)
    succeeded(finished)
    best = min(records, key=lambda record: record.summary["test/brier"]).choices["optimizer"]
    table = finished.out[finished.out.index("test brier  ") :]
    assert table.splitlines()[1].startswith(best)


@pytest.mark.slow
def test_optimizer(folder: Path) -> None:
    records = trained(folder, "optimizer", command_with("optimizer=bounded"), NOT_TRACKED)
    assert [record.name for record in records] == [
        "bounded-seed0",
        "bounded-seed1",
        "adam-seed0",
        "adam-seed1",
    ]
    for record in records:
        assert record.summary["best/val_accuracy"] > 0.9
    starts = {record.metrics()["val/loss"][0] for record in records}
    assert len(starts) == 2  # one seed, one start


@pytest.mark.slow
def test_optimizer_alone_gives_the_same_bits(folder: Path) -> None:
    stacked = trained(folder, "stacked", command_with("optimizer=bounded"), NOT_TRACKED)[1]
    alone = "python run.py --config-dir my_conf optimizer=bounded seed=1"
    (single,) = trained(folder, "alone", alone, NOT_TRACKED)
    assert_same_bits(stacked, single)


@pytest.mark.slow
def test_loss(folder: Path) -> None:
    (record,) = trained(folder, "loss", command_with("loss="), NOT_TRACKED)
    assert record.choices["loss"] == "log_cosh"
    assert record.summary["best/val_r2"] > 0.3


@pytest.mark.slow
def test_layer(folder: Path) -> None:
    records = trained(folder, "layer", command_with("model=noisy"), NOT_TRACKED)
    losses = [record.summary["final/train_loss"] for record in records]
    assert len(set(losses)) == 3
    noise = [record.config["model"]["hidden_layers"][0]["std"] for record in records]
    assert noise == [0, 0.1, 0.3]
    # Prediction is without noise, so before training they are the same.
    assert len({record.metrics()["val/loss"][0] for record in records}) == 1


def test_dataset(folder: Path) -> None:
    (record,) = trained(folder, "dataset", command_with("dataset=parity"), NOT_TRACKED)
    assert record.dataset["name"] == "parity"
    assert sum(record.dataset["rows"].values()) == 64
    assert record.dataset["target_names"] == ["even", "odd"]


@pytest.mark.slow
def test_function(folder: Path) -> None:
    records = trained(folder, "function", command_with("dataset=himmelblau"), NOT_TRACKED)
    assert len(records) == 4
    for record in records:
        assert record.dataset["name"] == "himmelblau"
        if record.choices["optimizer"] == "momentum":
            assert record.summary["final/train_loss"] < 1e-6


@pytest.mark.slow
def test_probe(folder: Path) -> None:
    records = trained(folder, "probe", command_with("training=watched"), NOT_TRACKED)
    for record in records:
        measured = record.metrics()["probe/dead_units"]
        assert np.isfinite(measured).tolist() == [True, False, True, False, True, True]
        assert record.summary["final/dead_units"] == measured[-1]


def test_settings_are_checked(folder: Path) -> None:
    wrong = "python run.py --config-dir my_conf optimizer=bounded optimizer.beta=1"
    finished = typed(wrong, NOT_TRACKED, folder=folder)
    assert finished.status == 1
    assert finished.err == "error: optimizer.beta must be a number in [0, 1), but is 1\n"


LOAD = """
import sys
sys.path = [path for path in sys.path if path not in ({root!r}, {source!r})]
import mlflow, pandas
model = mlflow.pyfunc.load_model({model!r})
print(*(module.__file__ for name, module in sys.modules.items() if name.endswith("softsign")))
pixels = [f"pixel_{{row}}_{{column}}" for row in range(8) for column in range(8)]
print(len(model.predict(pandas.DataFrame(0, index=range(2), columns=pixels))))
"""


@pytest.mark.slow
def test_activation_and_the_model_that_carries_it(folder: Path, tmp_path: Path) -> None:
    command = command_with("model=softsign_mlp")
    (record,) = trained(folder, "activation", command, tracked(folder))
    assert record.summary["best/val_accuracy"] > 0.9

    # A script finds the module in the folder where it is called.
    rows = tmp_path / "rows.npy"
    np.save(rows, np.zeros((2, 64)))
    allowed = {"DESCENT_TRUSTED_PACKAGES": "softsign"}
    predicted = succeeded(script("predict.py", record.folder, rows, folder=folder, env=allowed))
    assert predicted.out.count("\n") == 3

    # The published model brings it along, in another folder and without this checkout.
    (description,) = (folder / "mlartifacts").rglob("MLmodel")
    program = LOAD.format(
        root=str(ROOT), source=str(ROOT / "src"), model=description.parent.as_uri()
    )
    loaded = python("-I", "-c", program, folder=tmp_path / "elsewhere")
    assert loaded.status == 0, loaded.err
    module, count = loaded.out.splitlines()
    assert Path(module).is_relative_to(description.parent)
    assert count == "2"
