"""Every optimizer, with every option, against a transcription in plain Python."""

import dataclasses
from typing import Any

import numpy as np
import pytest

import nn.optimizers
from nn.optimizers import Optimizer, OptimizerStack
from nn.parameters import Layout, Parameter
from tests.nn.optimizers.stepping import STEPPING
from tests.nn.optimizers.transcriptions import UPDATES, muon_trajectory, trajectory
from tests.nn.own import names

STEPS = 80
TOLERANCE = 1e-10  # two hundred times the rounding of so many steps
DECAY = [{"weight_decay": 0.03}, {"weight_decay": 0.3, "decay_biases": True}]
MASKS = [{"mask": "cautious"}, {"mask": "grams"}]
BETAS = [
    {"beta1": 0.0},
    {"beta2": 0.0},
    {"beta1": 0.5, "beta2": 0.7, "eps": 1e-3},
    {"beta1": 0.95, "beta2": 0.9999, "eps": 1e-12, "lr": 0.3},
    {"beta1": 0.99, "beta2": 0.9, "lr": 100.0, "eps": 2.0},
]
# What each optimizer is tried with, besides its defaults and weight decay in both forms.
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "sgd": [{"lr": 3.0}, {"lr": 1e-9}],
    "momentum": [
        {"momentum": 0.0},
        {"momentum": 1.0},
        {"momentum": 0.5, "dampening": 0.25},
        {"momentum": 0.99, "dampening": 1.0},
        {"momentum": 0.7, "dampening": 0.9, "weight_decay": 0.1},
    ],
    "nesterov": [{"momentum": 0.0}, {"momentum": 1.0}, {"momentum": 0.3, "weight_decay": 0.1}],
    "adagrad": [
        {"eps": 0.5},
        {"initial_accumulator": 0.1},
        {"lr_decay": 0.07},
        {"lr_decay": 2.0, "initial_accumulator": 3.0, "eps": 1e-3, "weight_decay": 0.1},
    ],
    "adadelta": [{"rho": 0.0}, {"rho": 0.99, "eps": 1e-2}, {"rho": 0.5, "lr": 0.1, "eps": 1e-9}],
    "rmsprop": [
        {"rho": 0.0},
        {"rho": 0.5, "eps": 0.1},
        {"centered": True},
        {"momentum": 0.9},
        {"momentum": 0.5, "centered": True, "rho": 0.9, "eps": 1e-3},
        {"momentum": 1.0, "centered": True, "weight_decay": 0.2, "decay_biases": True},
    ],
    "adam": [*BETAS, *MASKS],
    "amsgrad": [*BETAS, *MASKS],
    "adamax": BETAS,
    "nadam": [
        *BETAS,
        *MASKS,
        {"momentum_decay": 0.0},
        {"momentum_decay": 0.5, "decoupled_decay": True, "weight_decay": 0.3},
    ],
    # ρ∞ is at most 5 for β₂ up to 2/3: never rectified.
    "radam": [
        *BETAS,
        *MASKS,
        {"decoupled_decay": True, "weight_decay": 0.3},
        {"beta2": 0.6},
        {"beta2": 0.5},
        {"beta2": 2 / 3},
        {"beta2": 0.67},
    ],
    "adamw": [
        *BETAS,
        *MASKS,
        {"weight_decay": 0.0},
        {"lr": 1.5, "weight_decay": 0.9},
        {"amsgrad": True},
        {"amsgrad": True, "mask": "cautious", "decay_biases": True},
    ],
    "lion": [
        *MASKS,
        {"beta1": 0.0, "beta2": 0.0},
        {"beta1": 0.5, "beta2": 0.5},
        {"lr": 0.1, "weight_decay": 0.1},
    ],
    "adopt": BETAS,
    "ademamix": [
        *BETAS,
        *MASKS,
        {"beta3": 0.0, "alpha": 0.0},
        {"beta3": 0.99, "alpha": 8.0, "alpha_warmup": 30, "beta3_warmup": 50},
        {"beta1": 0.0, "beta3_warmup": 20},
    ],
    "adabelief": BETAS,
    "adan": [*BETAS, {"beta3": 0.0}, {"beta1": 0.9, "beta2": 0.5, "beta3": 0.999}],
    "yogi": [*BETAS, {"initial_accumulator": 0.0}, {"initial_accumulator": 2.0}],
    "rprop": [
        {"lr": 1e-7},
        {"lr": 100.0},
        {"eta_minus": 0.1, "eta_plus": 3.0},
        {"min_step": 0.001, "max_step": 0.1, "weight_decay": 0.1},
    ],
    "signum": [{"beta": 0.0}, {"beta": 0.99, "lr": 0.1, "weight_decay": 0.1}],
    "schedule_free_sgd": [
        {"beta": 0.5, "warmup_steps": 10},
        {"beta": 0.99, "weight_power": 2.0, "rate_power": 0.0, "lr": 0.01, "weight_decay": 0.1},
    ],
    "schedule_free_adamw": [
        {"beta1": 0.98, "beta2": 0.9, "eps": 0.1, "warmup_steps": 10, "weight_decay": 0.5},
        {"weight_power": 1.5, "rate_power": 0.5, "beta2": 0.0},
    ],
}
# What goes around any rule has tests of its own.
WRAPPERS = {"sam": 0, "lookahead": 0, "lookahead_rate": 0.5, "groups": ()}
CASES = [
    pytest.param(name, options, id=f"{name}-{options}")
    for name in UPDATES
    for options in [{}, *DECAY, *OPTIONS[name]]
]

# 6 weights and 3 biases; the weights, which decay, come first in the layout.
LAYOUT = Layout([Parameter("dense1/bias", (3,)), Parameter("dense1/weights", (2, 3), decays=True)])
DECAYS = [True] * 6 + [False] * 3


def layout_with(*shapes: tuple[int, ...]) -> Layout:
    parameters = []
    for i, shape in enumerate(shapes):
        parameters.append(Parameter(f"layer{i}/array", shape, decays=len(shape) == 2))
    return Layout(parameters)


def hostile_gradients(rng: np.random.Generator, steps: int, size: int) -> np.ndarray:
    """Twenty orders of magnitude between entries and between steps, with exact zeros."""
    scale = 10.0 ** np.linspace(-12, 8, size)
    gradients = rng.standard_normal((steps, size)) * rng.permutation(scale)
    gradients *= 10.0 ** rng.uniform(-3, 3, (steps, 1))
    gradients[rng.random((steps, size)) < 0.2] = 0.0
    gradients[:, 0] = 0.0  # one parameter that never has a gradient,
    gradients[: steps // 2, 1] = 0.0  # one that gets its first one late,
    gradients[10:, 2] = 0.0  # one that gets its last one early
    return gradients


def full_settings(optimizer: Optimizer) -> dict[str, Any]:
    return dataclasses.asdict(optimizer)


def run_stack(
    optimizers: list[Optimizer],
    layout: Layout,
    start: np.ndarray,
    gradients: np.ndarray,
    factors: np.ndarray | None = None,
) -> np.ndarray:
    """Parameters after each step, (steps, runs, P), from gradients (steps, runs, P)."""
    stack = OptimizerStack(optimizers, layout, start.dtype)
    theta = start.copy()
    result = []
    for i, g in enumerate(gradients):
        stack.step(theta, g.copy(), None if factors is None else factors[i].reshape(-1, 1))
        result.append(theta.copy())
    return np.array(result)


def assert_follows(
    actual: np.ndarray, expected: np.ndarray, tolerance: float | None = None
) -> None:
    """Equal at every step, relative to the largest value that each parameter had."""
    assert np.isfinite(expected).all()
    scale = np.abs(expected).max(axis=0)
    error = np.abs(actual - expected) / np.where(scale == 0, 1.0, scale)
    limit = tolerance or TOLERANCE
    assert error.max() <= limit, f"step, entry {np.unravel_index(error.argmax(), error.shape)}"


@pytest.mark.parametrize(("name", "options"), CASES)
@pytest.mark.parametrize("scheduled", [False, True], ids=["constant", "scheduled"])
def test_follows_its_definition(name: str, options: dict[str, Any], scheduled: bool) -> None:
    rng = np.random.default_rng(len(name))
    optimizer = Optimizer.named(name, **options)
    start = rng.standard_normal(9)
    start[4] = 0.0
    gradients = hostile_gradients(rng, STEPS, 9)
    factors = rng.uniform(0, 2, STEPS) if scheduled else np.ones(STEPS)
    factors[7] = 0.0 if scheduled else 1.0
    expected = trajectory(
        name,
        full_settings(optimizer),
        start.tolist(),
        DECAYS,
        gradients.tolist(),
        factors.tolist(),
    )
    actual = run_stack(
        [optimizer], LAYOUT, start[None], gradients[:, None], factors if scheduled else None
    )
    assert_follows(actual[:, 0], np.array(expected))


@pytest.mark.parametrize("name", UPDATES)
def test_the_transcription_covers_every_option(name: str) -> None:
    tried = {key for options in [*DECAY, *OPTIONS[name]] for key in options} | {"lr", *WRAPPERS}
    fields = {f.name for f in dataclasses.fields(type(Optimizer.named(name)))}
    assert fields <= tried


def test_every_optimizer_is_transcribed() -> None:
    assert {*UPDATES, *WHOLE, "lbfgs"} == set(names(Optimizer))


# Rules of tensors, matrices and runs. Numbers of others hold them to their definitions, and a
# transcription of its own holds Shampoo (test_tensor_references.py).
WHOLE = (
    *("muon", "lamb", "lars", "prodigy", "d_adaptation", "mars", "novograd", "adafactor"),
    *("shampoo", "soap"),
)

DEFAULTS = {
    "sgd": {"lr": 0.1},
    "momentum": {"lr": 0.1, "momentum": 0.9, "dampening": 0},
    "nesterov": {"lr": 0.1, "momentum": 0.9},
    "adagrad": {"lr": 0.01, "eps": 1e-10, "initial_accumulator": 0, "lr_decay": 0},
    "adadelta": {"lr": 1, "rho": 0.9, "eps": 1e-6},
    "rmsprop": {"lr": 0.01, "rho": 0.99, "eps": 1e-8, "momentum": 0, "centered": False},
    "adam": {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "amsgrad": {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "adamax": {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "nadam": {
        "lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
        "momentum_decay": 0.004, "decoupled_decay": False,
    },
    "radam": {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "decoupled_decay": False},
    "adamw": {
        "lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
        "weight_decay": 0.01, "amsgrad": False,
    },
    "lion": {"lr": 1e-4, "beta1": 0.9, "beta2": 0.99},
    "adopt": {"lr": 0.001, "beta1": 0.9, "beta2": 0.9999, "eps": 1e-6},
    "ademamix": {
        "lr": 0.001, "beta1": 0.9, "beta2": 0.999, "beta3": 0.9999, "eps": 1e-8,
        "alpha": 2, "alpha_warmup": 0, "beta3_warmup": 0,
    },
    "adabelief": {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-16},
    "adan": {"lr": 0.001, "beta1": 0.98, "beta2": 0.92, "beta3": 0.99, "eps": 1e-8},
    "yogi": {
        "lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-3, "initial_accumulator": 1e-6,
    },
    "rprop": {"lr": 0.01, "eta_minus": 0.5, "eta_plus": 1.2, "min_step": 1e-6, "max_step": 50},
    "signum": {"lr": 0.001, "beta": 0.9},
    "schedule_free_sgd": {
        "lr": 1.0, "beta": 0.9, "warmup_steps": 0, "weight_power": 0, "rate_power": 2,
    },
    "schedule_free_adamw": {
        "lr": 0.0025, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
        "warmup_steps": 0, "weight_power": 0, "rate_power": 2,
    },
    "lbfgs": {"lr": 1.0, "history": 10, "evaluations": 25, "tolerance": 1e-9},
    "muon": {
        "lr": 0.02, "momentum": 0.95, "nesterov": True, "ns_steps": 5,
        "ns_coefficients": (3.4445, -4.775, 2.0315), "adjust_lr": "original", "matrices": "all",
        "adamw_lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
    },
    "lamb": {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-6},
    "lars": {"lr": 1, "momentum": 0.9, "trust": 0.001, "eps": 1e-8},
    "prodigy": {
        "lr": 1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "d0": 1e-6, "d_coef": 1,
        "bias_correction": False, "safeguard_warmup": False,
    },
    "d_adaptation": {
        "lr": 1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "d0": 1e-6, "bias_correction": False,
    },
    "mars": {"lr": 0.003, "beta1": 0.95, "beta2": 0.99, "eps": 1e-8, "gamma": 0.025},
    "novograd": {"lr": 0.01, "beta1": 0.95, "beta2": 0.98, "eps": 1e-8, "averaging": False},
    "adafactor": {"lr": 0.01, "decay_power": 0.8, "eps1": 1e-15, "eps2": 1e-3, "clip": 1},
    "shampoo": {"lr": 0.1, "momentum": 0.9, "eps": 1e-6, "interval": 10, "max_size": 1200},
    "soap": {
        "lr": 0.003, "beta1": 0.95, "beta2": 0.95, "shampoo_beta": 0.95, "eps": 1e-8,
        "interval": 10, "max_size": 1200,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_are_those_of_the_definition(name: str) -> None:
    expected = {"weight_decay": 0, "decay_biases": False} | WRAPPERS | DEFAULTS[name]
    if name in ("adam", "amsgrad", "nadam", "radam", "adamw", "ademamix", "lion"):
        expected["mask"] = None
    assert full_settings(Optimizer.named(name)) == expected


class TestMuon:
    SHAPES = ((3, 5), (5, 3), (4, 4), (1, 6), (6, 1))
    STEPS = 20
    OPTIONS = (
        {},
        {"momentum": 0.0},
        {"momentum": 0.5, "lr": 0.3, "weight_decay": 0.1},
        {"momentum": 1.0},
        {"weight_decay": 0.2, "decay_biases": True, "adamw_lr": 0.05},
        {"adamw_lr": 0.1, "beta1": 0.5, "beta2": 0.6, "eps": 1e-3, "weight_decay": 0.3},
        {"nesterov": False, "ns_steps": 2},
        {"ns_coefficients": (2.0, -1.5, 0.5), "adjust_lr": "match_rms_adamw"},
    )

    @pytest.mark.parametrize("scale", [1e-9, 1.0, 1e6])
    @pytest.mark.parametrize("options", OPTIONS, ids=str)
    def test_follows_its_definition(self, options: dict[str, Any], scale: float) -> None:
        rng = np.random.default_rng(5)
        layout = layout_with(*self.SHAPES, (7,))
        optimizer = nn.optimizers.Muon(**options)
        settings = full_settings(optimizer)
        start = rng.standard_normal((1, layout.size))
        gradients = scale * rng.standard_normal((self.STEPS, 1, layout.size))
        gradients[rng.random(gradients.shape) < 0.2] = 0.0
        factors = rng.uniform(0, 2, self.STEPS)
        actual = run_stack([optimizer], layout, start, gradients, factors)
        for name, shape in zip(layout.slices, [*self.SHAPES, (7,)], strict=True):
            where = layout.slices[name]
            if len(shape) == 2:
                steps = gradients[:, 0, where].reshape(self.STEPS, *shape)
                expected = muon_trajectory(
                    settings,
                    start[0, where].reshape(shape).tolist(),
                    steps.tolist(),
                    factors.tolist(),
                )
            else:  # AdamW, with a rate of its own
                expected = trajectory(
                    "adamw",
                    settings | {"lr": settings["adamw_lr"], "amsgrad": False, "mask": None},
                    start[0, where].tolist(),
                    [False] * 7,
                    gradients[:, 0, where].tolist(),
                    factors.tolist(),
                )
            wanted = np.array(expected).reshape(self.STEPS, -1)
            # Relative to the matrix: its entries are sums over rows and columns.
            error = np.abs(actual[:, 0, where] - wanted).max() / np.abs(wanted).max()
            assert error <= TOLERANCE, name

    def test_hidden_leaves_the_first_and_the_last_layer_to_adamw(self) -> None:
        shapes = {"first/weights": (3, 4), "middle/recurrent": (4, 4), "last/weights": (4, 2)}
        layout = Layout(Parameter(name, shape, decays=True) for name, shape in shapes.items())
        rng = np.random.default_rng(7)
        start = rng.standard_normal((1, layout.size))
        gradients = rng.standard_normal((9, 1, layout.size))
        settings = {"weight_decay": 0.1, "adamw_lr": 0.03}
        hidden = run_stack([nn.Muon(matrices="hidden", **settings)], layout, start, gradients)
        everything = run_stack([nn.Muon(**settings)], layout, start, gradients)
        adamw = run_stack([nn.AdamW(lr=0.03, weight_decay=0.1)], layout, start, gradients)
        middle = layout.slices["middle/recurrent"]
        np.testing.assert_array_equal(hidden[..., middle], everything[..., middle])
        for name in ("first/weights", "last/weights"):
            where = layout.slices[name]
            np.testing.assert_allclose(hidden[..., where], adamw[..., where], rtol=1e-12)

    def test_hidden_is_refused_where_a_network_has_none(self) -> None:
        layout = Layout([Parameter(f"{layer}/weights", (2, 2), decays=True) for layer in "ab"])
        with pytest.raises(ValueError, match=r"matrices=hidden .* only those of a, b; use"):
            OptimizerStack([nn.Muon(matrices="hidden")], layout, np.dtype(float))

    def test_three_coefficients(self) -> None:
        with pytest.raises(ValueError, match=r"ns_coefficients must be three numbers"):
            nn.Muon(ns_coefficients=(1.0, 2.0))

    def test_a_matrix_without_gradient_stays(self) -> None:
        layout = layout_with((3, 2), (2,))
        start = np.arange(8.0)[None]
        after = run_stack([nn.optimizers.Muon()], layout, start, np.zeros((3, 1, 8)))
        np.testing.assert_array_equal(after[-1], start)

    @pytest.mark.parametrize("shape", [(8, 8), (20, 6), (6, 20)])
    def test_orthogonalizes(self, shape: tuple[int, int]) -> None:
        # Jordan et al.: five steps bring singular values into about [0.7, 1.2]; these matrices
        # are well conditioned, so that none is too small to get there.
        rng = np.random.default_rng(3)
        u, _, vt = np.linalg.svd(rng.standard_normal(shape), full_matrices=False)
        g = (u * np.linspace(1, 3, min(shape))) @ vt
        optimizer = nn.optimizers.Muon(lr=1.0, momentum=0.0)
        after = run_stack(
            [optimizer], layout_with(shape), np.zeros((1, g.size)), g.reshape(1, 1, -1)
        )
        step = -after[0, 0].reshape(shape) / np.sqrt(max(1, shape[1] / shape[0]))
        singular = np.linalg.svd(step, compute_uv=False)
        assert singular.min() > 0.6
        assert singular.max() < 1.3
        # Its singular vectors are the gradient's: the product with UVᵀ is symmetric, positive.
        rotation = (u @ vt).T @ step
        np.testing.assert_allclose(rotation, rotation.T, atol=1e-12)


class TestByHand:
    """A few steps that fit on a line, in case test and code share a misreading."""

    @staticmethod
    def steps(optimizer: Optimizer, gradients: list[float], start: float = 1.0) -> list[float]:
        layout = Layout([Parameter("w", (1,), decays=True)])
        g = np.array(gradients, float).reshape(-1, 1, 1)
        return run_stack([optimizer], layout, np.array([[start]], float), g)[:, 0, 0].tolist()

    def test_momentum_dampens_from_the_second_step(self) -> None:
        # v = 2, then 0.5·2 + 0.75·4 = 4, then 0.5·4 + 0.75·0 = 2
        optimizer = nn.Momentum(lr=0.1, momentum=0.5, dampening=0.25)
        assert self.steps(optimizer, [2, 4, 0]) == pytest.approx([0.8, 0.4, 0.2], rel=1e-12)

    def test_nesterov_looks_ahead_at_the_first_step(self) -> None:
        # v = 2: step 2 + 0.5·2 = 3; v = 0.5·2 + 0 = 1: step 0 + 0.5·1
        optimizer = nn.Nesterov(lr=0.1, momentum=0.5)
        assert self.steps(optimizer, [2, 0]) == pytest.approx([0.7, 0.65], rel=1e-12)

    @pytest.mark.parametrize(
        "optimizer", [nn.Adam(lr=0.1), nn.AMSGrad(lr=0.1), nn.AdamW(lr=0.1, weight_decay=0)]
    )
    def test_the_first_step_of_adam_is_the_rate(self, optimizer: Optimizer) -> None:
        # m̂ = g and v̂ = g²: the step is η g/(|g| + ε).
        assert self.steps(optimizer, [-3]) == pytest.approx([1 + 0.1 * 3 / (3 + 1e-8)], rel=1e-12)

    def test_amsgrad_remembers_the_largest(self) -> None:
        # β₁ = 0, β₂ = 0.5. v: 2, then 1; the maximum stays 2; corrections ½, ¾.
        # Steps: 2/√4 = 1; 0; with g = 1: v = 1, still 2: 1/√(2/(7/8)) = √(7/16)
        optimizer = nn.AMSGrad(lr=1, beta1=0, beta2=0.5, eps=1e-300)
        expected = [0, 0, -np.sqrt(7 / 16)]
        assert self.steps(optimizer, [2, 0, 1]) == pytest.approx(expected, rel=1e-12)

    def test_lion_moves_by_the_sign_and_zero_is_no_sign(self) -> None:
        # m = 0: sign(0) = 0. g = -5: sign -; m = -0.05. g = 0: sign(0.9·-0.05) = -.
        # g = 0.45: 0.9·-0.0495 + 0.1·0.45 = +.
        optimizer = nn.Lion(lr=0.25)
        assert self.steps(optimizer, [0, -5, 0, 0.45]) == [1, 1.25, 1.5, 1.25]

    def test_decoupled_decay_takes_the_rate_after_the_schedule(self) -> None:
        layout = Layout([Parameter("w", (1,), decays=True)])
        after = run_stack(
            [nn.AdamW(lr=0.5, weight_decay=0.5)],
            layout,
            np.array([[8.0]]),
            np.zeros((1, 1, 1)),
            np.array([0.5]),
        )
        assert after.item() == 8 * (1 - 0.25 * 0.5)

    def test_coupled_decay_is_part_of_the_gradient_that_adam_scales(self) -> None:
        # g = 0, λθ = 0.5·4: Adam makes a step of η of it, whatever λ.
        optimizer = nn.Adam(lr=0.1, weight_decay=0.5)
        assert self.steps(optimizer, [0], 4) == pytest.approx([3.9], rel=1e-8)

    def test_radam_starts_unrectified(self) -> None:
        # β₂ = 0.999: ρ_t ≤ 5 up to t = 5. Until then with β₁ = 0 it is gradient descent.
        after = self.steps(nn.RAdam(lr=0.001, beta1=0), [100.0] * 6)
        assert after[:5] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5], rel=1e-12)
        assert 0.5 - after[5] < 0.001  # rectified: shorter than the rate

    def test_centered_rmsprop_survives_constant_gradients(self) -> None:
        # s - ḡ² tends to 0, and by rounding below it; never to a root of a negative number.
        optimizer = nn.RMSprop(lr=1e-3, rho=0.5, centered=True)
        layout = Layout([Parameter("w", (5,), decays=True)])
        g = np.tile(np.array([0.1, 1 / 3, 7.7, 1e-5, -1e4], np.float32), (400, 1, 1))
        after = run_stack([optimizer], layout, np.ones((1, 5), np.float32), g)
        assert np.isfinite(after).all()


@pytest.mark.parametrize("name", STEPPING)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zero_gradients_move_nothing_and_warn_of_nothing(name: str, dtype: type) -> None:
    layout = layout_with((3, 4), (4,))
    start = np.linspace(-1, 1, layout.size, dtype=dtype)[None]
    optimizer = Optimizer.named(name, weight_decay=0.0)
    with np.errstate(all="raise"):
        after = run_stack([optimizer], layout, start, np.zeros((20, 1, layout.size), dtype))
    np.testing.assert_array_equal(after[-1], start)


@pytest.mark.parametrize("name", STEPPING)
def test_single_precision_follows_double(name: str) -> None:
    rng = np.random.default_rng(1)
    layout = layout_with((3, 4), (4,))
    start = rng.standard_normal((1, layout.size)).astype(np.float32)
    g = rng.standard_normal((60, 1, layout.size)).astype(np.float32)
    optimizer = Optimizer.named(name, weight_decay=0.01)
    single = run_stack([optimizer], layout, start, g)
    double = run_stack([optimizer], layout, start.astype(np.float64), g.astype(np.float64))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=0, atol=2e-4)


def test_runs_in_a_stack_have_their_own_settings_and_schedules() -> None:
    rng = np.random.default_rng(2)
    optimizers = [
        Optimizer.named(name, weight_decay=decay, decay_biases=both, lr=lr)
        for name in UPDATES
        for decay, both, lr in [(0.0, False, 0.1), (0.2, False, 0.01), (0.1, True, 0.3)]
    ]
    optimizers = [optimizers[i] for i in rng.permutation(len(optimizers))]
    start = rng.standard_normal((len(optimizers), 9))
    gradients = rng.standard_normal((60, len(optimizers), 9))
    factors = rng.uniform(0.1, 1, (60, len(optimizers)))
    actual = run_stack(optimizers, LAYOUT, start, gradients, factors)
    for i, optimizer in enumerate(optimizers):
        expected = trajectory(
            type(optimizer).name,
            full_settings(optimizer),
            start[i].tolist(),
            DECAYS,
            gradients[:, i].tolist(),
            factors[:, i].tolist(),
        )
        assert_follows(actual[:, i], np.array(expected))
