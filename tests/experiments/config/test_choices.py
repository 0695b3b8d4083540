"""The files of conf/ agree with the classes that they choose."""

import dataclasses
import importlib
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from experiments import datasets
from experiments.config.models import Model
from experiments.config.schema import SEARCH, EarlyStopping, Tracking, Training
from nn.activations import Activation
from nn.averaging import Averaging
from nn.component import Component
from nn.losses import Loss
from nn.optimizers import Optimizer
from nn.schedules import Schedule

CONF = Path(__file__).parents[3] / "conf"

FAMILIES: dict[str, Any] = {
    "dataset": datasets.Source,
    "model": Model,
    "loss": Loss,
    "optimizer": Optimizer,
    "schedule": Schedule,
    "averaging": Averaging,
    "training": Training,
    "tracking": Tracking,
}
CHOICES = [
    f"{group}/{path.stem}" for group in FAMILIES for path in sorted((CONF / group).glob("*.yaml"))
]
# What differs from the class on purpose: a choice that is another setting of the same class.
_PLANE = {"coordinates": 2}
ON_PURPOSE: dict[str, dict[str, Any]] = {
    **{f"dataset/{name}": {"name": name, **_PLANE} for name in ("beale", "branin", "rosenbrock")},
    "dataset/quadratic": {
        "name": "quadratic",
        "coordinates": 100,
        "noise": 0.6,
        "rows": 1000,
        "test_rows": 1000,
        "seed": 42,
    },
    "dataset/online_linear": {
        "name": "online_linear",
        "slopes": [1010, -10],
        "times": [1, 100],
    },
    "model/linear": {"hidden": []},
    "dataset/fashion_mnist": {"fallback_dir": "/usr/share/datasets/fashion-mnist"},
    "tracking/none": {"enabled": False, "models": "none"},
}


def choice(path: str) -> DictConfig:
    loaded = OmegaConf.load(CONF / f"{path}.yaml")
    assert isinstance(loaded, DictConfig)
    # Only parents count here: `override` entries choose in other groups.
    parents = [entry for entry in loaded.pop("defaults", []) if isinstance(entry, str)]
    group = path.partition("/")[0]
    if "_target_" not in loaded and group in loaded:  # a file of the whole configuration
        loaded = loaded[group]
    merged = OmegaConf.merge(*(choice(f"{group}/{parent}") for parent in parents), loaded)
    assert isinstance(merged, DictConfig)
    return merged


def as_written(value: Any) -> Any:
    """How a configuration writes a field's default."""
    if value is dataclasses.MISSING:
        return "???"
    if isinstance(value, EarlyStopping):
        return dataclasses.asdict(value)
    if isinstance(value, Component):
        usual = {f.name: f.default for f in dataclasses.fields(value)}
        own = {key: v for key, v in dataclasses.asdict(value).items() if v != usual[key]}
        return {"name": value.name, **own} if own else value.name
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("path", CHOICES)
def test_a_file_of_conf_is_its_class(path: str) -> None:
    written = OmegaConf.to_container(choice(path))
    assert isinstance(written, dict)
    group, _, name = path.partition("/")
    kind = FAMILIES[group]
    assert (SEARCH in written) == (group == "optimizer")
    written.pop(SEARCH, None)
    if group == "optimizer":  # what all of them have stands in the configuration itself
        shared = OmegaConf.to_container(OmegaConf.load(CONF / "config.yaml").optimizer)
        assert isinstance(shared, dict)
        written = shared | written
    if "_target_" in written:
        module, _, class_name = str(written.pop("_target_")).rpartition(".")
        kind = getattr(importlib.import_module(module), class_name)
    defaults = {f.name: as_written(f.default) for f in dataclasses.fields(kind) if f.init}
    defaults.update(ON_PURPOSE.get(path, {}))
    assert set(written) == set(defaults)
    assert written == defaults
    for key, value in defaults.items():
        # 1 and 1.0, or 1e-8 and "1e-8", are not the same setting.
        assert isinstance(written[key], type(value)), key
    if getattr(kind, "name", "") and group != "dataset":
        assert name == kind.name


@pytest.mark.parametrize("family", ["averaging", "loss", "optimizer", "schedule"])
def test_every_class_of_a_family_can_be_chosen(family: str) -> None:
    ours = {
        name
        for name in FAMILIES[family].names()
        if FAMILIES[family].class_named(name).__module__.startswith("nn.")
    }
    assert {path.stem for path in (CONF / family).glob("*.yaml")} == ours


def test_every_dataset_can_be_chosen() -> None:
    offered = {str(choice(path)["_target_"]) for path in CHOICES if path.startswith("dataset/")}
    concrete = {
        f"experiments.datasets.{name}"
        for name, found in vars(datasets).items()
        if isinstance(found, type)
        and issubclass(found, datasets.Source)
        and not getattr(found, "__abstractmethods__", None)
    }
    assert offered == concrete


def test_names_in_a_comment_of_the_model_are_the_activations_there_are() -> None:
    (line,) = [
        line
        for line in (CONF / "model" / "mlp.yaml").read_text().splitlines()
        if line.startswith("activation:")
    ]
    ours = {
        name
        for name in Activation.names()
        if Activation.class_named(name).__module__.startswith("nn.")
    }
    assert set(line.partition("# ")[2].split()) == ours - {"softmax"}
