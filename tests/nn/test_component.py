"""What components accept and how they say what they do not."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pytest

import nn
from nn.activations import Activation
from nn.component import AtMost, Component, Count, Interval, problems, suggestion
from nn.functions.quadratic import Eigenvalues
from nn.initializers import Initializer
from nn.layers import Layer
from nn.losses import Loss
from nn.optimizers import Optimizer
from nn.schedules import Schedule

FAMILIES = [Activation, Initializer, Layer, Loss, Optimizer, Schedule]


def kinds(family):
    """The classes of a family that can be chosen by name."""
    return [family.class_named(name) for name in family.names()]


EVERY_KIND = [kind for family in FAMILIES for kind in kinds(family)]


class TestInterval:
    @pytest.mark.parametrize(
        ("interval", "inside", "outside"),
        [
            (Interval(0, 1), [0, 0.5, 1], [-1e-300, 1.0000001]),
            (Interval(0, 1, "left"), [0, 0.999], [1, -0.1]),
            (Interval(0, 1, "right"), [1e-300, 1], [0, 1.1]),
            (Interval(0, 1, "neither"), [0.5], [0, 1]),
            (Interval(0), [0, 1e300], [-1]),
            (Interval(0, closed="neither"), [1e-300, 10**30], [0, -0.0]),
            (Interval(), [-1e308, 0, 1e308], []),
        ],
        ids=str,
    )
    def test_ends(self, interval, inside, outside) -> None:
        assert all(value in interval for value in inside)
        assert not any(value in interval for value in outside)

    @pytest.mark.parametrize("interval", [Interval(), Interval(0), Interval(0, 1)], ids=str)
    def test_only_finite_numbers(self, interval: Interval) -> None:
        # 10**400 is a whole number that no float holds.
        for value in (math.nan, math.inf, -math.inf, 10**400, -(10**400)):
            assert value not in interval

    def test_reads_as_words(self) -> None:
        assert str(Interval(0, 1, "left")) == "in [0, 1)"
        assert str(Interval(0, 1, "right")) == "in (0, 1]"
        assert str(Interval(0)) == "at least 0"
        assert str(Interval(0, closed="neither")) == "above 0"
        assert str(Interval()) == "finite"

    def test_a_range_open_below(self) -> None:
        assert -5 in Interval(high=0)
        assert 1 not in Interval(high=0)


@dataclass
class Thing:
    """With every kind of field that a component may have."""

    needed: Count
    rate: Annotated[float, Interval(0, 1, "left")] = 0.5
    maybe: Count | None = None
    flag: bool = False
    word: str = "a"
    mode: Literal["fast", "slow"] = "fast"
    sizes: tuple[Count, ...] = ()
    part: Activation | None = None


class TestProblems:
    @pytest.mark.parametrize(
        "values",
        [
            {"needed": 1},
            {"needed": 1, "rate": 0},
            {"needed": 3, "rate": 0.99, "maybe": 4, "flag": True, "mode": "slow"},
            {"needed": 1, "sizes": [1, 2], "part": nn.activations.ReLU(), "maybe": None},
            {"needed": 1, "rate": np.float64(0.25), "word": ""},
        ],
        ids=str,
    )
    def test_none(self, values) -> None:
        assert problems(Thing, values) == []

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({}, ["needed", "required"]),
            ({"needed": 0}, ["needed", "whole number", "at least 1", "0"]),
            ({"needed": 1.0}, ["whole number", "1.0"]),
            ({"needed": True}, ["whole number", "True"]),
            ({"needed": "3"}, ["whole number", "'3'"]),
            ({"needed": None}, ["whole number", "None"]),
            ({"needed": 1, "rate": 1}, ["rate", "a number in [0, 1)", "1"]),
            ({"needed": 1, "rate": -0.1}, ["rate", "-0.1"]),
            ({"needed": 1, "rate": True}, ["rate", "number", "True"]),
            ({"needed": 1, "rate": "0.1"}, ["rate", "number", "'0.1'"]),
            ({"needed": 1, "rate": math.nan}, ["rate", "nan"]),
            ({"needed": 1, "rate": math.inf}, ["rate", "inf"]),
            ({"needed": 1, "rate": 10**400}, ["rate", "number"]),
            ({"needed": 1, "maybe": 0}, ["maybe", "at least 1", "null"]),
            ({"needed": 1, "maybe": "x"}, ["maybe", "null"]),
            ({"needed": 1, "flag": 1}, ["flag", "true or false", "1"]),
            ({"needed": 1, "flag": "yes"}, ["flag", "true or false"]),
            ({"needed": 1, "word": 1}, ["word"]),
            ({"needed": 1, "mode": "medium"}, ["mode", "fast", "slow", "medium"]),
            ({"needed": 1, "mode": ["fast"]}, ["mode", "fast", "slow"]),
            ({"needed": 1, "sizes": 5}, ["sizes", "list"]),
            ({"needed": 1, "sizes": "ab"}, ["sizes", "list"]),
            ({"needed": 1, "sizes": [3, 0]}, ["sizes", "at least 1"]),
            ({"needed": 1, "part": nn.losses.Huber()}, ["part", "Activation"]),
            ({"needed": 1, "rat": 0.1}, ["unknown key 'rat'", "did you mean 'rate'?", "mode"]),
            ({"needed": 1, "zzzzzz": 0.1}, ["unknown key 'zzzzzz'"]),
        ],
        ids=str,
    )
    def test_one(self, values, words) -> None:
        found = problems(Thing, values)
        assert len(found) == 1
        for word in words:
            assert word in found[0]

    def test_all_at_once(self) -> None:
        found = problems(Thing, {"rate": 2, "flag": 0, "other": 1})
        assert len(found) == 4  # needed is missing, too

    def test_nothing_near_is_not_suggested(self) -> None:
        assert "did you mean" not in problems(Thing, {"needed": 1, "zzzzzz": 0.1})[0]


def test_suggestion() -> None:
    assert suggestion("adm", ["sgd", "adam", "lion"]) == "; did you mean 'adam'?"
    assert suggestion("qqqqqq", ["sgd", "adam"]) == ""
    assert suggestion("x", []) == ""


REQUIRED = {
    "units": 3,
    "tokens": 5,
    "function": nn.activations.ReLU(),
    "channels": 4,
    "kernel": 3,
    "groups": 2,
    "shape": [2, 3],
    "layers": [nn.Dense(3)],
    "spectrum": [Eigenvalues(share=1.0, low=0.0, high=1.0)],
}
"""Values of the fields without a default."""


class TestNamed:
    @pytest.mark.parametrize(
        ("family", "wrong", "right"),
        [
            (Activation, "rleu", "relu"),
            (Initializer, "xavir", "xavier"),
            (Layer, "batch_norm", "batchnorm"),
            (Loss, "cross-entropy", "cross_entropy"),
            (Optimizer, "adm", "adam"),
            (Schedule, "cosin", "cosine"),
        ],
    )
    def test_suggests(self, family, wrong: str, right: str) -> None:
        with pytest.raises(ValueError, match=f"'{wrong}'.*did you mean '{right}'") as caught:
            family.named(wrong)
        assert all(name in str(caught.value) for name in family.names())

    @pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
    def test_no_name_is_no_name(self, family) -> None:
        with pytest.raises(ValueError, match="called ''"):
            family.named("")

    @pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
    def test_round_trip(self, family) -> None:
        assert family.names() == sorted(set(family.names()))
        for kind in kinds(family):
            options = {
                f.name: REQUIRED[f.name]
                for f in dataclasses.fields(kind)
                if f.init and f.default is dataclasses.MISSING
            }
            assert type(family.named(kind.name, **options)) is kind

    def test_options(self) -> None:
        assert Optimizer.named("adam", lr=0.5, beta1=0) == nn.Adam(lr=0.5, beta1=0)

    def test_a_class_of_ones_own(self) -> None:
        @dataclass(frozen=True)
        class Cube(Activation):
            name = "cube_of_a_test"

            def forward(self, z, out, work):
                np.power(z, 3, out=out)

            def backward(self, grad, z, a, out, work):
                np.multiply(grad, 3 * z * z, out=out)

        assert isinstance(Activation.named("cube_of_a_test"), Cube)
        # Leaves no trace for the tests that go through all names.
        del Cube.name
        assert "cube_of_a_test" not in Activation.names()

    def test_a_variant_that_inherits_its_name_does_not_take_it_over(self) -> None:
        @dataclass(frozen=True)
        class MyAdam(nn.Adam):
            pass

        assert type(Optimizer.named("adam")) is nn.Adam
        assert Optimizer.names().count("adam") == 1
        assert MyAdam().lr == 0.001


EXTENTS = {"kernel", "stride", "padding", "dilation", "start"}
"""Fields that take a number for all axes, or a list of one for each."""


class TestConstruction:
    # Field by field: values at and beyond the ends of the range that the field's meaning has.
    WRONG = (
        (nn.SGD, {"lr": 0}),
        (nn.SGD, {"lr": -0.1}),
        (nn.SGD, {"lr": math.nan}),
        (nn.SGD, {"lr": math.inf}),
        (nn.SGD, {"lr": "0.1"}),
        (nn.SGD, {"lr": True}),
        (nn.SGD, {"lr": None}),
        (nn.SGD, {"weight_decay": -1}),
        (nn.SGD, {"decay_biases": 1}),
        (nn.Momentum, {"momentum": 1.01}),
        (nn.Momentum, {"momentum": -0.1}),
        (nn.Momentum, {"dampening": 1.5}),
        (nn.Nesterov, {"momentum": 2}),
        (nn.Adagrad, {"eps": 0}),
        (nn.Adagrad, {"initial_accumulator": -1}),
        (nn.Adagrad, {"lr_decay": -1}),
        (nn.Adadelta, {"rho": 1}),
        (nn.RMSprop, {"rho": -0.1}),
        (nn.RMSprop, {"centered": "yes"}),
        (nn.Adam, {"beta1": 1}),
        (nn.Adam, {"beta2": 1.0}),
        (nn.Adam, {"beta2": -1e-9}),
        (nn.Adam, {"eps": -1e-8}),
        (nn.Lion, {"beta1": 1}),
        (nn.Muon, {"adamw_lr": 0}),
        (nn.Muon, {"momentum": 1.1}),
        (nn.activations.LeakyReLU, {"slope": -0.1}),
        (nn.activations.ELU, {"alpha": 0}),
        (nn.activations.GELU, {"form": "sigmoid"}),
        (nn.losses.Huber, {"delta": 0}),
        (nn.losses.MeanSquaredError, {"scale": 0}),
        (nn.losses.MeanSquaredError, {"reduction": "max"}),
        (nn.losses.CrossEntropy, {"label_smoothing": 1}),
        (nn.losses.BinaryCrossEntropy, {"label_smoothing": -0.1}),
        (nn.initializers.Normal, {"std": 0}),
        (nn.initializers.Uniform, {"limit": -1}),
        (nn.initializers.Filled, {"value": math.nan}),
        (nn.initializers.He, {"distribution": "cauchy"}),
        (nn.layers.Dense, {"units": 0}),
        (nn.layers.Dense, {"units": 2.5}),
        (nn.layers.Dense, {"units": 2, "initializer": "he"}),
        (nn.layers.ActivationLayer, {"function": "relu"}),
        (nn.layers.Dropout, {"rate": 1}),
        (nn.layers.Dropout, {"rate": -0.1}),
        (nn.layers.BatchNorm, {"momentum": 1}),
        (nn.layers.BatchNorm, {"eps": 0}),
        (nn.layers.LayerNorm, {"eps": -1}),
        (nn.schedules.Step, {"every": 0}),
        (nn.schedules.Step, {"gamma": 0}),
        (nn.schedules.Exponential, {"gamma": 1.1}),
        (nn.schedules.Cosine, {"period": 0}),
        (nn.schedules.Cosine, {"growth": 0.5}),
        (nn.schedules.Polynomial, {"power": 0}),
        (nn.schedules.OneCycle, {"rise": 1.5}),
        (nn.schedules.ReduceOnPlateau, {"patience": 0}),
        (nn.schedules.Constant, {"warmup": -1}),
        (nn.schedules.Constant, {"by": "week"}),
    )

    @pytest.mark.parametrize(
        ("kind", "options"), WRONG, ids=[f"{k.__name__}-{o}" for k, o in WRONG]
    )
    def test_refuses(self, kind, options) -> None:
        key = list(options)[-1]
        with pytest.raises(ValueError, match=rf"{kind.__name__}: {key} must be"):
            kind(**options)

    @pytest.mark.parametrize("kind", EVERY_KIND, ids=lambda k: k.__name__)
    def test_no_number_is_nan_or_infinite_or_a_bool_or_a_word(self, kind) -> None:
        numbers = [
            f.name
            for f in dataclasses.fields(kind)
            if f.init and type(f.default) in (int, float) and f.name != "by"
        ]
        for key in numbers:
            for value in (math.nan, math.inf, -math.inf, True, "1", None, [1], 10**400):
                if value == [1] and key in EXTENTS:
                    continue
                faults = problems(kind, {key: value})
                assert any(fault.startswith(f"{key} must be a") for fault in faults)

    @pytest.mark.parametrize("kind", EVERY_KIND, ids=lambda k: k.__name__)
    def test_messages_name_the_class_and_the_key(self, kind) -> None:
        found = problems(kind, {"no_such_key": 1})
        assert "unknown key 'no_such_key'" in found[0]

    def test_one_message_lists_all(self) -> None:
        with pytest.raises(ValueError, match=r"Adam: lr .*; beta1 .*; eps "):
            nn.Adam(lr=-1, beta1=2, eps=0)

    def test_components_are_compared_by_value(self) -> None:
        assert nn.Adam(lr=0.1) == nn.Adam(lr=0.1)
        assert nn.Adam(lr=0.1) != nn.Adam(lr=0.2)
        assert hash(nn.activations.ELU()) == hash(nn.activations.ELU())


@pytest.mark.parametrize("family", [Activation, Initializer, Layer, Loss, Optimizer, Schedule])
def test_bases_cannot_be_made(family) -> None:
    assert issubclass(family, Component)
    with pytest.raises(TypeError, match="abstract"):
        family()


@dataclass(frozen=True)
class Lists(Component):
    items: Annotated[tuple[Count, ...], AtMost(3)] = ()
    named: dict[str, float | None] = dataclasses.field(default_factory=dict)


def test_lists_and_mappings_are_checked() -> None:
    assert problems(Lists, {"items": [1, 2, 3], "named": {"a": 1, "b": None}}) == []
    (fault,) = problems(Lists, {"items": [1] * 100_000})
    assert fault.startswith("items must be a list of at most 3 items, but is [1, 1, ")
    assert len(fault) < 200
    (fault,) = problems(Lists, {"named": {"a": 1, "b": "x" * 10_000}})
    assert fault.startswith("named must be a mapping in which 'b' is a number or null, but is {")
    assert len(fault) < 1000
    assert problems(Lists, {"named": []}) == ["named must be a mapping, but is []"]
