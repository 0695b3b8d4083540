"""Rules that get whole tensors, matrices or runs: what their kinds have in common, and Shampoo."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy.linalg import fractional_matrix_power

import nn
from nn.optimizers import Optimizer, OptimizerStack
from nn.optimizers.parameter_group import ParameterGroup
from nn.optimizers.reductions import dot, norm, root_mean_square, total, trust_ratio
from nn.parameters import Layout, Parameter
from tests.nn.optimizers.test_tensor_references import CASES
from tests.nn.optimizers.test_updates import (
    WHOLE,
    WRAPPERS,
    assert_follows,
    hostile_gradients,
    layout_with,
    run_stack,
)

LAYOUT = layout_with((4, 3), (3,), (3, 2))
RULES: list[Optimizer] = [
    *(Optimizer.named(name) for name in WHOLE),
    nn.AdamW(mask="cautious"),
    nn.Lion(mask="cautious"),
    nn.Shampoo(max_size=3),
    nn.SOAP(max_size=3, interval=2),
]


@pytest.mark.parametrize("name", sorted({type(rule).name for rule in CASES.values()} - {"muon"}))
def test_every_option_is_compared_with_the_reference(name: str) -> None:
    default = dataclasses.asdict(Optimizer.named(name))
    tried = {
        key
        for rule in CASES.values()
        if type(rule).name == name
        for key, value in dataclasses.asdict(rule).items()
        if value != default[key]
    }
    # The decay of SOAP is that of all decoupled rules.
    elsewhere = {"soap": {"weight_decay", "decay_biases"}, "adamw": {"amsgrad", "beta1"}}
    missing = {*default} - tried - elsewhere.get(name, set()) - {*WRAPPERS}
    assert missing <= {"decay_biases"} | ({"beta1", "beta2"} if name == "lion" else set())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_hostile_gradients_leave_finite_parameters(rule: Optimizer, dtype: type) -> None:
    rng = np.random.default_rng(4)
    start = rng.standard_normal((1, LAYOUT.size)).astype(dtype)
    start[:, 5:8] = 0.0
    gradients = hostile_gradients(rng, 60, LAYOUT.size).astype(dtype)
    after = run_stack([rule], LAYOUT, start, gradients[:, None])
    assert np.isfinite(after).all()
    assert (after[-1] != start).any()


@pytest.mark.parametrize("bad", [np.inf, np.nan, 1e30])
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_run_that_diverges_leaves_the_others_alone(rule: Optimizer, bad: float) -> None:
    rng = np.random.default_rng(5)
    start = rng.standard_normal((3, LAYOUT.size)).astype(np.float32)
    gradients = rng.standard_normal((25, 3, LAYOUT.size)).astype(np.float32)
    gradients[4, 1] = bad
    with np.errstate(all="ignore"):
        together = run_stack([rule] * 3, LAYOUT, start, gradients)
        for run in (0, 2):
            own = slice(run, run + 1)
            alone = run_stack([rule], LAYOUT, start[own], gradients[:, own])
            np.testing.assert_array_equal(together[:, own], alone)
    assert np.isfinite(together[:, [0, 2]]).all()


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_resumed_run_has_the_same_bits(rule: Optimizer) -> None:
    rng = np.random.default_rng(6)
    start = rng.standard_normal((2, LAYOUT.size)).astype(np.float32)
    gradients = rng.standard_normal((30, 2, LAYOUT.size)).astype(np.float32)
    expected = run_stack([rule] * 2, LAYOUT, start, gradients)
    for pause in (1, 13):
        first = OptimizerStack([rule] * 2, LAYOUT, start.dtype)
        theta = start.copy()
        for g in gradients[:pause]:
            first.step(theta, g.copy())
        second = OptimizerStack([rule], LAYOUT, start.dtype)
        second.t = first.t
        second.restore(0, first.state(1))
        theta = theta[1:].copy()
        for g in gradients[pause:]:
            second.step(theta, g[1:].copy())
        np.testing.assert_array_equal(theta, expected[-1][1:])


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_runs_that_leave_do_not_show(rule: Optimizer) -> None:
    rng = np.random.default_rng(7)
    start = rng.standard_normal((3, LAYOUT.size)).astype(np.float32)
    gradients = rng.standard_normal((20, 3, LAYOUT.size)).astype(np.float32)
    expected = run_stack([rule] * 3, LAYOUT, start, gradients)
    stack = OptimizerStack([rule] * 3, LAYOUT, start.dtype)
    theta = start.copy()
    for g in gradients[:9]:
        stack.step(theta, g.copy())
    stack.keep([0, 2])
    theta = theta[[0, 2]].copy()
    for g in gradients[9:]:
        stack.step(theta, g[[0, 2]].copy())
    np.testing.assert_array_equal(theta, expected[-1][[0, 2]])


@pytest.mark.parametrize("name", ["muon", "shampoo", "soap", "adafactor"])
def test_a_network_without_weights(name: str) -> None:
    start = np.ones((1, 3))
    after = run_stack([Optimizer.named(name)], layout_with((3,)), start, np.ones((4, 1, 3)))
    assert (after[-1] < start).all()


@pytest.mark.parametrize("rule", ["prodigy", "d_adaptation"])
def test_groups_of_a_rule_that_needs_all_parameters_are_refused(rule: str) -> None:
    with pytest.raises(ValueError, match=r"needs all at once; leave groups empty"):
        Optimizer.named(rule, groups=(ParameterGroup(parameters="biases"),))


def test_groups_leave_no_hidden_matrices() -> None:
    with pytest.raises(ValueError, match=r"matrices=hidden needs all layers at once"):
        nn.Muon(matrices="hidden", groups=(ParameterGroup(parameters="biases"),))


def test_groups_of_rules_of_tensors_and_matrices() -> None:
    """Each group moves as the whole would with its settings."""
    rng = np.random.default_rng(10)
    start = rng.standard_normal((2, LAYOUT.size))
    gradients = rng.standard_normal((12, 2, LAYOUT.size))
    last = LAYOUT.slices["layer2/array"]
    for name in ("lamb", "lars", "novograd", "adafactor", "mars", "shampoo", "soap", "muon"):
        group = ParameterGroup(parameters="last", lr_factor=0.5)
        grouped = Optimizer.named(name, lr=0.01, groups=(group,))
        actual = run_stack([grouped] * 2, LAYOUT, start, gradients)
        fast, slow = (
            run_stack([Optimizer.named(name, lr=lr)] * 2, LAYOUT, start, gradients)
            for lr in (0.01, 0.005)
        )
        np.testing.assert_array_equal(actual[..., last], slow[..., last])
        np.testing.assert_array_equal(actual[..., : last.start], fast[..., : last.start])


def test_kernels_are_the_matrix_of_their_windows() -> None:
    """A convolution's kernels move like a dense matrix with a row for each number they see."""
    rng = np.random.default_rng(8)
    kernels = Layout([Parameter("conv/weights", (5, 2, 3, 3), decays=True)])
    matrix = layout_with((18, 5))
    start = rng.standard_normal((1, 90))
    gradients = rng.standard_normal((12, 1, 90))

    def as_matrix(flat: np.ndarray) -> np.ndarray:
        return flat.reshape(*flat.shape[:-1], 5, 18).swapaxes(-1, -2).reshape(flat.shape)

    for rule in (nn.Muon(), nn.Shampoo(lr=0.01), nn.SOAP(), nn.Adafactor()):
        actual = run_stack([rule], kernels, start, gradients)
        expected = run_stack([rule], matrix, as_matrix(start), as_matrix(gradients))
        np.testing.assert_array_equal(as_matrix(actual), expected)


class TestShampoo:
    """Against Algorithm 1, with roots by SciPy."""

    @staticmethod
    def matrix_trajectory(
        rule: nn.Shampoo, theta: np.ndarray, gradients: np.ndarray
    ) -> list[np.ndarray]:
        sides = [np.zeros((n, n)) for n in theta.shape]
        m, result, roots = np.zeros_like(theta), [], []
        for t, g in enumerate(gradients, start=1):
            sides[0] += g @ g.T
            sides[1] += g.T @ g
            if t <= rule.interval or t % rule.interval == 0:
                roots = []
                for side in sides:
                    kept = side if len(side) <= rule.max_size else np.diag(np.diag(side))
                    shifted = kept + rule.eps * np.eye(len(side))
                    roots.append(fractional_matrix_power(shifted, -0.25))
            m = rule.momentum * m + (1 - rule.momentum) * g
            theta = theta - rule.lr * roots[0] @ m @ roots[1]
            result.append(theta)
        return result

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"interval": 1, "momentum": 0.0},
            {"interval": 3, "eps": 1e-2},
            {"max_size": 3, "lr": 0.5},
            {"max_size": 2, "interval": 4},
        ],
        ids=str,
    )
    def test_follows_its_definition(self, options: dict[str, Any]) -> None:
        rule = nn.Shampoo(**options)
        rng = np.random.default_rng(9)
        layout = layout_with((4, 3), (3,))
        start = rng.standard_normal((1, layout.size))
        gradients = rng.standard_normal((25, 1, layout.size))
        actual = run_stack([rule], layout, start, gradients)[:, 0]
        matrices = gradients[:, 0, :12].reshape(-1, 4, 3)
        expected = self.matrix_trajectory(rule, start[0, :12].reshape(4, 3), matrices)
        assert_follows(actual[:, :12], np.array(expected).reshape(-1, 12), 1e-9)
        theta, m, h = start[0, 12:], np.zeros(3), np.zeros(3)
        biases = []
        for g in gradients[:, 0, 12:]:
            h = h + g**2
            m = rule.momentum * m + (1 - rule.momentum) * g
            theta = theta - rule.lr * m / np.sqrt(h + rule.eps)
            biases.append(theta)
        assert_follows(actual[:, 12:], np.array(biases))


class TestReductions:
    def test_values_and_shapes(self) -> None:
        x = np.arange(12.0).reshape(2, 3, 2)
        flat = x.reshape(2, 6)
        for reduce, expected in (
            (norm, np.linalg.norm(flat, axis=1)),
            (root_mean_square, np.sqrt((flat**2).mean(axis=1))),
            (total, flat.sum(axis=1)),
            (lambda a: dot(a, a), (flat**2).sum(axis=1)),
        ):
            np.testing.assert_allclose(reduce(x), expected.reshape(2, 1, 1))
            np.testing.assert_allclose(reduce(flat), expected.reshape(2, 1))

    def test_norms_do_not_overflow(self) -> None:
        x = np.full((1, 4), 1e30, np.float32)
        assert norm(x).item() == pytest.approx(2e30)
        assert norm(np.zeros((1, 0))).item() == 0

    def test_ratios_of_zero_are_one(self) -> None:
        with np.errstate(all="raise"):
            found = trust_ratio(np.array([0.0, 1, 0, 6]), np.array([2.0, 0, 0, 3]))
        assert found.tolist() == [1, 1, 1, 2]
