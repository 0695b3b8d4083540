"""Stacking is invisible: a run gives the same bits alone and in any stack, in any order."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from nn.activations import Activation
from nn.gradients import add_l1_gradient, add_l2_gradient, clip_by_norm, global_norm
from nn.initializers import Initializer
from nn.losses import Loss
from nn.optimizers import Optimizer, rule
from tests.nn.optimizers.stepping import STEPPING
from tests.nn.own import names

WIDTHS = [1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 32, 33, 64, 65]


@dataclass(frozen=True)
class Run:
    """What may differ between the runs of a stack."""

    seed: int
    optimizer: Optimizer
    initializer: Initializer
    rate: float
    clip: float
    l1: float
    factor: float


@dataclass(frozen=True)
class Problem:
    """What the runs of a stack share."""

    inputs: int
    hidden: list[int]
    outputs: int
    batch: int
    activation: str = "relu"
    normalization: str | None = None
    loss: str = "cross_entropy"
    output: str | None = None
    dropout: bool = False
    dtype: type = np.float32
    shared: bool = False  # whether all runs see the same batches
    steps: int = 4
    options: dict[str, Any] = field(default_factory=dict)

    def layers(self, run: Run) -> list[nn.layers.Layer]:
        layers = nn.mlp(
            self.hidden,
            self.outputs,
            activation=Activation.named(self.activation),
            normalization=self.normalization,
            initializer=run.initializer,
            dropout=run.rate if self.dropout else 0.0,
        )
        return [nn.Dropout(run.rate), *layers] if self.dropout else layers

    def batches(self, run: Run) -> list[tuple[np.ndarray, np.ndarray]]:
        """Each step's inputs and targets; the last batch is short."""
        rng = np.random.default_rng(0 if self.shared else run.seed + 1)
        sizes = [self.batch] * (self.steps - 1) + [(self.batch + 1) // 2]
        result = []
        for n in sizes:
            x = rng.standard_normal((n, self.inputs))
            x[:, 0] = 3.0  # a constant feature
            result.append((x.astype(self.dtype), self.targets(rng, n)))
        return result

    def targets(self, rng: np.random.Generator, n: int) -> np.ndarray:
        if self.loss in ("cross_entropy", "kl_divergence"):
            return rng.dirichlet(np.ones(self.outputs), n).astype(self.dtype)
        return rng.integers(0, 2, (n, self.outputs)).astype(self.dtype)

    def evaluation(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(99)
        x = rng.standard_normal((self.options.get("rows", 11), self.inputs)).astype(self.dtype)
        return x, self.targets(rng, len(x))


def train(problem: Problem, runs: list[Run], keep: dict[int, list[int]]) -> dict[int, list]:
    """Train runs in one stack; `keep` says which of the first stack's runs stay after a step.

    Returns everything that can be seen of each run, by its place in the first stack.
    """
    network = nn.Network(
        [problem.layers(run) for run in runs],
        problem.inputs,
        loss=Loss.named(problem.loss),
        output_activation=Activation.named(problem.output) if problem.output else None,
        seeds=[run.seed for run in runs],
        dtype=problem.dtype,
    )
    stack = nn.OptimizerStack([run.optimizer for run in runs], network.layout, network.dtype)
    batches = [problem.batches(run) for run in runs]
    live = list(range(len(runs)))
    seen: dict[int, list] = {}
    for step in range(problem.steps + 1):
        if step in keep or step == problem.steps:
            staying = keep.get(step, []) if step < problem.steps else []
            observe(problem, network, live, seen)
            rows = [row for row, run in enumerate(live) if run in staying]
            if not rows:
                break
            network.keep(rows)
            stack.keep(rows)
            live = [live[row] for row in rows]
        one_step(problem, network, stack, [runs[i] for i in live], [batches[i] for i in live], step)
    return seen


def one_step(problem, network, stack, runs, batches, step) -> None:
    x = np.stack([b[step][0] for b in batches])
    y = np.stack([b[step][1] for b in batches])
    if problem.shared:
        network.backpropagate(x[0], y[0])
    else:
        network.backpropagate(x, y)
    decayed = slice(0, network.layout.decayed)
    g, theta = network.gradients[:, decayed], network.parameters[:, decayed]
    strength = np.array([[run.l1] for run in runs], network.dtype)
    add_l1_gradient(g, theta, strength, np.empty_like(g))
    add_l2_gradient(g, theta, strength, np.empty_like(g))
    limit = np.array([[run.clip] for run in runs], network.dtype)
    clip_by_norm(network.gradients, global_norm(network.gradients), limit)
    factor = np.array([[run.factor**step] for run in runs])
    stack.step(network.parameters, network.gradients, factor)


def observe(problem, network, live, seen) -> None:
    """Add to `seen` what each run of the stack shows: parameters, statistics, predictions."""
    x, y = problem.evaluation()
    predictions, losses = network.predict(x), network.loss(x, y)
    # The same rows handed over with a run axis.
    spread = np.repeat(x[None], network.runs, axis=0)
    spread_losses = network.loss(spread, np.repeat(y[None], network.runs, axis=0))
    np.testing.assert_array_equal(predictions, network.predict(spread))
    np.testing.assert_array_equal(losses, spread_losses)
    for row, run in enumerate(live):
        weights = network.weights(row)
        seen.setdefault(run, []).append([*weights.values(), predictions[row].copy(), losses[row]])


def assert_same_bits(actual: list, expected: list) -> None:
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        for left, right in zip(a, e, strict=True):
            np.testing.assert_array_equal(left, right)  # NaN equals NaN


def assert_invisible(problem: Problem, runs: list[Run], order: list[int], stay: list[int]) -> None:
    """Compare runs alone with the stack in the given order, and half of them staying."""
    with np.errstate(all="ignore"):
        middle = problem.steps // 2
        alone = [train(problem, [run], {middle: [0]})[0] for run in runs]
        together = train(
            problem,
            [runs[i] for i in order],
            {middle: [place for place, i in enumerate(order) if i in stay]},
        )
    for place, i in enumerate(order):
        assert_same_bits(together[place], alone[i][: len(together[place])])
        assert len(together[place]) == (2 if i in stay else 1)


def optimizers() -> st.SearchStrategy[Optimizer]:
    common = {
        "lr": st.sampled_from([0.001, 0.01, 0.1, 0.3]),
        "weight_decay": st.sampled_from([0.0, 0.01, 0.1]),
        "decay_biases": st.booleans(),
    }
    unit = st.sampled_from([0.0, 0.5, 0.9, 0.99])
    betas = {"beta1": unit, "beta2": unit, "eps": st.sampled_from([1e-8, 1e-3])}
    masks = {"mask": st.sampled_from([None, "cautious", "grams"])}
    sides = st.sampled_from([4, 1200])
    extra: dict[str, dict] = {
        "momentum": {"momentum": unit, "dampening": unit},
        "nesterov": {"momentum": unit},
        "adagrad": {"initial_accumulator": unit, "lr_decay": unit},
        "adadelta": {"rho": unit},
        "rmsprop": {"rho": unit, "momentum": unit, "centered": st.booleans()},
        "lion": {"beta1": unit, "beta2": unit, **masks},
        "muon": {
            "momentum": unit,
            "nesterov": st.booleans(),
            "adjust_lr": st.sampled_from(["original", "match_rms_adamw"]),
            **betas,
        },
        "lars": {"momentum": unit},
        "d_adaptation": {"bias_correction": st.booleans(), **betas},
        "prodigy": {"bias_correction": st.booleans(), **betas},
        "novograd": {"averaging": st.booleans(), **betas},
        "adafactor": {"decay_power": st.sampled_from([0.5, 0.8])},
        "shampoo": {"momentum": unit, "interval": st.integers(1, 3), "max_size": sides},
        "soap": {"interval": st.integers(1, 3), "max_size": sides, **betas},
        "ademamix": {
            "beta3": unit,
            "alpha": unit,
            "beta3_warmup": st.integers(0, 3),
            **betas,
            **masks,
        },
        "adan": {"beta3": unit, **betas},
        "rprop": {"eta_minus": st.sampled_from([0.3, 0.5]), "eta_plus": st.sampled_from([1.2, 2])},
        "signum": {"beta": unit},
    }
    for name in (
        *("adam", "amsgrad", "adamax", "nadam", "radam", "adamw"),
        *("adopt", "adabelief", "yogi", "lamb", "mars"),
    ):
        extra[name] = betas
    for name in ("adam", "amsgrad", "nadam", "radam", "adamw"):
        extra[name] = betas | masks
    return st.sampled_from(STEPPING).flatmap(
        lambda name: st.builds(
            lambda options: Optimizer.named(name, **options),
            st.fixed_dictionaries({**common, **extra.get(name, {})}),
        )
    )


RUNS = st.builds(
    Run,
    seed=st.integers(0, 3),
    optimizer=optimizers(),
    initializer=st.sampled_from([Initializer.named(name) for name in Initializer.names()]),
    rate=st.sampled_from([0.1, 0.5, 0.75]),
    clip=st.sampled_from([0.01, 1.0, 1e6]),
    l1=st.sampled_from([0.0, 0.01]),
    factor=st.sampled_from([1.0, 0.5]),
)
PROBLEMS = st.builds(
    Problem,
    inputs=st.sampled_from(WIDTHS),
    hidden=st.lists(st.sampled_from(WIDTHS), max_size=3),
    outputs=st.sampled_from([1, 2, 3, 10, 33]),
    batch=st.sampled_from([1, 2, 3, 5, 8, 16, 31, 32, 33]),
    activation=st.sampled_from(Activation.names()),
    normalization=st.sampled_from([None, "batch", "layer"]),
    loss=st.sampled_from(names(Loss)),
    dropout=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    shared=st.booleans(),
)


@st.composite
def stacks(draw) -> tuple[Problem, list[Run], list[int], list[int]]:
    runs = draw(st.lists(RUNS, min_size=2, max_size=7))
    places = list(range(len(runs)))
    order = draw(st.permutations(places))
    stay = draw(st.sets(st.sampled_from(places)))
    return draw(PROBLEMS), runs, list(order), sorted(stay)


@given(stacks())
def test_any_mixture(stack) -> None:
    assert_invisible(*stack)


def plain_runs(names: list[str], **options) -> list[Run]:
    return [
        Run(i % 3, Optimizer.named(name, **options), Initializer.named("he"), 0.5, 1.0, 0.0, 0.9)
        for i, name in enumerate(names)
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", STEPPING)
def test_more_parameters_than_fit_a_block(name: str, dtype: type, monkeypatch) -> None:
    # Updates go block by block; where blocks end depends on the number of runs.
    problem = Problem(7, [11], 5, 8, dtype=dtype, steps=2)  # 148 parameters
    runs = plain_runs([name] * 3 + ["sgd"], weight_decay=0.1)
    whole = train(problem, runs, {})
    for block in (100, 300):  # a part of a run, and two runs of three
        monkeypatch.setattr(rule, "_BLOCK", block)
        assert_invisible(problem, runs, [2, 0, 3, 1], [0, 3])
        in_blocks = train(problem, runs, {})
        for run in range(len(runs)):
            assert_same_bits(in_blocks[run], whole[run])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", names(Loss))
@pytest.mark.parametrize("rows", [1, 513, 1100])
def test_many_rows_in_evaluation(loss: str, rows: int, dtype: type) -> None:
    problem = Problem(
        9, [7], 3, 4, loss=loss, activation="gelu", dtype=dtype, steps=2, options={"rows": rows}
    )
    assert_invisible(problem, plain_runs(["adam", "sgd", "adam"]), [1, 2, 0], [0, 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("loss", "output"),
    [
        ("mse", "sigmoid"),
        ("huber", "softmax"),
        ("mae", "gelu"),
        ("cross_entropy", "sigmoid"),
        ("kl_divergence", "sigmoid"),
        ("binary_cross_entropy", "softmax"),
    ],
)
@pytest.mark.parametrize("outputs", [1, 3, 40])
def test_outputs_of_every_kind(loss: str, output: str, outputs: int, dtype: type) -> None:
    problem = Problem(5, [6], outputs, 7, loss=loss, output=output, dtype=dtype)
    assert_invisible(problem, plain_runs(["adam", "lion", "muon"]), [2, 1, 0], [0, 2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_diverged_run_disturbs_nobody(dtype: type) -> None:
    problem = Problem(5, [8, 8], 3, 6, normalization="batch", dtype=dtype, steps=6)
    runs = plain_runs(["adam", "sgd", "adam", "muon", "muon"])
    wild = [Optimizer.named(name, lr=1e300) for name in ("sgd", "adam", "muon")]
    broken = [Run(1, o, Initializer.named("he"), 0.5, 1e300, 0.0, 1.0) for o in wild]
    mixed = [runs[0], broken[1], runs[2], runs[1], broken[0], runs[3], broken[2], runs[4]]
    with np.errstate(all="ignore"):
        seen = train(problem, mixed, {})
        assert not np.isfinite(seen[4][0][-1])  # its loss
        for place in (0, 2, 3, 5, 7):
            alone = train(problem, [mixed[place]], {})[0]
            assert np.isfinite(alone[0][-1])
            assert_same_bits(seen[place], alone)


def test_the_same_bits_again() -> None:
    problem = Problem(13, [17, 5], 3, 8, normalization="batch", dropout=True)
    runs = plain_runs(STEPPING)
    first, second = train(problem, runs, {}), train(problem, runs, {})
    for run in range(len(runs)):
        assert_same_bits(first[run], second[run])


def test_runs_of_one_seed_start_alike_whatever_their_optimizer() -> None:
    problem = Problem(4, [5], 2, 6, dropout=True, steps=1)
    runs = [
        Run(7, Optimizer.named(name), Initializer.named("he"), 0.5, 1.0, 0.0, 1.0)
        for name in STEPPING
    ]
    network = nn.Network(
        [problem.layers(run) for run in runs], 4, loss=nn.CrossEntropy(), seeds=[7] * len(runs)
    )
    # The same weights, and the same dropout in training.
    x, y = problem.batches(runs[0])[0]
    for _ in range(2):
        network.backpropagate(x, y)
        assert (network.gradients == network.gradients[0]).all()
    assert (network.parameters == network.parameters[0]).all()


def test_keeping_in_another_order_is_refused_by_optimizers() -> None:
    layout = nn.Network(nn.mlp([], 1), 1, loss=nn.MeanSquaredError()).layout
    for runs in ([1, 0], [0, 0], [2, 1]):
        stack = nn.OptimizerStack([nn.Adam()] * 3, layout, np.dtype(np.float32))
        with pytest.raises(ValueError, match="ascending"):
            stack.keep(runs)
