"""What can be typed: quotes, lists, deletions, sweeps of all kinds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from experiments.runs.record import Record
from tests.end_to_end.command_line import NOT_TRACKED, at_once, run, succeeded

FEW = ("dataset=moons", "training.epochs=1", NOT_TRACKED)

# What is typed, and what of the configuration comes of it.
TYPED: list[dict[str, dict[str, Any]]] = [
    {
        "seed=0": {"seed": 0},
        "experiment_name='a b'": {"experiment_name": "a b"},
        "model.hidden=[]": {"model.hidden": []},
        "optimizer.lr=1e-2": {"optimizer.lr": 0.01},
        "training.batch_size=full": {"training.batch_size": "full"},
        "dataset.limit=90": {"dataset.limit": 90},
        "dataset.seed=5": {"dataset.seed": 5},
    },
    {
        "experiment_name='a,b'": {"experiment_name": "a,b"},
        "model.hidden=[8, 4]": {"model.hidden": [8, 4]},
        "+optimizer={lr: 0.5}": {"optimizer.lr": 0.5},
        "training.batch_size=1000": {"training.batch_size": 1000},
        "training.early_stopping.patience=null": {"training.early_stopping.patience": None},
    },
    {
        "experiment_name='it\\'s {x}=1'": {"experiment_name": "it's {x}=1"},
        "model=linear": {"model.hidden": []},
        "++optimizer.lr=1": {"optimizer.lr": 1},
        "training=default": {"training.epochs": 1},
        "training.clip_norm=1": {"training.clip_norm": 1},
    },
    {
        "experiment_name='Zürich-π'": {"experiment_name": "Zürich-π"},
        "~optimizer.lr": {"optimizer.lr": None},  # back to the class's own default
        "model.activation={_target_: nn.activations.LeakyReLU, slope: 0.2}": {
            "model.activation.slope": 0.2
        },
    },
    {
        "optimizer=rmsprop": {"optimizer._target_": "nn.RMSprop"},
        "~optimizer.eps": {"optimizer.eps": None},
        "optimizer.lr=${optimizer.rho}": {"optimizer.lr": 0.99},
    },
    {
        "experiment=xor": {"optimizer._target_": "nn.SGD", "optimizer.lr": 4.0},
        "dataset=iris": {"dataset._target_": "experiments.datasets.Iris"},  # says the last word
        "loss=cross_entropy": {"loss._target_": "nn.CrossEntropy"},
        "model.output_activation=softmax": {"model.output_activation": "softmax"},
    },
]


def at(config: Mapping[str, Any], name: str) -> Any:
    node: Any = config
    for key in name.split("."):
        node = node.get(key)
    return node


@pytest.mark.slow
def test_what_is_typed_is_what_is_run(tmp_path: Path) -> None:
    finished = at_once([(*FEW, *typed) for typed in TYPED], tmp_path)
    for typed, one in zip(TYPED, finished, strict=True):
        config = succeeded(one).record().config
        for expected in typed.values():
            assert {name: at(config, name) for name in expected} == expected


SWEPT = {
    "lists": (
        ["model.hidden=[8],[8,4],[]"],
        ["adam-hidden8-seed0", "adam-hidden8x4-seed0", "adam-hidden-seed0"],
    ),
    "range": (["seed=range(3)"], ["adam-seed0", "adam-seed1", "adam-seed2"]),
    "glob": (["optimizer=glob(adam*)"], ["adam-seed0", "adamax-seed0", "adamw-seed0"]),
    "experiment": (["experiment=xor", "seed=0,1"], ["sgd-seed0", "sgd-seed1"]),
    # Adam, the default, knows no momentum; these two do.
    "settings": (
        ["optimizer=momentum,nesterov", "optimizer.momentum=0.5"],
        ["momentum-seed0", "nesterov-seed0"],
    ),
    "numbers": (["optimizer.lr=0.1,0.01"], ["adam-lr0.1-seed0", "adam-lr0.01-seed0"]),
    "datasets": (
        ["dataset=wine,diabetes", "seed=1"],
        ["adam-wine-seed1", "adam-diabetes-seed1"],
    ),
}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Record]]:
    commands = [("-m", *FEW, *overrides) for overrides, _ in SWEPT.values()]
    finished = at_once(commands, tmp_path_factory.mktemp("swept"))
    return {name: succeeded(one).records() for name, one in zip(SWEPT, finished, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize("name", SWEPT)
def test_sweeps(swept: dict[str, list[Record]], name: str) -> None:
    assert [record.name for record in swept[name]] == SWEPT[name][1]
    assert {record.status for record in swept[name]} == {"done"}


@pytest.mark.slow
def test_settings_of_swept_choices_reach_every_job(swept: dict[str, list[Record]]) -> None:
    records = swept["settings"]
    assert [record.config["optimizer"]["momentum"] for record in records] == [0.5, 0.5]
    assert records[0].overrides[-1] == "optimizer.momentum=0.5"
    assert str(records[0].command).endswith("optimizer=momentum,nesterov optimizer.momentum=0.5")


@pytest.mark.slow
def test_each_dataset_brings_a_loss_that_fits(swept: dict[str, list[Record]]) -> None:
    wine, diabetes = swept["datasets"]
    assert (wine.choices["loss"], diabetes.choices["loss"]) == ("cross_entropy", "mse")
    assert "val/accuracy" in wine.metrics()
    assert "val/r2" in diabetes.metrics()


@pytest.mark.parametrize(
    "how",
    [
        ("-m", "seed=0,1"),
        pytest.param(("-m", "seed=0,1", "hydra/launcher=basic"), marks=pytest.mark.slow),
        pytest.param(("seed=0",), marks=pytest.mark.slow),
    ],
    ids=["stacked", "basic", "run"],
)
def test_a_password_is_in_no_file(how: tuple[str, ...], tmp_path: Path) -> None:
    """Also where Hydra has escaped the address, as it does in sweeps, and in what it writes."""
    address = "tracking.uri=http://ada:secret@127.0.0.1:9"
    finished = run(*how, address, "tracking.enabled=false", *FEW[:2], folder=tmp_path)
    assert succeeded(finished).records()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    told = [path.name for path in written if b"127.0.0.1" in path.read_bytes()]
    assert {"record.json", "config.yaml", "run.log", "overrides.yaml", "hydra.yaml"} <= set(told)
    assert ("multirun.yaml" in told) == ("-m" in how)
    assert [path for path in written if b"secret" in path.read_bytes()] == []
