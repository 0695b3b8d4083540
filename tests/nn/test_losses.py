"""Losses against SciPy and plain arithmetic, from every output activation they may meet."""

import math

import numpy as np
import pytest
from scipy import special

from nn import activations, losses
from nn.activations import Activation
from nn.gradient_check import STEP, rounding_noise
from nn.losses import Loss
from nn.objective import Objective
from tests.nn.own import names

precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])
OUTPUTS = [Activation.named(name) for name in Activation.names()]
PROBABILITIES = [activations.Sigmoid(), activations.Softmax()]

MSE, MAE, HUBER = losses.MeanSquaredError, losses.MeanAbsoluteError, losses.Huber
BCE, CE, KL = losses.BinaryCrossEntropy, losses.CrossEntropy, losses.KLDivergence


# One sample's loss from outputs and targets, lists of floats, as the definitions say it.
def plain_mse(scale, reduce):
    return lambda p, y: reduce([scale * (a - b) ** 2 for a, b in zip(p, y, strict=True)])


def plain_mae(reduce):
    return lambda p, y: reduce([abs(a - b) for a, b in zip(p, y, strict=True)])


def plain_huber(delta, reduce):
    return lambda p, y: reduce([float(special.huber(delta, a - b)) for a, b in zip(p, y)])  # noqa: B905


def plain_bce(reduce):
    def one(p, y):
        return -(special.xlogy(y, p) + special.xlog1py(1 - y, -p))

    return lambda p, y: reduce([float(one(a, b)) for a, b in zip(p, y, strict=True)])


def plain_ce(p, y):
    return -math.fsum(float(special.xlogy(b, a)) for a, b in zip(p, y, strict=True))


def plain_kl(p, y):
    return math.fsum(float(special.rel_entr(b, a)) for a, b in zip(p, y, strict=True))


def mean(values):
    return math.fsum(values) / len(values)


LOSSES = [
    (MSE(), plain_mse(1, mean)),
    (MSE(scale=0.5, reduction="sum"), plain_mse(0.5, math.fsum)),
    (MSE(scale=3, reduction="mean"), plain_mse(3, mean)),
    (MAE(), plain_mae(mean)),
    (MAE(reduction="sum"), plain_mae(math.fsum)),
    (HUBER(), plain_huber(1, mean)),
    (HUBER(delta=0.3, reduction="sum"), plain_huber(0.3, math.fsum)),
    (BCE(), plain_bce(mean)),
    (BCE(reduction="sum"), plain_bce(math.fsum)),
    (losses.Value(), lambda p, y: math.fsum(p)),
    (CE(), plain_ce),
    (KL(), plain_kl),
]
PAIRS = [
    pytest.param(loss, plain, output, id=f"{loss!r}-{output.name}")
    for loss, plain in LOSSES
    for output in (PROBABILITIES if loss.over_probabilities else OUTPUTS)
]


def targets_for(
    loss: Loss, output: Activation, shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    """Real numbers, zeros and ones and what is between, or distributions with zeros in them."""
    if isinstance(loss, BCE) and isinstance(output, activations.Softmax) and shape[-1] == 1:
        return np.ones(shape)  # a softmax of one output is 1: any other target costs infinity
    if isinstance(loss, CE):
        y = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
        y[..., :1, :] = np.eye(shape[-1])[0]  # one-hot
        if shape[-2] > 1:
            y[..., 1, :] = 1 / shape[-1]
        return y
    if isinstance(loss, BCE):
        return rng.choice([0.0, 1.0, 0.3], shape)
    return rng.normal(0, 2, shape)


def value(loss: Loss, output: Activation, logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    return Objective(loss, output).per_sample(logits, y)


def gradient(loss: Loss, output: Activation, logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    objective = Objective(loss, output)
    out = np.full_like(logits, np.nan)
    work = np.full((1 + output.scratch, *logits.shape), np.nan, logits.dtype)
    before = logits.copy(), y.copy()
    objective.gradient(logits, y, out, work)
    np.testing.assert_array_equal(before[0], logits)
    np.testing.assert_array_equal(before[1], y)
    return out


def test_every_loss_is_tried() -> None:
    assert {loss.name for loss, _ in LOSSES} == set(names(Loss))


@pytest.mark.parametrize(("loss", "plain", "output"), PAIRS)
@pytest.mark.parametrize("shape", [(2, 6, 3), (1, 4, 1), (3, 1, 2)], ids=str)
def test_values(loss, plain, output, shape) -> None:
    rng = np.random.default_rng(4)
    logits, y = rng.normal(0, 3, shape), targets_for(loss, output, shape, rng)
    p = output(logits)
    expected = [
        [plain(p[r, b].tolist(), y[r, b].tolist()) for b in range(shape[1])]
        for r in range(shape[0])
    ]
    actual = value(loss, output, logits, y)
    assert actual.shape == shape[:2]
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-12)
    single = value(loss, output, logits.astype(np.float32), y.astype(np.float32))
    np.testing.assert_allclose(single, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("loss", "plain", "output"), PAIRS)
@pytest.mark.parametrize("shape", [(2, 5, 3), (1, 4, 1), (2, 1, 2)], ids=str)
def test_gradients_are_central_differences(loss, plain, output, shape) -> None:
    rng = np.random.default_rng(9)
    logits, y = rng.normal(0, 2, shape), targets_for(loss, output, shape, rng)
    expected, size = np.empty(shape), 0.0
    for r, b, k in np.ndindex(shape):
        ends = []
        for sign in (1, -1):
            moved = logits[r, b].copy()
            moved[k] += sign * STEP
            ends.append(plain(output(moved[None])[0].tolist(), y[r, b].tolist()))
        expected[r, b, k] = (ends[0] - ends[1]) / (2 * STEP) / shape[1]  # of the batch's mean
        size = max(size, *ends)
    actual = gradient(loss, output, logits, y)
    error = np.linalg.norm(actual - expected)
    noise = rounding_noise(size) / shape[1] * np.sqrt(expected.size)
    assert error <= 1e-7 * (np.linalg.norm(actual) + np.linalg.norm(expected)) + noise
    single = gradient(loss, output, logits.astype(np.float32), y.astype(np.float32))
    np.testing.assert_allclose(single, actual, rtol=1e-4, atol=1e-5)


class TestFromLogits:
    """Canonical pairs: exact for logits at which probabilities round to 0 and 1."""

    Z = np.array([[-1e4], [-800], [-100], [-40], [-1], [0], [1e-3], [40], [100], [800], [1e4]])

    @precisions
    @pytest.mark.parametrize("y", [0.0, 1.0, 0.25])
    def test_binary(self, dtype: type, y: float) -> None:
        expected = -(y * special.log_expit(self.Z) + (1 - y) * special.log_expit(-self.Z))
        logits, targets = self.Z[None].astype(dtype), np.full((1, *self.Z.shape), y, dtype)
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            actual = value(BCE(), activations.Sigmoid(), logits, targets)
            slope = gradient(BCE(), activations.Sigmoid(), logits, targets)
        np.testing.assert_allclose(
            actual[0], expected[:, 0], rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-37
        )
        wanted = (special.expit(self.Z) - y) / len(self.Z)
        np.testing.assert_allclose(slope[0], wanted, rtol=1e-4, atol=1e-7)

    @precisions
    @pytest.mark.parametrize("loss", [CE(), KL()], ids=repr)
    def test_classes(self, dtype: type, loss: Loss) -> None:
        logits = np.array([[[1e4, -1e4, 0], [1e4, -1e4, 0], [5e3, 1e4, 1e4], [-1e4] * 3]], dtype)
        y = np.array([[[1, 0, 0], [0, 1, 0], [0, 0.5, 0.5], [1, 0, 0]]], dtype)
        expected = np.array([0, 2e4, math.log(2), math.log(3)])
        if isinstance(loss, KL):
            expected -= [0, 0, math.log(2), 0]
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            actual = value(loss, activations.Softmax(), logits, y)
            slope = gradient(loss, activations.Softmax(), logits, y)
        np.testing.assert_allclose(actual[0], expected, rtol=1e-5, atol=1e-6)
        p = np.array([[1, 0, 0], [1, 0, 0], [0, 0.5, 0.5], [1 / 3] * 3])
        np.testing.assert_allclose(slope[0], (p - y[0]) / 4, rtol=1e-5, atol=1e-6)

    @precisions
    @pytest.mark.parametrize("loss", [BCE(), CE(), KL()], ids=repr)
    @pytest.mark.parametrize("output", PROBABILITIES, ids=repr)
    @pytest.mark.parametrize("extreme", [1e4, 800.0, 200.0, 100.0, 90.0, 20.0])
    def test_finite_with_either_output(self, dtype, loss, output, extreme) -> None:
        logits = extreme * np.array(
            [[[1, -1, -1], [-1, 1, -1], [-1, -1, -1], [1, 1, 1], [0, 1, -1]]], dtype
        )
        for y in [*np.eye(3).tolist(), [0, 0.5, 0.5]]:
            targets = np.broadcast_to(np.array(y, dtype), logits.shape)
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                actual = value(loss, output, logits, targets)
                slope = gradient(loss, output, logits, targets)
            assert np.isfinite(actual).all()
            assert np.isfinite(slope).all()
            if isinstance(output, activations.Softmax) or isinstance(loss, BCE):
                assert (actual >= -1e-5).all()
            # No pair has a slope beyond the number of outputs, however extreme the logits.
            assert np.abs(slope).max() * slope.shape[1] <= 3.001

    def test_softmax_shares_the_digits_of_unlikely_classes(self) -> None:
        logits = np.array([[[0.0, -50.0, 3.0]]])
        y = np.array([[[0.0, 1.0, 0.0]]])
        expected = -special.log_softmax(logits[0, 0])[1]
        actual = value(CE(), activations.Softmax(), logits, y)
        assert actual.item() == pytest.approx(expected, rel=1e-12)


class TestByHand:
    def test_mean_squared_error_has_no_half(self) -> None:
        # errors 1, -2: (1 + 4)/2; Nielsen: ½(1 + 4)
        y, p = np.array([[[0.0, 0.0]]]), np.array([[[1.0, -2.0]]])
        assert value(MSE(), activations.Identity(), p, y).item() == 2.5
        nielsen = MSE(scale=0.5, reduction="sum")
        assert value(nielsen, activations.Identity(), p, y).item() == 2.5
        np.testing.assert_array_equal(gradient(MSE(), activations.Identity(), p, y), [[[1, -2]]])
        np.testing.assert_array_equal(gradient(nielsen, activations.Identity(), p, y), [[[1, -2]]])

    def test_nielsens_sigmoid_with_squared_error(self) -> None:
        # z = 0: a = ½; error ½ - 1; ½·¼ = 0.125; gradient (a - y)·a(1 - a) = -0.125
        z, y = np.zeros((1, 1, 1)), np.ones((1, 1, 1))
        loss = MSE(scale=0.5, reduction="sum")
        assert value(loss, activations.Sigmoid(), z, y).item() == 0.125
        assert gradient(loss, activations.Sigmoid(), z, y).item() == -0.125

    def test_huber_joins_its_branches(self) -> None:
        # δ = 2: ½·1; ½·4 = 2 at the seam; 2(5 - 1) = 8
        y, p = np.zeros((1, 4, 1)), np.array([[[1.0], [2.0], [5.0], [-5.0]]])
        loss = HUBER(delta=2)
        np.testing.assert_array_equal(value(loss, activations.Identity(), p, y), [[0.5, 2, 8, 8]])
        np.testing.assert_array_equal(
            4 * gradient(loss, activations.Identity(), p, y)[0, :, 0], [1, 2, 2, -2]
        )

    def test_absolute_error_has_slope_0_at_0(self) -> None:
        y = np.ones((1, 3, 1))
        p = np.array([[[1.0], [1.5], [0.0]]])
        np.testing.assert_array_equal(
            3 * gradient(MAE(), activations.Identity(), p, y)[0, :, 0], [0, 1, -1]
        )

    def test_divergence_of_a_distribution_from_itself_is_0(self) -> None:
        logits = np.random.default_rng(0).normal(0, 3, (2, 5, 4))
        y = special.softmax(logits, axis=-1)
        np.testing.assert_allclose(value(KL(), activations.Softmax(), logits, y), 0, atol=1e-12)

    def test_divergence_is_cross_entropy_less_entropy(self) -> None:
        # y = (¾, ¼, 0) and ŷ = ⅓ each: log 3 - H(y)
        y = np.array([[[0.75, 0.25, 0.0]]])
        expected = math.log(3) + 0.75 * math.log(0.75) + 0.25 * math.log(0.25)
        actual = value(KL(), activations.Softmax(), np.zeros((1, 1, 3)), y)
        assert actual.item() == pytest.approx(expected, rel=1e-12)


class TestLabelSmoothing:
    def test_classes(self) -> None:
        y = np.eye(4)[[2, 0]]
        for loss in (CE(label_smoothing=0.2), KL(label_smoothing=0.2)):
            np.testing.assert_allclose(
                loss.smooth(y), [[0.05, 0.05, 0.85, 0.05], [0.85, 0.05, 0.05, 0.05]], rtol=1e-12
            )
        np.testing.assert_array_equal(y, np.eye(4)[[2, 0]])

    def test_class_indices_are_smoothed_as_distributions_only(self) -> None:
        classes = np.array([[0, 3], [2, -1]])
        for loss in (CE(label_smoothing=0.2), KL(label_smoothing=0.2)):
            np.testing.assert_array_equal(loss.smooth(classes), classes)

    def test_binary(self) -> None:
        y = np.array([[0.0], [1.0]])
        np.testing.assert_allclose(BCE(label_smoothing=0.2).smooth(y), [[0.1], [0.9]], rtol=1e-12)

    @pytest.mark.parametrize("loss", [CE(), KL(), BCE(), MSE(), MAE(), HUBER()], ids=repr)
    def test_none_by_default(self, loss: Loss) -> None:
        y = np.eye(3, dtype=np.float32)
        np.testing.assert_array_equal(loss.smooth(y), y)
        assert loss.smooth(y).dtype == np.float32

    def test_stays_in_single_precision(self) -> None:
        y = np.eye(3, dtype=np.float32)
        assert CE(label_smoothing=0.1).smooth(y).dtype == np.float32
        assert BCE(label_smoothing=0.1).smooth(y).dtype == np.float32


class TestObjective:
    @pytest.mark.parametrize("loss", [BCE(), CE(), KL()], ids=repr)
    @pytest.mark.parametrize(
        "output", [o for o in OUTPUTS if o.name not in ("sigmoid", "softmax")], ids=repr
    )
    def test_refuses_outputs_that_are_no_probabilities(self, loss, output) -> None:
        with pytest.raises(ValueError, match="probabilities"):
            Objective(loss, output)

    @pytest.mark.parametrize(
        ("loss", "output"),
        [
            (MSE(), "identity"),
            (MAE(), "identity"),
            (HUBER(), "identity"),
            (BCE(), "sigmoid"),
            (CE(), "softmax"),
            (KL(), "softmax"),
        ],
        ids=repr,
    )
    def test_output_activation_by_default(self, loss: Loss, output: str) -> None:
        assert Objective(loss).activation.name == output

    def test_outputs(self) -> None:
        z = np.random.default_rng(0).normal(0, 3, (2, 4, 3))
        np.testing.assert_allclose(Objective(CE()).outputs(z), special.softmax(z, axis=-1))
        np.testing.assert_allclose(Objective(BCE()).outputs(z), special.expit(z))


class TestChecksOfTargets:
    """Where data enter, no loss takes targets that it cannot have."""

    @pytest.mark.parametrize("loss", [loss for loss, _ in LOSSES], ids=repr)
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_every_loss_needs_finite_targets(self, loss: Loss, bad: float) -> None:
        with pytest.raises(ValueError, match=f"{loss.label} needs targets that are finite"):
            loss.check(np.array([[0.0, 1.0], [bad, 0.0]]))

    @pytest.mark.parametrize(
        "bad", [np.array([["a"]]), np.array([[1j]]), np.array([["2026"]], "M8")]
    )
    def test_targets_are_real_numbers(self, bad: np.ndarray) -> None:
        for loss, _ in LOSSES:
            with pytest.raises(ValueError, match="needs targets that are real numbers"):
                loss.check(bad)

    @pytest.mark.parametrize("loss", [BCE(), CE(), KL()], ids=repr)
    @pytest.mark.parametrize(
        ("targets", "low", "high"), [([[-1, 1], [1, -1]], -1, 1), ([[0, 255], [255, 0]], 0, 255)]
    )
    def test_probabilities_lie_between_0_and_1(self, loss, targets, low, high) -> None:
        with pytest.raises(ValueError, match=rf"in \[0, 1\], but they range from {low} to {high}"):
            loss.check(np.array(targets))

    @pytest.mark.parametrize("loss", [CE(), KL()], ids=repr)
    @pytest.mark.parametrize(("row", "total"), [([0, 0], 0), ([1, 1], 2), ([0.5, 0.4], 0.9)])
    def test_classes_are_a_distribution(self, loss, row, total) -> None:
        with pytest.raises(ValueError, match=f"sum to 1 in each row, .* a row sums to {total}"):
            loss.check(np.array([[1, 0], row]))

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_soft_labels_are_legal(self, dtype: type) -> None:
        rng = np.random.default_rng(0)
        for classes in (1, 2, 10, 1000):
            CE().check(rng.dirichlet(np.ones(classes), (3, 5)).astype(dtype))
        BCE().check(rng.random((3, 5)).astype(dtype))
        BCE(label_smoothing=0.1).check(BCE(label_smoothing=0.1).smooth(np.eye(3)))

    def test_numbers_may_be_any_and_empty_arrays_too(self) -> None:
        MSE().check(np.array([[-1e30, 1e30]]))
        CE().check(np.empty((0, 3)))

    def test_calls_check_and_compute(self) -> None:
        p, y = np.array([[0.25, 0.75]]), np.array([[0.0, 1.0]])
        for loss in (BCE(), CE(), MSE()):
            np.testing.assert_array_equal(loss(p, y), loss.value(p, y))
            objective = Objective(loss)
            np.testing.assert_array_equal(objective(p, y), objective.per_sample(p, y))
        for computes in (BCE(), Objective(BCE())):
            with pytest.raises(ValueError, match="range from 0 to 255"):
                computes(p, 255 * y)

    @pytest.mark.parametrize("shape", [(6,), (6, 1), (1, 6), (1, 2)])
    @pytest.mark.parametrize(
        "computes", [MSE(), BCE(), Objective(MSE())], ids=["mse", "bce", "objective"]
    )
    def test_calls_do_not_broadcast(self, computes, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="but both must end with the same"):
            computes(np.full((6, 2), 0.5), np.zeros(shape))
