"""Class weights: the weighted mean of PyTorch with the balanced weights of scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

import nn
from nn.losses import Loss

LABELS = np.array([0, 0, 0, 0, 0, 1, 1, 2])
ONE_HOT = np.eye(3)[LABELS]
BINARY = (LABELS > 0)[:, np.newaxis].astype(float)


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    each = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    weights = nn.CrossEntropy(class_weights="balanced").row_weights(ONE_HOT)
    assert weights[:, 0].tolist() == each[LABELS].tolist()
    each = compute_class_weight("balanced", classes=np.arange(2), y=BINARY[:, 0])
    weights = nn.BinaryCrossEntropy(class_weights="balanced").row_weights(BINARY)
    assert weights[:, 0].tolist() == each[BINARY[:, 0].astype(int)].tolist()


def test_steps_without_a_class_do_not_count() -> None:
    classes = np.array([[*LABELS[:4]], [*LABELS[4:]], [2, -1, -1, -1]])
    found = nn.CrossEntropy(class_weights="balanced").row_weights(classes)
    given = classes[classes >= 0]
    each = compute_class_weight("balanced", classes=np.arange(3), y=given)
    assert found[classes >= 0].tolist() == each[given].tolist()
    assert not found[classes < 0].any()


def test_too_few_weights_for_class_indices_are_refused() -> None:
    with pytest.raises(ValueError, match="class_weights has 2 numbers for 3 classes"):
        nn.CrossEntropy(class_weights=(1.0, 2.0)).row_weights(LABELS[np.newaxis])


def test_a_class_without_rows_does_not_count() -> None:
    wide = np.hstack([ONE_HOT, np.zeros((8, 1))])
    loss = nn.CrossEntropy(class_weights="balanced")
    assert (loss.row_weights(wide) == loss.row_weights(ONE_HOT)).all()


def test_given_weights_are_those_of_the_class() -> None:
    weights = nn.CrossEntropy(class_weights=(1, 2.5, 7)).row_weights(ONE_HOT)
    assert weights[:, 0].tolist() == np.array([1, 2.5, 7])[LABELS].tolist()
    weights = nn.BinaryCrossEntropy(class_weights=[3, 4]).row_weights(BINARY)
    assert weights[:, 0].tolist() == [3] * 5 + [4] * 3
    hash(nn.BinaryCrossEntropy(class_weights=[3, 4]))  # as stacks do
    assert nn.CrossEntropy().row_weights(ONE_HOT) is None
    assert nn.MeanSquaredError().row_weights(BINARY) is None


def test_what_cannot_be_weighed_is_refused() -> None:
    with pytest.raises(ValueError, match="2 numbers for 3 classes"):
        nn.CrossEntropy(class_weights=(1, 2)).row_weights(ONE_HOT)
    with pytest.raises(ValueError, match="one class in each row"):
        nn.BinaryCrossEntropy(class_weights="balanced").row_weights(np.ones((2, 3)))
    for wrong in ((0, 1), (-1, 1), "even", ("a", "b")):
        with pytest.raises(ValueError, match="class_weights must be"):
            nn.CrossEntropy(class_weights=wrong)
    with pytest.raises(TypeError):
        nn.MeanSquaredError(class_weights="balanced")  # type: ignore[call-arg]


def networks(loss: Loss, outputs: int, **options: Any) -> nn.Network:
    layers = nn.mlp([4], outputs, activation=nn.activations.Tanh())
    return nn.Network(layers, 3, loss=loss, seeds=[0, 1], dtype="float64", **options)


@pytest.mark.parametrize(
    ("loss", "targets", "activation"),
    [
        (nn.CrossEntropy(), ONE_HOT, None),
        (nn.CrossEntropy(label_smoothing=0.2), ONE_HOT, None),
        (nn.CrossEntropy(), ONE_HOT, nn.activations.Sigmoid()),
        (nn.KLDivergence(), ONE_HOT, None),
        (nn.BinaryCrossEntropy(), BINARY, None),
        (nn.BinaryCrossEntropy(label_smoothing=0.1), ONE_HOT, None),
        (nn.MeanSquaredError(), BINARY, None),
    ],
)
def test_gradients_are_those_of_the_weighted_mean(
    loss: Loss, targets: Any, activation: Any
) -> None:
    rng = np.random.default_rng(0)
    network = networks(loss, targets.shape[1], output_activation=activation)
    x, smoothed = rng.normal(size=(8, 3)), loss.smooth(targets)
    weights = rng.uniform(0.2, 5, size=(2, 8, 1))

    def weighted() -> Any:
        losses = network.objective.per_sample(network.forward(x[np.newaxis]), smoothed[np.newaxis])
        return (losses * weights[..., 0]).sum(axis=1) / weights.sum(axis=(1, 2))

    network.backpropagate(x, smoothed, weights)
    found = network.gradients.copy()
    for place in range(network.layout.size):
        before = network.parameters[:, place].copy()
        network.parameters[:, place] = before + 1e-5
        above = weighted()
        network.parameters[:, place] = before - 1e-5
        slope = (above - weighted()) / 2e-5
        network.parameters[:, place] = before
        np.testing.assert_allclose(found[:, place], slope, rtol=1e-5, atol=1e-8)


def test_equal_weights_change_nothing_but_rounding() -> None:
    network = networks(nn.CrossEntropy(), 3)
    x = np.random.default_rng(0).normal(size=(8, 3))
    network.backpropagate(x, ONE_HOT)
    plain = network.gradients.copy()
    network.backpropagate(x, ONE_HOT, np.full((8, 1), 0.7))
    np.testing.assert_allclose(network.gradients, plain, rtol=1e-12)


def test_replayed_steps_weigh_by_what_the_arrays_hold_then() -> None:
    rng = np.random.default_rng(0)
    network, other = networks(nn.CrossEntropy(), 3), networks(nn.CrossEntropy(), 3)
    x, y, w = (np.empty((2, 8, n)) for n in (3, 3, 1))
    for _ in range(6):
        x[...], y[...], w[...] = rng.normal(size=x.shape), ONE_HOT, rng.uniform(1, 9, size=w.shape)
        network.backpropagate(x, y, w)
        other.backpropagate(x.copy(), y.copy(), w.copy())
        assert network.gradients.tobytes() == other.gradients.tobytes()


def test_weights_of_another_shape_are_refused() -> None:
    network = networks(nn.CrossEntropy(), 3)
    with pytest.raises(ValueError, match="weights have shape"):
        network.backpropagate(np.zeros((8, 3)), ONE_HOT, np.ones(8))


def test_fit_weighs_by_class_and_the_loss_does_not() -> None:
    x = np.random.default_rng(0).normal(size=(8, 3))
    weighed = networks(nn.CrossEntropy(class_weights=(1, 2, 3)), 3)
    plain = networks(nn.CrossEntropy(), 3)
    assert (weighed.loss(x, ONE_HOT) == plain.loss(x, ONE_HOT)).all()
    by_hand = networks(nn.CrossEntropy(), 3)
    nn.fit(weighed, nn.SGD(lr=0.1), x, ONE_HOT, epochs=1)
    by_hand.backpropagate(x, ONE_HOT, np.array([1.0, 2, 3])[LABELS][:, np.newaxis])
    expected = by_hand.parameters - 0.1 * by_hand.gradients
    np.testing.assert_allclose(weighed.parameters, expected, rtol=1e-12)
