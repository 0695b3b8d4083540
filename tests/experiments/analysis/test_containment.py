"""Optimizers that contain others make their updates, and their search spaces contain theirs."""

from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from experiments.analysis.containment import CONTAINMENTS, inner_of
from nn.optimizers import Optimizer, OptimizerStack
from nn.parameters import Layout, Parameter

ROOT = Path(__file__).resolve().parents[3]
EACH = pytest.mark.parametrize("one", CONTAINMENTS, ids=lambda one: f"{one.outer}-{one.inner}")


def configuration(name):
    return OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / "optimizer" / f"{name}.yaml"))


def parameters_after(optimizer, steps=3000):
    layout = Layout([Parameter("weight", (3, 2), decays=True)])
    stack = OptimizerStack([optimizer], layout, np.dtype(np.float64))
    generator = np.random.default_rng(1)
    theta = generator.normal(size=(1, 6))
    moved = []
    for _ in range(steps):
        before = theta.copy()
        stack.step(theta, generator.normal(0.3, 1.0, size=(1, 6)), None)
        moved.append(theta - before)
    return np.array(moved)


@EACH
def test_the_updates_are_those_of_the_inner(one):
    own = {"lr": 0.01}
    same = (
        {"beta": 0.7} if one.inner == "signum" else {"rho": 0.99} if one.inner == "rmsprop" else {}
    )
    inner = Optimizer.named(one.inner, **own, **same, **one.given)
    shared = {outer: getattr(inner, name) for outer, name in one.renamed.items()}
    kept = {name: getattr(inner, name) for name in ("beta1", "beta2", "eps", "weight_decay")
            if hasattr(inner, name) and name not in {**one.renamed, **one.settings}
            and hasattr(Optimizer.named(one.outer), name)}  # fmt: skip
    outer = Optimizer.named(one.outer, **own, **kept, **shared, **one.settings)
    steps = 3000
    expected, actual = parameters_after(inner, steps), parameters_after(outer, steps)
    if one.exact:
        assert actual == pytest.approx(expected, rel=1e-9, abs=1e-15)
    else:  # the correction of the bias has faded
        assert actual[-500:] == pytest.approx(expected[-500:], rel=1e-6)
        assert actual[:5] != pytest.approx(expected[:5], rel=0.1)


@EACH
def test_the_search_space_contains_that_of_the_inner(one):
    outer, inner = configuration(one.outer), configuration(one.inner)
    for key, value in one.settings.items():
        assert value in outer["_search_"][key]
    for key, values in outer["_search_"].items():
        theirs = one.renamed.get(key, key)
        if key == "lr":
            assert (values == inner["_search_"]["lr"]) == one.same_rates
        elif key not in one.settings and theirs in inner and theirs not in one.given:
            assert set(inner["_search_"].get(theirs, [inner[theirs]])) <= set(values), key


def test_what_is_contained_in_a_contained_one_is_contained():
    assert inner_of("ademamix") == {"adamw", "adam", "rmsprop"}
    assert inner_of("sgd") == set()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "conf" / "optimizer").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_search_space_begins_with_the_rate_and_has_the_defaults(path):
    config = OmegaConf.to_container(OmegaConf.load(path))
    optimizer = Optimizer.named(path.stem)
    (first, *others) = config["_search_"]
    assert first == "lr"
    assert "weight_decay" in others
    for key in others:
        values = config["_search_"][key]
        assert values[0] == config[key] == getattr(optimizer, key)
        assert len(values) == 3, "27 settings are nine rates for each of three values"
        for value in values:
            Optimizer.named(path.stem, **{key: value})  # which it takes
