"""Building runs and networks from configurations, and what is said of faulty ones."""

import copy
import dataclasses
import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from experiments import datasets
from experiments.config.build import build, network_from_config, run_from_config
from experiments.config.models import MLP, Model
from experiments.config.schema import (
    EarlyStopping,
    Run,
    Tracking,
    Training,
    check_experiment_name,
)
from experiments.config.trust import named_packages
from experiments.datasets import Samples
from experiments.errors import ConfigError
from nn.activations import Activation, LeakyReLU, Tanh
from nn.initializers import Filled, Initializer
from nn.losses import Loss
from nn.optimizers import Adam, Optimizer
from nn.schedules import Schedule, Step

WHOLE: dict[str, Any] = {
    "seed": 3,
    "experiment_name": "trial",
    "dataset": {"_target_": "experiments.datasets.Moons", "rows": 40},
    "model": {"_target_": "experiments.config.models.MLP", "hidden": [5, 4], "activation": "tanh"},
    "loss": {"_target_": "nn.CrossEntropy", "label_smoothing": 0.1},
    "optimizer": {"_target_": "nn.Adam", "lr": 0.01},
    "schedule": {"_target_": "nn.schedules.Step", "every": 2},
    "training": {"epochs": 4, "early_stopping": {"patience": 2}},
    "tracking": {"enabled": False},
}


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The whole configuration with some dotted keys set to other values."""
    config = copy.deepcopy(WHOLE)
    for key, value in changes.items():
        *path, last = key.split(".")
        node = config
        for name in path:
            node = node.setdefault(name, {})
        node[last] = value
    return config


def run_of(config: dict[str, Any]) -> Run:
    """The run of a configuration that its own user has typed."""
    return run_from_config(config, trusted=named_packages(config))


def faults_of(**changes: Any) -> list[str]:
    """The lines of the message about a configuration with these changes (``__`` is a dot)."""
    return faults_with({key.replace("__", "."): value for key, value in changes.items()})


def faults_with(changes: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        run_of(changed(changes))
    return str(caught.value).splitlines()


def the_fault(**changes: Any) -> str:
    lines = faults_of(**changes)
    assert len(lines) == 1, lines
    return lines[0]


# What is right


def test_a_right_configuration_becomes_a_run() -> None:
    run = run_of(WHOLE)
    assert run == Run(
        seed=3,
        experiment_name="trial",
        dataset=datasets.Moons(rows=40),
        model=MLP(hidden=(5, 4), activation=Tanh()),
        loss=nn.CrossEntropy(label_smoothing=0.1),
        optimizer=Adam(lr=0.01),
        schedule=Step(every=2),
        training=Training(epochs=4, early_stopping=EarlyStopping(patience=2)),
        tracking=Tracking(enabled=False),
    )


def test_what_is_left_out_has_its_default() -> None:
    config = {key: WHOLE[key] for key in ("dataset", "model", "loss", "optimizer", "schedule")}
    run = run_of(config)
    assert (run.seed, run.experiment_name) == (0, "descent")
    assert (run.training, run.tracking) == (Training(), Tracking())
    assert run.training.early_stopping.patience is None


def test_the_configuration_given_is_left_as_it_was() -> None:
    before = copy.deepcopy(WHOLE)
    run_of(WHOLE)
    assert before == WHOLE


@pytest.mark.parametrize(
    "target", ["nn.Adam", "nn.optimizers.Adam", "nn.optimizers.adam.Adam"], ids=str
)
def test_a_class_is_found_under_every_name_it_has(target: str) -> None:
    assert run_of(changed({"optimizer._target_": target})).optimizer == Adam(lr=0.01)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("tanh", Tanh()),
        ("leaky_relu", LeakyReLU()),
        ({"name": "leaky_relu"}, LeakyReLU()),
        ({"name": "leaky_relu", "slope": 0.2}, LeakyReLU(slope=0.2)),
        ({"_target_": "nn.activations.LeakyReLU", "slope": 0.3}, LeakyReLU(slope=0.3)),
        ({"_target_": "nn.activations.Tanh"}, Tanh()),
    ],
    ids=str,
)
def test_an_activation_is_given_by_name_or_class(activation: Any, expected: Activation) -> None:
    run = run_of(changed({"model.activation": activation}))
    assert isinstance(run.model, MLP)
    assert run.model.activation == expected


def test_an_initializer_is_given_by_name_or_class() -> None:
    run = run_of(
        changed(
            {
                "model.initializer": {"name": "constant", "value": 0.5},
                "model.bias_initializer": {"_target_": "nn.initializers.Filled", "value": -1},
                "model.output_activation": "softmax",
            }
        )
    )
    assert isinstance(run.model, MLP)
    assert run.model.initializer == Filled(0.5)
    assert run.model.bias_initializer == Filled(-1)
    assert run.objective.activation.name == "softmax"


def test_layers_of_a_sequential_model_nest_parts() -> None:
    model = {
        "_target_": "experiments.config.models.Sequential",
        "hidden_layers": [
            {"_target_": "nn.Dense", "units": 7, "initializer": {"name": "constant", "value": 2}},
            {"name": "activation", "function": {"name": "elu", "alpha": 0.5}},
            {"name": "dropout", "rate": 0.25},
            {"_target_": "nn.LayerNorm"},
        ],
    }
    run = run_of({**WHOLE, "model": model})
    layers = run.model.layers(2)
    assert layers == [
        nn.Dense(7, initializer=Filled(2)),
        nn.layers.ActivationLayer(nn.activations.ELU(alpha=0.5)),
        nn.Dropout(0.25),
        nn.LayerNorm(),
        nn.Dense(2),
    ]


# Unknown keys


@pytest.mark.parametrize(
    ("key", "place", "nearest"),
    [
        ("sed", "", "seed"),
        ("optimiser", "", "optimizer"),
        ("optimizer.lrr", "optimizer", "lr"),
        ("optimizer.beta_1", "optimizer", "beta1"),
        ("optimizer.weightdecay", "optimizer", "weight_decay"),
        ("model.hiden", "model", "hidden"),
        ("loss.label_smooth", "loss", "label_smoothing"),
        ("dataset.row", "dataset", "rows"),
        ("schedule.gama", "schedule", "gamma"),
        ("training.epoch", "training", "epochs"),
        ("training.early_stopping.patients", "training.early_stopping", "patience"),
        ("tracking.url", "tracking", "uri"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_one(key: str, place: str, nearest: str) -> None:
    (fault,) = faults_with({key: 1})
    wrong = key.rpartition(".")[2]
    start = f"{place}: " if place else ""
    assert fault.startswith(f"{start}unknown key {wrong!r}; did you mean {nearest!r}?")
    assert "(known: " in fault


@pytest.mark.parametrize("key", ["name", "training.name", "training.early_stopping.name"])
def test_name_is_an_unknown_key_where_nothing_is_chosen_by_name(key: str) -> None:
    (fault,) = faults_with({key: "mine"})
    place = key.rpartition(".")[0]
    assert fault.startswith(f"{place}: unknown key 'name'" if place else "unknown key 'name'")


@pytest.mark.parametrize("key", ["state", "decoupled", "scratch"])
def test_what_only_a_class_decides_cannot_be_set(key: str) -> None:
    assert the_fault(**{f"optimizer__{key}": 1}).startswith(f"optimizer: unknown key {key!r}")


def test_unknown_keys_inside_nested_parts() -> None:
    fault = the_fault(model__activation={"name": "leaky_relu", "slop": 0.1})
    assert fault.startswith("model.activation: unknown key 'slop'; did you mean 'slope'?")
    layers = {
        "_target_": "experiments.config.models.Sequential",
        "hidden_layers": [
            {"_target_": "nn.Dense", "units": 3},
            {"_target_": "nn.Dropout", "rat": 0.5},
        ],
    }
    fault = the_fault(model=layers)
    assert fault.startswith("model.hidden_layers[1]: unknown key 'rat'; did you mean 'rate'?")


# Wrong values


def test_names_of_experiments_may_be_long_and_in_any_language() -> None:
    for name in ("a" * 500, "größe/日本 #1", " x "):
        check_experiment_name(name)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", -1),
        ("seed", 0.5),
        ("seed", "0"),
        ("seed", None),
        ("seed", True),
        ("experiment_name", 7),
        ("experiment_name", None),
        ("experiment_name", ""),
        ("experiment_name", " \t"),
        ("experiment_name", "a" * 501),
        ("experiment_name", "two\nlines"),
        ("experiment_name", "\x1b[31m"),
        ("experiment_name", "\udce9"),
        ("optimizer.lr", 0),
        ("optimizer.lr", -0.1),
        ("optimizer.lr", float("inf")),
        ("optimizer.lr", float("nan")),
        ("optimizer.lr", 10**400),
        ("optimizer.lr", "fast"),
        ("optimizer.lr", True),
        ("optimizer.lr", None),
        ("optimizer.lr", [0.1]),
        ("optimizer.lr", {"value": 0.1}),
        ("optimizer.beta1", 1),
        ("optimizer.beta2", -0.5),
        ("optimizer.weight_decay", -1e-9),
        ("optimizer.decay_biases", 1),
        ("optimizer.decay_biases", "yes"),
        ("model.hidden", 64),
        ("model.hidden", [0]),
        ("model.hidden", [3, True]),
        ("model.hidden", [3, "4"]),
        ("model.hidden", "64"),
        ("model.dropout", 1),
        ("model.dropout", False),
        ("model.normalization", "group"),
        ("model.normalization", True),
        ("loss.label_smoothing", 1.0),
        ("schedule.every", 0),
        ("schedule.every", 1.5),
        ("schedule.gamma", 0),
        ("schedule.by", "batch"),
        ("training.epochs", 0),
        ("training.epochs", True),
        ("training.epochs", 2.0),
        ("training.batch_size", "half"),
        ("training.batch_size", 0),
        ("training.batch_size", True),
        ("training.dtype", "float16"),
        ("training.clip_norm", 0),
        ("training.clip_value", False),
        ("training.l1", -1),
        ("training.penalize_biases", 0),
        ("training.early_stopping.patience", 0),
        ("training.early_stopping.patience", True),
        ("training.early_stopping.min_delta", -1),
        ("training.early_stopping", None),
        ("training.early_stopping", 5),
        ("training.blas_threads", 0),
        ("tracking.enabled", "no"),
        ("tracking.models", "some"),
        ("tracking.uri", 5000),
    ],
)
def test_a_wrong_value_is_named_with_what_it_must_be(key: str, value: Any) -> None:
    (fault,) = faults_with({key: value})
    assert fault.startswith(f"{key} must be ")
    assert "but is " in fault


@pytest.mark.parametrize(
    ("key", "value"),
    [("validation", 1), ("test", 1), ("rows", 9), ("limit", 2), ("seed", True), ("noise", "much")],
)
def test_wrong_options_of_a_dataset(key: str, value: Any) -> None:
    fault = the_fault(**{f"dataset__{key}": value})
    assert fault.startswith(f"dataset.{key} must be ")


def test_options_of_a_dataset_that_contradict_each_other() -> None:
    fault = the_fault(dataset__validation=0.5, dataset__test=0.5)
    assert "dataset.validation=0.5" in fault
    assert "dataset.test=0.5" in fault


@pytest.mark.parametrize("part", ["dataset", "model", "loss", "optimizer", "schedule"])
def test_a_part_cannot_be_left_out_or_null(part: str) -> None:
    config = {key: value for key, value in WHOLE.items() if key != part}
    with pytest.raises(ConfigError) as caught:
        run_of(config)
    assert str(caught.value) == f"{part} is required"
    assert the_fault(**{part: None}).startswith(f"{part} must be ")


def test_a_part_must_say_what_it_is() -> None:
    assert the_fault(optimizer={"lr": 0.1}).startswith("optimizer must name its class by _target_")
    assert the_fault(dataset="moons").startswith("dataset must be a group of settings")
    assert the_fault(training="default").startswith("training must be a group of settings")


@pytest.mark.parametrize(
    ("key", "name", "nearest"),
    [
        ("model.activation", "rleu", "relu"),
        ("model.initializer", "scaled_gausian", "scaled_gaussian"),
        ("model.output_activation", "softmx", "softmax"),
    ],
)
def test_an_unknown_name_is_answered_by_the_nearest(key: str, name: str, nearest: str) -> None:
    (fault,) = faults_with({key: name})
    assert fault.startswith(f"{key}: no ")
    assert f"{name!r}; did you mean {nearest!r}?" in fault
    assert faults_with({key: {"name": name}}) == [fault]


def test_a_loss_over_probabilities_needs_outputs_that_are() -> None:
    fault = the_fault(model__output_activation="tanh")
    assert fault.startswith("model.output_activation: cross_entropy needs outputs")


# ???


def test_an_unfilled_value_must_be_given() -> None:
    assert the_fault(seed="???") == "seed must be given (it is ??? so far)"
    assert the_fault(optimizer__lr="???") == "optimizer.lr must be given (it is ??? so far)"
    csv = {"_target_": "experiments.datasets.Csv", "path": "???", "target": "???"}
    assert faults_of(dataset=csv) == [
        "dataset.path must be given (it is ??? so far)",
        "dataset.target must be given (it is ??? so far)",
    ]
    sequential = {"_target_": "experiments.config.models.Sequential", "hidden_layers": "???"}
    assert the_fault(model=sequential) == "model.hidden_layers must be given (it is ??? so far)"
    assert the_fault(optimizer="???").startswith("optimizer must be given")


# Classes


@pytest.mark.parametrize(
    "target",
    [
        "nn.Adamm",
        "no_such_package.Adam",
        "nn.no_such_module.Adam",
        "Adam",
        "",
        ".Adam",
        "..Adam",
        ".nn.Adam",
        "nn.",
        "???",
        None,
        7,
    ],
    ids=repr,
)
def test_a_class_that_cannot_be_imported(target: Any) -> None:
    fault = the_fault(optimizer___target_=target)
    assert fault.startswith("optimizer._target_: cannot import ")
    assert "full name" in fault


@pytest.mark.parametrize(
    "target", ["nn", "nn.optimizers", "nn.Dense", "nn.mlp", "os.path.join", "builtins.dict"]
)
def test_a_target_of_another_kind(target: str) -> None:
    fault = the_fault(optimizer={"_target_": target})
    assert fault.startswith("optimizer._target_: ")


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ("optimizer", Optimizer),
        ("loss", Loss),
        ("schedule", Schedule),
        ("model", Model),
        ("dataset", datasets.Source),
        ("model.activation", Activation),
        ("model.initializer", Initializer),
    ],
)
def test_a_family_itself_is_no_choice(part: str, kind: type) -> None:
    target = f"{kind.__module__}.{kind.__qualname__}"
    (fault,) = faults_with({part: {"_target_": target}})
    assert fault.startswith(f"{part}._target_: {target} is abstract")


MODULE = '''
"""A user's own module."""
from dataclasses import dataclass
from nn.optimizers import SGD, Optimizer

@dataclass(frozen=True)
class Damped(SGD):
    damping: float = 0.5

@dataclass(frozen=True)
class Halfway(Optimizer):
    @staticmethod
    def coefficients(h, t):
        return {}

class Plain:
    lr = 0.1

@dataclass(frozen=True)
class Unrelated:
    lr: float = 0.1

@dataclass(frozen=True)
class Picky(SGD):
    def __post_init__(self):
        super().__post_init__()
        if self.lr > 1:
            raise ValueError("lr above 1 does not suit Picky")
'''


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_rules.py").write_text(MODULE)
    (tmp_path / "my_broken.py").write_text("import no_such_package_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield "my_rules"
    sys.modules.pop("my_rules", None)


def test_a_class_of_ones_own(own_module: str) -> None:
    run = run_of(changed({"optimizer": {"_target_": "my_rules.Damped", "damping": 0.1, "lr": 0.2}}))
    assert dataclasses.asdict(run.optimizer) == {
        "lr": 0.2,
        "weight_decay": 0.0,
        "decay_biases": False,
        "sam": 0.0,
        "lookahead": 0,
        "lookahead_rate": 0.5,
        "groups": (),
        "damping": 0.1,
    }
    fault = the_fault(optimizer={"_target_": "my_rules.Damped", "dampin": 0.1})
    assert fault.startswith("optimizer: unknown key 'dampin'; did you mean 'damping'?")


def test_classes_of_ones_own_that_do_not_do(own_module: str) -> None:
    halfway = the_fault(optimizer={"_target_": "my_rules.Halfway"})
    assert "my_rules.Halfway is abstract" in halfway
    assert "update" in halfway
    for name in ("Plain", "Unrelated"):
        fault = the_fault(optimizer={"_target_": f"my_rules.{name}"})
        assert "is not a dataclass derived from nn.optimizers" in fault
    fault = the_fault(optimizer={"_target_": "my_rules.Picky", "lr": 2})
    assert fault == "optimizer: lr above 1 does not suit Picky"
    fault = the_fault(optimizer={"_target_": "my_broken.Rule"})
    assert "cannot import 'my_broken.Rule' (No module named 'no_such_package_at_all')" in fault


# Several faults


def test_all_faults_are_listed_at_once() -> None:
    faults = faults_with(
        {
            "sed": 1,
            "seed": -1,
            "optimizer.lr": 0,
            "optimizer.lrr": 0.1,
            "model.activation": "rleu",
            "model.hidden": [0],
            "dataset.limit": 1,
            "training.early_stopping.patience": 0,
            "training.epochs": "???",
            "schedule": {"_target_": "nn.schedules.Nothing"},
            "loss": {"_target_": "nn.losses.Loss"},
        }
    )
    places = sorted(fault.split(" ")[0].rstrip(":") for fault in faults)
    assert places == sorted(
        [
            "unknown",
            "seed",
            "optimizer.lr",
            "optimizer",
            "model.activation",
            "model.hidden",
            "dataset.limit",
            "training.early_stopping.patience",
            "training.epochs",
            "schedule._target_",
            "loss._target_",
        ]
    )


@given(
    st.dictionaries(
        st.sampled_from(["lr", "beta1", "eps", "weight_decay", "decay_biases", "_target_", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.text(max_size=3), inner, max_size=2)
            ),
            max_leaves=4,
        ),
        max_size=4,
    )
)
def test_whatever_stands_there_gives_a_run_or_a_list_of_faults(node: dict[str, Any]) -> None:
    faults: list[str] = []
    built = build(
        {"_target_": "nn.Adam", **node}, Optimizer, "optimizer", faults, trusted=frozenset()
    )
    assert (built is None) == bool(faults)
    assert all(fault.startswith("optimizer") for fault in faults)


# The network of a finished run


def test_the_network_of_a_run_takes_its_weights() -> None:
    config = changed({"model.normalization": "batch", "training.dtype": "float64"})
    network = network_from_config(config, samples=Samples((3,)), outputs=2, trusted=frozenset())
    assert network.runs == 1
    assert (network.inputs, network.outputs, network.dtype) == (3, 2, np.float64)
    shapes = {name: array.shape for name, array in network.weights().items()}
    assert shapes == {
        "dense1/weights": (3, 5),
        "dense1/bias": (5,),
        "batchnorm1/gain": (5,),
        "batchnorm1/shift": (5,),
        "batchnorm1/running_mean": (5,),
        "batchnorm1/running_variance": (5,),
        "dense2/weights": (5, 4),
        "dense2/bias": (4,),
        "batchnorm2/gain": (4,),
        "batchnorm2/shift": (4,),
        "batchnorm2/running_mean": (4,),
        "batchnorm2/running_variance": (4,),
        "dense3/weights": (4, 2),
        "dense3/bias": (2,),
    }
    rng = np.random.default_rng(0)
    weights = {name: rng.uniform(0.5, 1.5, shape) for name, shape in shapes.items()}
    network.load(weights)
    x = rng.normal(size=(6, 3))
    a = x
    for i in (1, 2):
        z = a @ weights[f"dense{i}/weights"] + weights[f"dense{i}/bias"]
        z = (z - weights[f"batchnorm{i}/running_mean"]) / np.sqrt(
            weights[f"batchnorm{i}/running_variance"] + 1e-5
        )
        a = np.tanh(z * weights[f"batchnorm{i}/gain"] + weights[f"batchnorm{i}/shift"])
    logits = a @ weights["dense3/weights"] + weights["dense3/bias"]
    e = np.exp(logits)
    assert network.predict(x)[0] == pytest.approx(e / e.sum(axis=1, keepdims=True), rel=1e-12)


def test_a_record_that_no_network_can_be_made_of() -> None:
    config = changed({"model.activation": "rleu", "loss._target_": "nn.Gone"})
    with pytest.raises(ConfigError) as caught:
        network_from_config(config, samples=Samples((3,)), outputs=2, trusted=frozenset())
    assert len(str(caught.value).splitlines()) == 2
