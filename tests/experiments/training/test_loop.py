"""Training: stacks against runs alone, and runs against training written in plain NumPy."""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

import nn
from experiments.config.models import MLP, Sequential
from experiments.config.schema import EarlyStopping, Run
from experiments.datasets import Dataset, Part, Task, Xor
from experiments.training import step_time
from experiments.training.evaluation import Evaluated
from experiments.training.loop import train
from experiments.training.outcome import Outcome
from experiments.training.row_losses import TEST_LOSSES
from experiments.training.stacking import stack_key
from experiments.training.targets import encoding_for
from nn import initializers, orders, schedules
from nn.activations import Activation, Tanh
from nn.averaging import ExponentialAverage, NoAveraging, StochasticWeightAverage
from nn.network import Network
from nn.optimizers import Optimizer, ParameterGroup
from nn.optimizers.rule import Rule
from nn.schedules import Schedule
from tests.experiments.plain_training import (
    History,
    Rules,
    forward,
    mean_loss,
    outputs,
    train_plainly,
)
from tests.experiments.small_runs import LOSSES, in_tiles_of, make_dataset, make_run
from tests.nn.optimizers.stepping import STEPPING

TIMES = {"seconds", "time/us_per_step", "time/seconds"}


def outcomes(
    runs: Sequence[Run], dataset: Dataset, on_epoch: Callable[..., None] | None = None
) -> list[Outcome]:
    """The outcomes of a stack, in the order of the runs."""
    found = sorted(train(runs, dataset, on_epoch), key=lambda outcome: outcome.position)
    assert [outcome.position for outcome in found] == list(range(len(runs)))
    return found


def outcome_of(run: Run, dataset: Dataset) -> Outcome:
    return outcomes([run], dataset)[0]


def column(outcome: Outcome, name: str) -> NDArray[np.float64]:
    return np.array(outcome.metrics[name], np.float64)


def bits(outcome: Outcome) -> dict[str, Any]:
    """Everything in an outcome but its place and the time it took, in comparable form."""

    def number(value: float | None) -> Any:
        # NaN has a sign bit, which no file shows.
        return "nan" if value is not None and math.isnan(value) else repr(value)

    metrics: dict[str, Any] = {
        name: [number(value) for value in values]
        for name, values in outcome.metrics.items()
        if name not in TIMES
    }
    summary = {name: number(value) for name, value in outcome.summary.items() if name not in TIMES}
    weights = {name: (a.dtype, a.shape, a.tobytes()) for name, a in outcome.weights.items()}
    kept = {name: (a.dtype, a.shape, a.tobytes()) for name, a in outcome.snapshots.items()}
    return {
        "status": outcome.status,
        "message": outcome.message,
        **metrics,
        **{f"summary {key}": value for key, value in summary.items()},
        **{f"weights {key}": value for key, value in weights.items()},
        **{f"snapshots {key}": value for key, value in kept.items()},
    }


# A run gives the bits that it gives alone

small = st.floats(1e-4, 1.0)
decay = st.sampled_from([0.0, 0.5, 0.9, 0.99])
# The largest rates make some runs diverge in the midst of others.
rates = st.sampled_from([1e-3, 0.03, 0.5, 10.0, 1e4, 1e30])


@st.composite
def optimizers(draw: st.DrawFn, sam: bool) -> Optimizer:
    kind = Optimizer.class_named(draw(st.sampled_from(OPTIMIZERS)))
    options: dict[str, Any] = {
        "lr": draw(rates),
        "weight_decay": draw(st.sampled_from([0.0, 0.0, 0.01, 0.3])),
        "decay_biases": draw(st.booleans()),
        "sam": draw(st.sampled_from([0.01, 0.5])) if sam else 0.0,
    }
    for name in {field.name for field in dataclasses.fields(kind)} - set(options):
        if draw(st.booleans()):
            options[name] = draw(OPTIONS[name])
    if kind.evaluated is not Optimizer.evaluated:
        options["lookahead"] = 0
        # Without it there is no average between which and the steps gradients are taken.
        options |= {name: 0.9 for name in ("beta", "beta1") if options.get(name) == 0}
    if kind().reduces_over() == "run":
        options["groups"] = ()
    chosen: Optimizer = kind(**options)
    return chosen


OPTIMIZERS = [name for name in STEPPING if Optimizer.class_named(name).__module__.startswith("nn.")]
GROUPS = (
    ParameterGroup(parameters="biases", lr_factor=0.5),
    ParameterGroup(parameters="*/weights", weight_decay=0.1),
)
OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(
        (
            *("beta", "beta1", "beta2", "beta3", "shampoo_beta", "rho", "momentum", "dampening"),
            *("alpha", "gamma"),
        ),
        decay,
    ),
    **dict.fromkeys(("eps", "adamw_lr", "initial_accumulator", "lr_decay", "d0", "trust"), small),
    **dict.fromkeys(("eps1", "eps2"), small),
    **dict.fromkeys(("alpha_warmup", "beta3_warmup"), st.integers(0, 5)),
    **dict.fromkeys(
        (
            *("centered", "amsgrad", "decoupled_decay", "nesterov", "bias_correction"),
            *("safeguard_warmup", "averaging"),
        ),
        st.booleans(),
    ),
    "mask": st.sampled_from([None, "cautious", "grams"]),
    "ns_steps": st.integers(1, 5),
    "ns_coefficients": st.just((2.0, -1.5, 0.5)),
    "adjust_lr": st.sampled_from(["original", "match_rms_adamw"]),
    "matrices": st.just("all"),  # some networks have no hidden ones
    "d_coef": st.floats(0.5, 2),
    "decay_power": st.floats(0.3, 1),
    "clip": st.floats(0.5, 2),
    "interval": st.integers(1, 3),
    "max_size": st.sampled_from([3, 1200]),
    "momentum_decay": st.sampled_from([0.0, 0.004, 0.1]),
    "warmup_steps": st.integers(0, 5),
    **dict.fromkeys(("weight_power", "rate_power"), st.sampled_from([0.0, 0.5, 2.0])),
    "lookahead": st.integers(0, 3),
    "lookahead_rate": st.sampled_from([0.1, 0.5, 1.0]),
    "groups": st.sampled_from([(), GROUPS, GROUPS[:1]]),
    "eta_minus": st.floats(0.1, 0.9),
    "eta_plus": st.floats(1, 2),
    "min_step": st.floats(1e-6, 1e-3),
    "max_step": st.floats(1e-2, 1),
}

time_units: dict[str, st.SearchStrategy[Any]] = {
    "by": st.sampled_from(["epoch", "step"]),
    "warmup": st.sampled_from([0, 1, 2.5, 6]),
}
schedule_choices: st.SearchStrategy[Schedule] = st.one_of(
    st.builds(schedules.Constant, **time_units),
    st.builds(schedules.Step, every=st.integers(1, 3), gamma=small, **time_units),
    st.builds(schedules.Exponential, gamma=small, **time_units),
    st.builds(schedules.InverseSquareRoot, **time_units),
    st.builds(schedules.Polynomial, power=small, end=small, **time_units),
    st.builds(
        schedules.Cosine,
        period=st.none() | st.integers(1, 4),
        growth=st.sampled_from([1.0, 1.5, 2.0]),
        **time_units,
    ),
    st.builds(schedules.OneCycle, rise=small, **time_units),
    st.builds(schedules.ReduceOnPlateau, gamma=small, patience=st.integers(1, 2), **time_units),
)
weight_distributions = st.sampled_from(
    [
        None,
        initializers.Xavier(),
        initializers.Normal(std=2.0),
        initializers.Filled(0.1),
        initializers.PyTorchUniform(),
    ]
)


averagings = st.sampled_from(
    [NoAveraging(), ExponentialAverage(0.5), ExponentialAverage(start=1), StochasticWeightAverage()]
)
ORDERS = [orders.Shuffled(), orders.ShuffledOnce(), orders.WithReplacement(), orders.AsGiven()]


@st.composite
def reports(draw: st.DrawFn, dataset: Dataset, measures_test: bool) -> dict[str, Any]:
    """A rule for the reported epoch that fits the dataset, and early stopping if that does."""
    rules = [None, "last"]
    if dataset.validation is not None:
        rules += ["best_loss"]
        rules += ["best_accuracy"] * (dataset.task is not Task.REGRESSION)
    rule = draw(st.sampled_from([*rules, *["test_peak"] * measures_test]))
    stops = dataset.validation is not None and rule != "test_peak"
    stopping = EarlyStopping(
        patience=draw(st.none() | st.integers(1, 2)) if stops else None,
        min_delta=draw(small | st.just(0.0)),
    )
    return {"report": rule, "early_stopping": stopping}


@st.composite
def stacks(draw: st.DrawFn) -> tuple[list[Run], Dataset]:
    """Runs that may share a stack, different in everything that may differ, and their data."""
    task = draw(st.sampled_from(list(LOSSES)))
    rows = (draw(st.integers(2, 40)), draw(st.integers(0, 20)), draw(st.integers(1, 20)))
    dataset = make_dataset(task, rows, draw(st.integers(1, 5)), draw(st.integers(2, 4)))
    used = {
        name: draw(st.booleans()) for name in ("dropout", "l1", "l2", "norm", "value", "box", "sam")
    }
    shared: dict[str, Any] = {
        "batch_size": draw(st.sampled_from([1, 3, 8, "full"])),
        "dtype": draw(st.sampled_from(["float32", "float64"])),
        "penalize_biases": draw(st.booleans()),
        "test_every_epoch": draw(st.booleans()),
        "order": draw(st.sampled_from(ORDERS)),
        "last_batch": draw(st.sampled_from(["keep", "drop"])),
        "steps": draw(st.none() | st.integers(1, 30)),
    }
    activation = Activation.named(
        draw(st.sampled_from(["tanh", "relu", "sigmoid", "gelu", "softplus"]))
    )
    architecture: dict[str, Any] = {
        "hidden": tuple(draw(st.lists(st.integers(1, 6), max_size=2))),
        "activation": activation,
        "normalization": draw(st.sampled_from([None, None, "batch", "layer"])),
    }
    rules = draw(st.lists(optimizers(used["sam"]), min_size=2, max_size=6))
    used["box"] &= not any(rule.evaluates_elsewhere for rule in rules)
    runs = [
        make_run(
            task,
            seed=draw(st.integers(0, 3)),
            model=MLP(
                **architecture,
                dropout=draw(st.sampled_from([0.1, 0.5, 0.9])) if used["dropout"] else 0.0,
                initializer=draw(weight_distributions),
            ),
            optimizer=rule,
            averaging=NoAveraging() if rule.evaluates_elsewhere else draw(averagings),
            schedule=draw(schedule_choices),
            epochs=draw(st.integers(1, 5)),
            l1=draw(small) if used["l1"] else 0.0,
            l2=draw(small) if used["l2"] else 0.0,
            clip_norm=draw(small) if used["norm"] else None,
            clip_value=draw(small) if used["value"] else None,
            penalties_over_rows=draw(st.booleans()),
            box=draw(st.sampled_from([(-0.5, 0.5), (-1.0, 0.2)])) if used["box"] else None,
            snapshots=draw(st.sampled_from(["auto", None, 2, 3, 9])),
            **draw(reports(dataset, shared["test_every_epoch"])),
            **shared,
        )
        for rule in rules
    ]
    return runs, dataset


def assert_stacking_is_invisible(
    runs: Sequence[Run], dataset: Dataset, order: list[int], tile: int
) -> None:
    alone = [bits(outcome_of(run, dataset)) for run in runs]
    assert [bits(outcome) for outcome in outcomes(runs, dataset)] == alone
    with in_tiles_of(tile):
        reordered = outcomes([runs[i] for i in order], dataset)
    assert [bits(outcome) for outcome in reordered] == [alone[i] for i in order]


@given(stack=stacks(), data=st.data())
def test_stacking_is_invisible(stack: tuple[list[Run], Dataset], data: st.DataObject) -> None:
    runs, dataset = stack
    width = encoding_for(dataset, runs[0].objective).outputs
    assert len({stack_key(run, width) for run in runs}) == 1, "the scheduler would part them"
    order = data.draw(st.permutations(range(len(runs))))
    assert_stacking_is_invisible(runs, dataset, order, data.draw(st.integers(1, 3)))


@given(stack=stacks(), data=st.data())
def test_runs_with_different_splits_share_a_stack(
    stack: tuple[list[Run], Dataset], data: st.DataObject
) -> None:
    runs, dataset = stack
    rows = tuple(0 if part is None else len(part) for part in (dataset.train, dataset.validation,
                                                               dataset.test))  # fmt: skip
    splits = [
        make_dataset(dataset.task, rows, dataset.features, dataset.outputs, seed)
        for seed in range(3)
    ]
    own = [data.draw(st.sampled_from(splits)) for _ in runs]
    alone = [bits(outcome_of(run, split)) for run, split in zip(runs, own, strict=True)]
    with in_tiles_of(data.draw(st.integers(1, 3))):
        found = sorted(train(runs, own), key=lambda outcome: outcome.position)
    assert [bits(outcome) for outcome in found] == alone


# Widths at which matrix products take other paths than for the smallest networks.
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("features", "hidden", "batch_size", "rows"),
    [
        (64, (64,), 32, (300, 600, 520)),
        (17, (33, 1), 7, (90, 30, 30)),
        (1, (129,), "full", (513, 40, 40)),
    ],
)
def test_stacking_is_invisible_in_networks_of_usual_size(
    dtype: str, features: int, hidden: tuple[int, ...], batch_size: Any, rows: tuple[int, int, int]
) -> None:
    dataset = make_dataset(rows=rows, features=features, outputs=10)
    runs = [
        make_run(
            model=MLP(hidden=hidden, dropout=0.2, normalization="batch"),
            optimizer=Optimizer.named(name),
            seed=number % 2,
            epochs=1 + number % 2,
            batch_size=batch_size,
            dtype=dtype,
        )
        for number, name in enumerate(OPTIMIZERS)
    ]
    assert_stacking_is_invisible(runs, dataset, list(reversed(range(len(runs)))), tile=3)


def test_the_same_runs_twice_give_the_same_bits() -> None:
    dataset = make_dataset()
    runs = [make_run(optimizer=Optimizer.named(name), dtype="float32") for name in OPTIMIZERS]
    first, second = outcomes(runs, dataset), outcomes(runs, dataset)
    assert [bits(outcome) for outcome in first] == [bits(outcome) for outcome in second]


def test_one_run_twice_in_a_stack() -> None:
    dataset = make_dataset()
    run = make_run(model=MLP(hidden=(4,), dropout=0.5))
    one, other = outcomes([run, run], dataset)
    assert bits(one) == bits(other)


# Against training in plain NumPy


def initial_weights(run: Run, dataset: Dataset) -> dict[str, NDArray[Any]]:
    width = encoding_for(dataset, run.objective).outputs
    return Network(
        run.model.layers(width),
        dataset.features,
        loss=run.loss,
        seeds=[run.seed],
        dtype=run.training.dtype,
    ).weights()


def row_order(run: Run, dataset: Dataset) -> list[list[NDArray[np.intp]]]:
    """The rows of each step of each epoch, from the run's stream."""
    rows, training = len(dataset.train), run.training
    size = rows if training.batch_size == "full" else min(training.batch_size, rows)
    rng, kind = nn.network.stream(run.seed, "batches"), training.order.name
    epochs: list[list[NDArray[np.intp]]] = []
    first = rng.permutation(rows) if kind == "once" else np.arange(rows)
    left = training.steps or 10**9
    while left > 0 and (training.steps or len(epochs) < training.epochs):
        order = first
        if kind == "shuffled" and size < rows:
            order = rng.permutation(rows)
        elif kind == "with_replacement":
            order = rng.integers(rows, size=rows)
        steps = [order[i : i + size] for i in range(0, rows, size)]
        steps = [rows for rows in steps if training.last_batch == "keep" or len(rows) == size]
        epochs.append(steps[:left])
        left -= len(epochs[-1])
    return epochs


def arrays(task: Task, part: Part, classes: int) -> tuple[Any, Any]:
    y = part.targets
    if task is Task.MULTICLASS:
        return part.inputs, np.eye(classes)[y]
    return part.inputs, y.reshape(len(y), -1).astype(float)


SHAPE = {
    Task.BINARY: "sigmoid",
    Task.MULTICLASS: "softmax",
    Task.MULTILABEL: "sigmoid",
    Task.REGRESSION: "squares",
}


def plainly(task: Task, run: Run, dataset: Dataset, **rules: Any) -> History:
    classes = len(dataset.target_names)
    return train_plainly(
        initial_weights(run, dataset),
        arrays(task, dataset.train, classes),
        arrays(task, dataset.validation, classes),
        row_order(run, dataset),
        Rules(SHAPE[task], lr=run.optimizer.lr, **rules),
    )


def assert_as_plainly(outcome: Outcome, history: History) -> None:
    tolerance = {"rel": 1e-9, "abs": 1e-12}
    assert outcome.metrics["epoch"] == list(range(len(history.train_loss)))
    assert outcome.metrics["train/loss"] == pytest.approx(history.train_loss, **tolerance)
    assert outcome.metrics["val/loss"] == pytest.approx(history.val_loss, **tolerance)
    assert outcome.metrics["lr"][0] is None
    assert outcome.metrics["gradient_norm"][0] is None
    assert outcome.metrics["lr"][1:] == pytest.approx(history.lr[1:], **tolerance)
    measured = outcome.metrics["gradient_norm"][1:]
    assert measured == pytest.approx(history.gradient_norm[1:], **tolerance)
    for name in (name for name in history.weights[0] if name.endswith("/weights")):
        layer = name.removesuffix("/weights")
        lengths = [np.linalg.norm(weights[name]) for weights in history.weights]
        assert outcome.metrics[f"weight_norm/{layer}"] == pytest.approx(lengths, **tolerance)
        lengths = [np.linalg.norm(gradients[name]) for gradients in history.gradients]
        measured = outcome.metrics[f"gradient_norm/{layer}"]
        assert measured == [None, *(pytest.approx(length, **tolerance) for length in lengths)]
    best = int(np.argmin(history.val_loss))
    assert outcome.summary["best/epoch"] == best
    for name, value in history.weights[-1].items():
        assert outcome.weights[f"final/{name}"] == pytest.approx(value, **tolerance)
        expected = history.weights[best][name]
        assert outcome.weights[f"best/{name}"] == pytest.approx(expected, **tolerance)


@pytest.mark.parametrize("batch_size", [5, 23, "full"])
@pytest.mark.parametrize("last_batch", ["keep", "drop"])
@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.name)
@pytest.mark.parametrize("steps", [None, 1, 7, 10])
def test_every_order_and_length(order: Any, last_batch: Any, batch_size: Any, steps: Any) -> None:
    dataset = make_dataset()
    run = make_run(batch_size=batch_size, last_batch=last_batch, order=order, steps=steps, seed=3)
    outcome = outcome_of(run, dataset)
    assert_as_plainly(outcome, plainly(Task.MULTICLASS, run, dataset))
    taken = [len(steps) for steps in row_order(run, dataset)]
    assert outcome.metrics["step"] == [0, *np.cumsum(taken)]


def test_a_schedule_by_step_ends_with_the_last_step() -> None:
    dataset = make_dataset()
    run = make_run(steps=10, schedule=schedules.Polynomial(by="step", end=0.2), seed=3)
    outcome = outcome_of(run, dataset)
    history = plainly(
        Task.MULTICLASS, run, dataset, factor=lambda epoch, step: 0.2 + 0.8 * (1 - step / 10)
    )
    assert_as_plainly(outcome, history)
    assert outcome.metrics["lr"][-1] == pytest.approx(0.5 * 0.28)


def test_one_cycle_turns_the_momentum_of_its_own_runs_only() -> None:
    dataset = make_dataset()
    cycle = schedules.OneCycle(by="step", low_momentum=0.5, high_momentum=0.9, start=1.0, end=1.0)
    momenta = cycle.momenta(np.arange(9.0), 9.0)
    cycled = make_run(optimizer=nn.optimizers.Momentum(lr=0.2), schedule=cycle, seed=3)
    plain = make_run(optimizer=nn.optimizers.Momentum(lr=0.2, momentum=0.7), seed=3)
    adam = make_run(optimizer=nn.Adam(), seed=3)
    found = outcomes([cycled, plain, adam], dataset)
    history = plainly(Task.MULTICLASS, cycled, dataset, momentum=lambda step: momenta[step])
    assert_as_plainly(found[0], history)
    history = plainly(Task.MULTICLASS, plain, dataset, momentum=lambda step: 0.7)
    assert_as_plainly(found[1], history)
    assert [bits(outcome) for outcome in found] == [
        bits(outcome_of(run, dataset)) for run in (cycled, plain, adam)
    ]


def test_a_schedule_sets_the_momentum_only_where_there_is_one() -> None:
    cycle = schedules.OneCycle(low_momentum=0.5, high_momentum=0.9)
    with pytest.raises(ValueError, match="optimizer=adam has none"):
        make_run(optimizer=nn.Adam(), schedule=cycle)


@pytest.mark.parametrize("task", LOSSES)
@pytest.mark.parametrize("batch_size", [1, 8, 23, 100, "full"])
def test_every_task_and_batch_size(task: Task, batch_size: Any) -> None:
    dataset = make_dataset(task)
    run = make_run(task, batch_size=batch_size, seed=5)
    assert_as_plainly(outcome_of(run, dataset), plainly(task, run, dataset))


@pytest.mark.parametrize("hidden", [(), (1,), (5, 4, 3)], ids=str)
@pytest.mark.parametrize("task", LOSSES)
def test_every_depth(task: Task, hidden: tuple[int, ...]) -> None:
    dataset = make_dataset(task, features=2)
    run = make_run(task, model=MLP(hidden=hidden, activation=Tanh()))
    assert_as_plainly(outcome_of(run, dataset), plainly(task, run, dataset))


@pytest.mark.parametrize(
    "rules",
    [
        {"l2": 0.3},
        {"l1": 0.05},
        {"l1": 0.02, "l2": 0.1, "penalize_biases": True},
        {"clip_norm": 0.05},
        {"clip_norm": 50.0},
        {"clip_value": 0.01},
        {"l2": 1.0, "l1": 0.1, "clip_norm": 0.5, "clip_value": 0.1},
        {"box": (-0.3, 0.4)},
    ],
    ids=str,
)
@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.REGRESSION])
def test_penalties_and_clipping(task: Task, rules: dict[str, Any]) -> None:
    dataset = make_dataset(task)
    run = make_run(task, **rules)
    assert_as_plainly(outcome_of(run, dataset), plainly(task, run, dataset, **rules))


def test_penalties_may_be_divided_by_the_number_of_training_rows() -> None:
    dataset = make_dataset()
    run = make_run(l1=0.02 * 23, l2=0.1 * 23, penalties_over_rows=True)
    assert_as_plainly(
        outcome_of(run, dataset), plainly(Task.MULTICLASS, run, dataset, l1=0.02, l2=0.1)
    )


def test_every_parameter_stays_in_the_box() -> None:
    model = MLP(hidden=(4,), activation=Tanh(), normalization="batch")
    outcome = outcome_of(make_run(box=(-0.25, 0.5), model=model), make_dataset())
    for name, value in outcome.weights.items():
        if name.startswith("final/") and "running" not in name:
            assert -0.25 <= value.min() <= value.max() <= 0.5, name
    with pytest.raises(ValueError, match="two numbers, the lower first"):
        make_run(box=(0.5, -0.25))


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.MULTILABEL])
def test_label_smoothing_acts_on_training_alone(task: Task) -> None:
    dataset = make_dataset(task)
    run = make_run(task, loss=dataclasses.replace(LOSSES[task], label_smoothing=0.2))
    outcome = outcome_of(run, dataset)
    assert_as_plainly(outcome, plainly(task, run, dataset, smoothing=0.2))
    unsmoothed = outcome_of(make_run(task), dataset)
    for name in ("train/loss", "val/loss"):
        assert outcome.metrics[name][0] == unsmoothed.metrics[name][0]
        assert outcome.metrics[name][1] != unsmoothed.metrics[name][1]


def test_the_gradient_norm_of_one_full_step_by_hand() -> None:
    # One input, one output, squared error, weights and bias 1: with x = (1, 2), y = (0, 1)
    # the errors are 2 and 2, so dL/dw = mean(2·2·x) = 6 and dL/db = mean(2·2) = 4. A step of 0.1
    # leaves w = 0.4 and b = 0.6, and errors 1.0 and 0.4.
    x = np.array([[1.0], [2.0]])
    part = Part(x, np.array([[0.0], [1.0]]))
    dataset = dataclasses.replace(make_dataset(Task.REGRESSION, features=1, outputs=1), train=part)
    ones = initializers.Filled(1.0)
    run = make_run(
        Task.REGRESSION,
        model=MLP(hidden=(), initializer=ones, bias_initializer=ones),
        optimizer=nn.SGD(lr=0.1),
        batch_size="full",
        epochs=1,
    )
    outcome = outcome_of(run, dataset)
    assert outcome.metrics["gradient_norm"] == [None, pytest.approx(math.sqrt(6**2 + 4**2))]
    assert outcome.weights["final/dense1/weights"] == pytest.approx(1 - 0.6)
    assert outcome.weights["final/dense1/bias"] == pytest.approx(1 - 0.4)
    assert outcome.metrics["train/loss"] == pytest.approx([4, (1.0**2 + 0.4**2) / 2])


@pytest.mark.parametrize("decay_biases", [False, True])
def test_l2_is_the_coupled_weight_decay_of_sgd(decay_biases: bool) -> None:
    dataset = make_dataset()
    l2 = outcome_of(make_run(l2=0.1, penalize_biases=decay_biases), dataset)
    rule = nn.SGD(lr=0.5, weight_decay=0.1, decay_biases=decay_biases)
    decayed = outcome_of(make_run(optimizer=rule), dataset)
    plain = outcome_of(make_run(), dataset)
    for name, value in l2.weights.items():
        assert decayed.weights[name] == pytest.approx(value, rel=1e-12, abs=1e-12)
    assert column(l2, "val/loss") == pytest.approx(column(decayed, "val/loss"), rel=1e-12)
    assert l2.metrics["val/loss"][-1] != plain.metrics["val/loss"][-1]


# Learning rates


EPOCHS, STEPS = 6, 3  # 23 rows in steps of 8


def by_hand(schedule: Schedule) -> Callable[[float, float], float]:
    """A schedule's factor at time u of `total`, once more."""
    match schedule:
        case schedules.Step(every=every, gamma=gamma):
            return lambda u, total: gamma ** (u // every)
        case schedules.Exponential(gamma=gamma):
            return lambda u, total: gamma**u
        case schedules.InverseSquareRoot():
            return lambda u, total: 1 / math.sqrt(u + 1)
        case schedules.Polynomial(power=power, end=end):
            return lambda u, total: end + (1 - end) * (1 - u / total) ** power
        case schedules.Cosine(end=end):
            return lambda u, total: end + (1 - end) * (1 + math.cos(math.pi * u / total)) / 2
    return lambda u, total: 1.0


@pytest.mark.parametrize("warmup", [0, 2, 4])
@pytest.mark.parametrize("by", ["epoch", "step"])
@pytest.mark.parametrize(
    "schedule",
    [
        schedules.Constant(),
        schedules.Step(every=2, gamma=0.5),
        schedules.Exponential(gamma=0.8),
        schedules.InverseSquareRoot(),
        schedules.Polynomial(power=2.0, end=0.1),
        schedules.Cosine(end=0.2),
    ],
    ids=lambda schedule: schedule.name,
)
def test_the_rate_of_each_step_follows_the_schedule(
    schedule: Schedule, by: Any, warmup: int
) -> None:
    dataset = make_dataset()
    schedule = dataclasses.replace(schedule, by=by, warmup=warmup)
    run = make_run(schedule=schedule, epochs=EPOCHS)
    shape, total = by_hand(schedule), EPOCHS * (1 if by == "epoch" else STEPS)

    def factor(epoch: int, step: int) -> float:
        u = epoch if by == "epoch" else step
        return (u + 1) / warmup if u < warmup else shape(u - warmup, total - warmup)

    history = plainly(Task.MULTICLASS, run, dataset, factor=factor)
    assert_as_plainly(outcome_of(run, dataset), history)
    # The column shows the rate of the epoch's last step.
    last = [0.5 * factor(epoch, epoch * STEPS + STEPS - 1) for epoch in range(EPOCHS)]
    assert history.lr[1:] == pytest.approx(last)


def test_schedules_by_epoch_and_by_step_in_one_stack() -> None:
    dataset = make_dataset()
    runs = [
        make_run(epochs=EPOCHS, schedule=schedule)
        for schedule in (
            schedules.Exponential(gamma=0.5),
            schedules.Constant(),
            schedules.Exponential(gamma=0.5, by="step"),
        )
    ]
    found = outcomes(runs, dataset)
    expected = [
        [0.5 * 0.5**epoch for epoch in range(EPOCHS)],
        [0.5] * EPOCHS,
        [0.5 * 0.5 ** (STEPS * epoch + STEPS - 1) for epoch in range(EPOCHS)],
    ]
    assert [outcome.metrics["lr"][1:] for outcome in found] == [pytest.approx(e) for e in expected]


# Prescribed losses: what training makes of them


def prescribe(
    monkeypatch: pytest.MonkeyPatch, dataset: Dataset, val: Sequence[Sequence[float]], **train: Any
) -> None:
    """Make evaluation return these validation losses, one sequence a run, whatever is trained."""
    sizes = {len(part): name for name, part in dataset.parts.items()}
    assert len(sizes) == 3
    calls = dict.fromkeys(dataset.parts, -1)
    given_train = train.get("train")

    def measure(self: Evaluated, network: Network, each: Any = None) -> dict[str, Any]:
        name = sizes[len(self.inputs)]
        calls[name] += 1
        losses = {"train": given_train, "validation": val}.get(name)
        # Runs in these tests leave at different times: seeds tell which are still there.
        values = [losses[s][calls[name]] if losses else 1.0 for s in network.seeds]
        if each is not None:
            each[...] = 1
        return {"loss": np.array(values, float), "accuracy": np.zeros(len(values))}

    monkeypatch.setattr(Evaluated, "measure", measure)


@pytest.mark.parametrize(
    ("losses", "patience", "min_delta", "epochs", "best"),
    [
        ([5, 4, 3, 2, 1, 0], 1, 0.0, 5, 5),  # always better: to the last epoch
        ([5, 6, 7, 8, 9, 9], 1, 0.0, 1, 0),  # before training was best
        ([5, 6, 7, 8, 9, 9], 3, 0.0, 3, 0),
        ([5, 5, 5, 5, 5, 5], 2, 0.0, 2, 0),  # equal is not better
        ([5, 4, 4.5, 4.2, 3, 3], 2, 0.0, 3, 1),
        ([5, 4, 4.5, 3, 4, 5], 2, 0.0, 5, 3),
        ([5, 4.9, 4.8, 4.7, 4, 4], 2, 0.5, 2, 2),  # too little better to go on, yet the best
        ([5, 4.7, 4.4, 4.1, 3.8, 4], 2, 0.5, 5, 4),  # 0.6 better than two epochs before
        ([5, 4.5, 4.5, 4.5, 4.5, 4.5], 3, 0.5, 3, 1),  # exactly min_delta is not enough
        ([5, 1, 2, 2, 2, 0], None, 0.0, 5, 5),  # without patience
        ([5, 1, 2, 1, 2, 2], None, 0.0, 5, 1),  # the first of the best
        ([5, 4, 5, 5, 5, 5], 4, 0.0, 5, 1),  # patience ends with the last epoch: done
        ([-1, -2, -2, -2, -2, -2], 3, 0.0, 4, 1),
    ],
)
def test_early_stopping_and_the_best_epoch_by_hand(
    losses: list[float],
    patience: int | None,
    min_delta: float,
    epochs: int,
    best: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = make_dataset(rows=(20, 10, 5))
    prescribe(monkeypatch, dataset, [losses])
    stopping = EarlyStopping(patience=patience, min_delta=min_delta)
    outcome = outcome_of(make_run(epochs=5, early_stopping=stopping), dataset)
    assert outcome.metrics["epoch"] == list(range(epochs + 1))
    assert outcome.metrics["val/loss"] == losses[: epochs + 1]
    assert outcome.summary["best/epoch"] == best
    assert outcome.summary["best/val_loss"] == losses[best]
    if epochs < 5:
        assert outcome.status == "stopped_early"
        assert outcome.message == f"no better validation loss for {patience} epochs"
    else:
        assert (outcome.status, outcome.message) == ("done", None)


@given(
    losses=st.lists(st.integers(0, 8).map(float), min_size=7, max_size=7),
    patience=st.integers(1, 4),
    min_delta=st.sampled_from([0.0, 1.0, 2.0]),
)
def test_early_stopping_of_any_losses(losses: list[float], patience: int, min_delta: float) -> None:
    # The last epoch that really got better is found anew at each epoch, from the start.
    def last_improvement(seen: list[float]) -> int:
        at = 0
        for epoch in range(1, len(seen)):
            if seen[epoch] < seen[at] - min_delta:
                at = epoch
        return at

    ends = [e for e in range(1, 7) if e - last_improvement(losses[: e + 1]) >= patience]
    expected = min([*ends, 6])
    dataset = make_dataset(rows=(20, 10, 5))
    with pytest.MonkeyPatch.context() as patch:
        prescribe(patch, dataset, [losses])
        stopping = EarlyStopping(patience=patience, min_delta=min_delta)
        outcome = outcome_of(make_run(epochs=6, early_stopping=stopping), dataset)
    assert outcome.metrics["epoch"][-1] == expected
    assert outcome.status == ("stopped_early" if expected < 6 else "done")
    seen = losses[: expected + 1]
    assert outcome.summary["best/epoch"] == seen.index(min(seen))


def test_runs_leave_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = make_dataset(rows=(20, 10, 5))
    nan, inf = math.nan, math.inf
    prescribe(
        monkeypatch,
        dataset,
        [[3, 2, 1, 1, 1], [3, nan, 0, 0, 0], [3, 3, 3, 0, 0], [inf] * 5, [3, 2, inf, 0, 0]],
    )
    stopping = [None, None, 2, None, None]
    runs = [
        make_run(seed=seed, epochs=4, early_stopping=EarlyStopping(patience=patience))
        for seed, patience in enumerate(stopping)
    ]
    live: list[list[int]] = []
    found = list(train(runs, dataset, lambda epoch, losses: live.append([p for p, _ in losses])))
    assert [(outcome.position, outcome.status) for outcome in found] == [
        (3, "diverged"),
        (1, "diverged"),
        (2, "stopped_early"),
        (4, "diverged"),
        (0, "done"),
    ]
    assert live == [[0, 2, 4], [0], [0]]
    by_position = sorted(found, key=lambda outcome: outcome.position)
    assert [len(outcome.metrics["epoch"]) for outcome in by_position] == [5, 2, 3, 1, 3]
    assert [outcome.message for outcome in by_position] == [
        None,
        "the loss was not finite after epoch 1",
        "no better validation loss for 2 epochs",
        "the loss was not finite after epoch 0",
        "the loss was not finite after epoch 2",
    ]
    # What diverged before anything could be the best has no best weights and no test.
    assert {name.partition("/")[0] for name in by_position[3].weights} == {"final"}
    assert not [name for name in by_position[3].summary if name.startswith(("best", "test"))]
    assert by_position[1].summary["best/epoch"] == 0
    assert by_position[4].summary["best/epoch"] == 1


def test_a_training_loss_that_is_not_finite_is_divergence_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = make_dataset(rows=(20, 10, 5))
    prescribe(monkeypatch, dataset, [[3, 2, 1]], train=[[3, math.inf, 1]])
    outcome = outcome_of(make_run(epochs=2), dataset)
    assert (outcome.status, outcome.summary["best/epoch"]) == ("diverged", 0)


@pytest.mark.parametrize(
    ("losses", "factors"),
    [
        # patience 2: after two epochs without improvement the next one is slower
        ([9, 5, 5, 5, 5, 5, 5], [1, 1, 1, 0.1, 0.1, 0.01]),
        ([9, 5, 4, 3, 2, 1, 0], [1, 1, 1, 1, 1, 1]),
        ([1, 5, 5, 5, 5, 5, 5], [1, 1, 1, 0.1, 0.1, 0.01]),  # before training is no epoch of it
        ([9, 5, 6, 4, 5, 5, 9], [1, 1, 1, 1, 1, 0.1]),
    ],
)
def test_the_rate_falls_when_validation_stalls(
    losses: list[float], factors: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset(rows=(20, 10, 5))
    prescribe(monkeypatch, dataset, [losses])
    schedule = schedules.ReduceOnPlateau(gamma=0.1, patience=2, minimum=0.0)
    outcome = outcome_of(make_run(epochs=6, schedule=schedule), dataset)
    assert outcome.metrics["lr"][1:] == pytest.approx([0.5 * factor for factor in factors])


# Divergence


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_run_that_diverges_says_so_and_keeps_its_best(dtype: str) -> None:
    dataset = make_dataset(Task.REGRESSION)
    run = make_run(Task.REGRESSION, optimizer=nn.SGD(lr=1e30), epochs=50, dtype=dtype)
    outcome = outcome_of(run, dataset)
    assert outcome.status == "diverged"
    last = len(outcome.metrics["epoch"]) - 1
    assert 0 < last < 50
    assert outcome.message == f"the loss was not finite after epoch {last}"
    losses = column(outcome, "val/loss")
    training = column(outcome, "train/loss")
    assert np.isfinite(losses[:last]).all()
    assert not (np.isfinite(losses[last]) and np.isfinite(training[last]))
    assert math.isfinite(outcome.summary["test/loss"])
    assert all(np.isfinite(a).all() for n, a in outcome.weights.items() if n.startswith("best/"))


def test_a_network_that_is_not_finite_from_the_start() -> None:
    dataset = make_dataset(Task.REGRESSION)
    huge = initializers.Filled(1e300)
    run = make_run(Task.REGRESSION, model=MLP(hidden=(4,), activation=Tanh(), initializer=huge))
    fine = make_run(Task.REGRESSION)
    first, second = outcomes([run, fine], dataset)
    assert (first.status, len(first.metrics["epoch"])) == ("diverged", 1)
    assert bits(second) == bits(outcome_of(fine, dataset))


def test_training_leaves_the_callers_floating_point_errors_alone() -> None:
    dataset = make_dataset()
    runs = [make_run(epochs=1), make_run(epochs=2)]
    with np.errstate(all="raise"):
        before = np.geterr()
        one, other = train(runs, dataset), train(runs, dataset)
        next(one)
        assert np.geterr() == before, "between two outcomes"
        next(other)
        for interleaved in (one, other):
            list(interleaved)
        assert np.geterr() == before


# Test metrics


@pytest.mark.parametrize("task", LOSSES)
@pytest.mark.parametrize("rows", [9, 600])
def test_test_metrics_are_those_of_the_best_weights(task: Task, rows: int) -> None:
    dataset = make_dataset(task, rows=(23, 11, rows))
    run = make_run(task, optimizer=nn.SGD(lr=3.0), epochs=8)
    outcome = outcome_of(run, dataset)
    best = {
        name.removeprefix("best/"): value
        for name, value in outcome.weights.items()
        if name.startswith("best/")
    }
    x, y = arrays(task, dataset.test, 3)
    assert outcome.summary["test/loss"] == pytest.approx(mean_loss(best, x, y, SHAPE[task]))
    p = outputs(forward(best, x)[-1], SHAPE[task])
    if task is Task.REGRESSION:
        assert outcome.summary["test/r2"] == pytest.approx(sklearn_metrics.r2_score(y, p))
    elif task is Task.MULTICLASS:
        truth = dataset.test.targets
        expected = sklearn_metrics.accuracy_score(truth, p.argmax(axis=1))
        assert outcome.summary["test/accuracy"] == expected
    else:
        assert outcome.summary["test/accuracy"] == pytest.approx(((p > 0.5) == y).mean())


def test_best_weights_are_those_of_a_training_that_ends_at_the_best_epoch() -> None:
    dataset = make_dataset(rows=(23, 40, 9))
    run = make_run(optimizer=nn.SGD(lr=2.0), epochs=12)
    whole = outcome_of(run, dataset)
    best = int(whole.summary["best/epoch"])
    assert 0 < best < 12
    assert whole.metrics["val/loss"][best] == min(whole.metrics["val/loss"])
    short = outcome_of(make_run(optimizer=nn.SGD(lr=2.0), epochs=best), dataset)
    for name in [name for name in whole.weights if name.startswith("best/")]:
        final = short.weights[name.replace("best/", "final/")]
        assert whole.weights[name].tobytes() == final.tobytes()


def test_running_statistics_are_the_best_epochs_too() -> None:
    dataset = make_dataset(rows=(23, 40, 9))
    model = MLP(hidden=(4,), activation=Tanh(), normalization="batch")
    run = make_run(model=model, optimizer=nn.SGD(lr=2.0), epochs=12)
    whole = outcome_of(run, dataset)
    best = int(whole.summary["best/epoch"])
    assert 0 < best < 12
    short = outcome_of(make_run(model=model, optimizer=nn.SGD(lr=2.0), epochs=best), dataset)
    for name in ("running_mean", "running_variance"):
        expected = short.weights[f"final/batchnorm1/{name}"]
        assert whole.weights[f"best/batchnorm1/{name}"].tobytes() == expected.tobytes()
        assert whole.weights[f"final/batchnorm1/{name}"].tobytes() != expected.tobytes()


def test_norms_by_layer_of_long_runs_are_taken_now_and_then() -> None:
    metrics = outcome_of(make_run(epochs=1250, batch_size="full"), make_dataset()).metrics
    expected = [*range(1000), *range(1000, 1251, 10)]
    for name in ("weight_norm/dense1", "gradient_norm/dense2"):
        measured = [e for e, value in enumerate(metrics[name]) if value is not None]
        assert measured == expected[name.startswith("gradient") :], name


# Snapshots


@pytest.mark.parametrize("normalization", [None, "batch"])
def test_a_snapshot_is_what_a_run_of_so_many_epochs_ends_with(normalization: Any) -> None:
    dataset = make_dataset()
    model = MLP(hidden=(4,), activation=Tanh(), normalization=normalization)
    kept = outcome_of(make_run(epochs=12, snapshots=5, model=model), dataset).snapshots
    moments = kept.pop("epoch").tolist()
    assert (moments[0], moments[-1], len(moments)) == (0, 12, 5)
    for place, epoch in enumerate(moments[1:], start=1):
        shorter = outcome_of(make_run(epochs=epoch, snapshots=None, model=model), dataset)
        final = {
            name.removeprefix("final/"): array
            for name, array in shorter.weights.items()
            if name.startswith("final/")
        }
        assert list(kept) == list(final)
        for name, array in final.items():
            assert kept[name].dtype == array.dtype
            assert kept[name][place].tobytes() == array.tobytes(), (name, epoch)


@pytest.mark.parametrize(
    ("features", "asked", "count"), [(2, "auto", 50), (3, "auto", 0), (2, None, 0), (3, 4, 4)]
)
def test_snapshots_are_taken_where_they_are_asked_for(
    features: int, asked: Any, count: int
) -> None:
    dataset = make_dataset(features=features)
    outcome = outcome_of(make_run(epochs=100, snapshots=asked), dataset)
    assert len(outcome.snapshots.get("epoch", [])) == count
    unasked = outcome_of(make_run(epochs=100, snapshots=None), dataset)
    assert {**bits(unasked), **bits(outcome)} == bits(outcome)


def test_snapshots_end_where_a_run_ends() -> None:
    dataset = make_dataset()
    stopped, diverged, alone = outcomes(
        [
            make_run(epochs=40, snapshots=41, early_stopping=EarlyStopping(patience=3)),
            make_run(epochs=40, snapshots=41, optimizer=nn.SGD(lr=1e308)),
            make_run(epochs=40, snapshots=3),
        ],
        dataset,
    )
    assert stopped.snapshots["epoch"].tolist() == stopped.metrics["epoch"]
    assert diverged.status == "diverged"
    # What a run diverged to is no point of its path.
    assert diverged.snapshots["epoch"].tolist() == diverged.metrics["epoch"][:-1]
    assert alone.snapshots["epoch"].tolist() == [0, 1, 40]


# What an outcome holds


@pytest.mark.parametrize("task", LOSSES)
def test_columns_and_summary(task: Task) -> None:
    dataset = make_dataset(task)
    outcome = outcome_of(make_run(task, epochs=4), dataset)
    score = "r2" if task is Task.REGRESSION else "accuracy"
    assert list(outcome.metrics) == [
        "epoch",
        "step",
        "seconds",
        "train/loss",
        f"train/{score}",
        "val/loss",
        f"val/{score}",
        "lr",
        "gradient_norm",
        "weight_norm/dense1",
        "weight_norm/dense2",
        "gradient_norm/dense1",
        "gradient_norm/dense2",
    ]
    assert {len(values) for values in outcome.metrics.values()} == {5}
    assert outcome.metrics["epoch"] == [0, 1, 2, 3, 4]
    assert outcome.metrics["step"] == [0, 3, 6, 9, 12]
    seconds = column(outcome, "seconds")
    assert (np.diff(seconds) > 0).all()
    best = int(outcome.summary["best/epoch"])
    assert outcome.summary == {
        "best/epoch": best,
        "best/val_loss": outcome.metrics["val/loss"][best],
        f"best/val_{score}": outcome.metrics[f"val/{score}"][best],
        "best/train_loss": outcome.metrics["train/loss"][best],
        "final/train_loss": outcome.metrics["train/loss"][-1],
        f"final/train_{score}": outcome.metrics[f"train/{score}"][-1],
        "final/val_loss": outcome.metrics["val/loss"][-1],
        f"final/val_{score}": outcome.metrics[f"val/{score}"][-1],
        "time/us_per_step": outcome.summary["time/us_per_step"],
        "time/seconds": seconds[-1],
        "memory/state_bytes": 0.0,
        "test/loss": outcome.summary["test/loss"],
        f"test/{score}": outcome.summary[f"test/{score}"],
        "untrained/test_loss": outcome.summary["untrained/test_loss"],
        f"untrained/test_{score}": outcome.summary[f"untrained/test_{score}"],
    }
    assert outcome.summary["time/us_per_step"] > 0


@pytest.mark.parametrize(
    ("optimizer", "arrays"), [(nn.SGD(), 0), (nn.Momentum(), 1), (nn.Adam(), 2), (nn.AMSGrad(), 3)]
)
def test_the_state_of_an_optimizer_is_counted_for_one_run(
    optimizer: nn.Optimizer, arrays: int
) -> None:
    runs = [make_run(optimizer=optimizer, epochs=1, seed=seed) for seed in range(3)]
    for outcome in outcomes(runs, make_dataset()):
        final = [array for name, array in outcome.weights.items() if name.startswith("final/")]
        parameters = sum(array.nbytes for array in final)
        assert outcome.summary["memory/state_bytes"] == arrays * parameters


class Ticking:
    """A clock that only moves when something tells how long it takes."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def takes(self, seconds: Callable[[Any], float], does: Callable[..., Any]) -> Any:
        def timed(doer: Any, *args: Any, **kwargs: Any) -> Any:
            self.now += seconds(doer)
            return does(doer, *args, **kwargs)

        return timed


def test_a_step_is_timed_for_each_optimizer_alone_without_the_first_that_compile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Ticking()
    widths: list[int] = []

    def passes(network: Network) -> float:
        widths.append(network.runs)
        compiles = network.runs == 1 and widths.count(1) % 33 in (1, 2, 3)
        return 100.0 if compiles else 4e-6 * network.runs

    def update(rule: Rule) -> float:
        return 30e-6 if isinstance(rule.optimizers[0], nn.Adam) else 6e-6

    monkeypatch.setattr("experiments.training.step_time._clock", lambda _threads: clock)
    monkeypatch.setattr(Network, "backpropagate", clock.takes(passes, Network.backpropagate))
    monkeypatch.setattr(Rule, "step", clock.takes(update, Rule.step))
    optimizers = [nn.Adam(), nn.Adam(lr=1), nn.Adam(), nn.SGD()]
    runs = [make_run(epochs=3, seed=seed, optimizer=one) for seed, one in enumerate(optimizers)]
    found = [one.summary["time/us_per_step"] for one in outcomes(runs, make_dataset())]
    assert found == pytest.approx([34, 34, 34, 10])
    assert widths.count(1) == 2 * 33  # one measurement for Adam, and one for SGD
    assert widths.count(4) == 3 * STEPS


@pytest.mark.parametrize(
    ("threads", "resolution", "clock"),
    [(1, 1e-9, time.thread_time), (1, 0.016, time.perf_counter), (2, 1e-9, time.perf_counter)],
)
def test_other_programs_do_not_lengthen_a_step_on_one_thread(
    monkeypatch: pytest.MonkeyPatch, threads: int, resolution: float, clock: object
) -> None:
    info = SimpleNamespace(resolution=resolution)
    monkeypatch.setattr("experiments.training.step_time.get_clock_info", lambda _name: info)
    assert step_time._clock(threads) is clock


def test_slow_steps_are_timed_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Ticking()
    steps: list[int] = []

    def passes(network: Network) -> float:
        steps.append(network.runs)
        return 2.0

    monkeypatch.setattr("experiments.training.step_time._clock", lambda _threads: clock)
    monkeypatch.setattr(Network, "backpropagate", clock.takes(passes, Network.backpropagate))
    (outcome,) = outcomes([make_run(epochs=1)], make_dataset())
    assert outcome.summary["time/us_per_step"] == pytest.approx(2e6)
    assert len(steps) == STEPS + 6


def test_the_test_losses_of_the_rows_and_of_the_untrained_network_are_kept() -> None:
    dataset = make_dataset()
    trained, stayed = outcomes(
        [make_run(epochs=3), make_run(epochs=1, optimizer=nn.SGD(lr=1e-30))], dataset
    )
    for outcome in (trained, stayed):
        rows = outcome.weights[TEST_LOSSES]
        assert rows.shape == (len(dataset.test),)
        assert rows.mean() == pytest.approx(outcome.summary["test/loss"], rel=1e-5)
    before = stayed.summary["untrained/test_loss"]
    assert before == pytest.approx(stayed.summary["test/loss"], rel=1e-5)
    assert before == trained.summary["untrained/test_loss"]


def test_weights_are_copies_of_their_own() -> None:
    dataset = make_dataset()
    one, other = outcomes([make_run(epochs=1), make_run(epochs=2, seed=1)], dataset)
    held = [array for outcome in (one, other) for array in outcome.weights.values()]
    for i, array in enumerate(held):
        assert not any(np.shares_memory(array, later) for later in held[i + 1 :])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_have_the_precision_asked_for(dtype: str) -> None:
    outcome = outcome_of(make_run(dtype=dtype), make_dataset())
    assert {array.dtype for array in outcome.weights.values()} == {np.dtype(dtype)}


def test_with_one_seed_all_optimizers_start_alike_and_see_the_same_batches() -> None:
    dataset = make_dataset()
    runs = [make_run(seed=0, optimizer=Optimizer.named(name)) for name in OPTIMIZERS]
    found = outcomes([*runs, make_run(seed=1)], dataset)
    starts = [outcome.metrics["train/loss"][0] for outcome in found]
    assert len(set(starts[:-1])) == 1
    assert starts[-1] != starts[0]
    # A step too small to change a bit tells the gradients of the batches at the start.
    still = [make_run(seed=0, optimizer=rule(lr=1e-300)) for rule in (nn.SGD, nn.Momentum, nn.Adam)]
    norms = [outcome.metrics["gradient_norm"][1:] for outcome in outcomes(still, dataset)]
    assert norms[0] == norms[1] == norms[2]


def test_seed_zero_is_a_seed() -> None:
    dataset = make_dataset()
    starts = {outcome_of(make_run(seed=s), dataset).metrics["train/loss"][0] for s in range(4)}
    assert len(starts) == 4


def test_on_epoch_tells_epoch_position_and_loss() -> None:
    dataset = make_dataset()
    told: list[tuple[int, list[tuple[int, float]]]] = []
    runs = [make_run(epochs=3), make_run(epochs=2, seed=1), make_run(epochs=4, seed=2)]
    found = outcomes(runs, dataset, lambda epoch, losses: told.append((epoch, list(losses))))

    def losses(epoch: int, positions: Sequence[int]) -> list[tuple[int, float]]:
        return [(p, min(found[p].metrics["val/loss"][: epoch + 1])) for p in positions]

    assert told == [(1, losses(1, [0, 1, 2])), (2, losses(2, [0, 2])), (3, losses(3, [2]))]


# Ctrl-C


def interrupt_after(epochs: int) -> Callable[[int, Any], None]:
    def listener(epoch: int, losses: Any) -> None:
        if epoch == epochs:
            raise KeyboardInterrupt

    return listener


def test_an_interrupt_keeps_what_is_there_and_goes_on() -> None:
    dataset = make_dataset()
    runs = [make_run(epochs=9, seed=0), make_run(epochs=2, seed=1), make_run(epochs=9, seed=2)]
    found = []
    with pytest.raises(KeyboardInterrupt):
        found.extend(train(runs, dataset, interrupt_after(3)))
    assert [(outcome.position, outcome.status) for outcome in found] == [
        (1, "done"),
        (0, "interrupted"),
        (2, "interrupted"),
    ]
    for outcome in found:
        epochs = 2 if outcome.position == 1 else 3
        whole = outcome_of(make_run(epochs=epochs, seed=outcome.position), dataset)
        if outcome.status == "interrupted":  # and how large its state was is not measured
            whole.summary.pop("memory/state_bytes")
        assert bits(outcome) == bits(whole) | {"status": outcome.status}


def test_an_interrupt_before_anything_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = make_dataset(rows=(20, 10, 5))
    measure = Evaluated.measure
    impatient = [True]

    def measure_once(self: Evaluated, network: Network, each: Any = None) -> Any:
        if impatient.pop() if impatient else False:
            raise KeyboardInterrupt
        return measure(self, network, each)

    monkeypatch.setattr(Evaluated, "measure", measure_once)
    found = []
    with pytest.raises(KeyboardInterrupt):
        found.extend(train([make_run()], dataset))
    (outcome,) = found
    assert (outcome.status, outcome.metrics) == ("interrupted", {})
    assert not [name for name in outcome.summary if not name.startswith("time")]
    assert {name.partition("/")[0] for name in outcome.weights} == {"final"}


def test_an_interrupt_while_runs_are_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = make_dataset(rows=(20, 10, 5))
    measure = Evaluated.measure
    impatient = [True]

    def measure_test_later(self: Evaluated, network: Network, each: Any = None) -> Any:
        if each is not None and impatient:
            impatient.pop()
            raise KeyboardInterrupt
        return measure(self, network, each)

    monkeypatch.setattr(Evaluated, "measure", measure_test_later)
    found = []
    with pytest.raises(KeyboardInterrupt):
        found.extend(train([make_run(epochs=1), make_run(epochs=3, seed=1)], dataset))
    assert sorted(outcome.position for outcome in found) == [0, 1]
    assert all(len(outcome.metrics["epoch"]) == 2 for outcome in found)


# Sequential models and odd sizes


def test_a_sequential_model_trains_as_the_same_mlp() -> None:
    dataset = make_dataset()
    mlp = MLP(hidden=(4,), activation=Tanh(), initializer=initializers.ScaledGaussian())
    layers = (
        nn.Dense(4, initializer=initializers.ScaledGaussian()),
        nn.layers.ActivationLayer(Tanh()),
    )
    one = outcome_of(make_run(model=mlp), dataset)
    other = outcome_of(make_run(model=Sequential(hidden_layers=layers)), dataset)
    assert bits(one) == bits(other)


@pytest.mark.parametrize("task", LOSSES)
def test_one_row_and_one_feature(task: Task) -> None:
    dataset = make_dataset(task, rows=(1, 1, 1), features=1)
    outcome = outcome_of(make_run(task, epochs=2), dataset)
    assert outcome.status == "done"
    assert outcome.metrics["step"] == [0, 1, 2]
    assert_as_plainly(outcome, plainly(task, make_run(task, epochs=2), dataset))


def test_xor_is_learned() -> None:
    run = make_run(
        Task.BINARY,
        dataset=Xor(),
        model=MLP(hidden=(4,), activation=Tanh(), initializer=initializers.ScaledGaussian()),
        optimizer=nn.SGD(lr=3.0),
        epochs=600,
        batch_size="full",
    )
    found = outcomes([dataclasses.replace(run, seed=seed) for seed in range(5)], Xor().load())
    assert all(outcome.summary["test/loss"] < 0.1 for outcome in found)
    assert {outcome.summary["test/accuracy"] for outcome in found} == {1.0}
