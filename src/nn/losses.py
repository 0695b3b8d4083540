"""Losses: the mean over the batch of a per-sample loss.

With its canonical output activation, a loss over probabilities is computed from the logits: it
stays finite for all finite logits, and its gradient is ŷ - y. All other pairs of loss and
activation use the chain rule (:class:`~nn.objective.Objective`).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from .activations import row_maximum, row_sum
from .component import Component, Positive, Probability
from .typing import Array, Float64Array, Indices

Reduction = Literal["mean", "sum"]
TargetForm = Literal["values", "labels", "classes", "none"]
ClassWeights = Literal["balanced"] | tuple[Positive, ...] | None

_SUM_TOLERANCE = 1e-3
"""Largest deviation from 1 of a distribution's sum: probabilities in float16 round to less."""


@dataclass(frozen=True)
class Loss(Component):
    """Base of the losses: a per-sample loss and its derivative.

    Attributes
    ----------
    canonical : str
        Name of the default output activation.
    target_form : {"values", "labels", "classes", "none"}
        Contents of a row of targets: arbitrary numbers; a label, 0 or 1, for each output, so that
        two classes need one output; a distribution over exclusive classes, with one output for
        each; or nothing that matters. Labels and classes need outputs that are probabilities.
    """

    canonical: ClassVar[str] = "identity"
    target_form: ClassVar[TargetForm] = "values"

    @property
    def over_probabilities(self) -> bool:
        """Whether outputs must be probabilities."""
        return self.target_form in ("labels", "classes")

    def __call__(self, outputs: Array, targets: Array) -> Array:
        """Check the targets and compute the loss of each sample; see :meth:`value`.

        Raises
        ------
        ValueError
            If the loss cannot have such targets (see :meth:`check`), or their rows and columns are
            not those of the outputs.
        """
        self.check_against(outputs, targets)
        return self.value(outputs, targets)

    def check_against(self, outputs: Array, targets: Array) -> None:
        """Check that targets are possible for this loss and these outputs; see :meth:`__call__`."""
        if is_classes(outputs, targets):
            self.check_classes(np.asarray(targets, np.intp), np.shape(outputs)[-1])
        else:
            check_shapes(outputs, targets)
            self.check(targets)

    def check_classes(self, classes: Indices, outputs: int, *, may_lack: bool = False) -> None:
        """Check that targets may be class indices, and that these are from 0 to outputs - 1.

        If some may lack, -1 stands for them.

        Raises
        ------
        ValueError
            If they are not.
        """
        if self.target_form != "classes":
            raise ValueError(
                f"{self.label} takes targets of the shape of the outputs, and not class indices"
            )
        if classes.size and not -may_lack <= classes.min() <= classes.max() < outputs:
            raise ValueError(
                f"class indices must lie between 0 and {outputs - 1}, but range from "
                f"{classes.min()} to {classes.max()}"
            )

    def check(self, targets: Array) -> None:
        """Check that targets are possible for this loss, where data enter and not in each step.

        Parameters
        ----------
        targets : ndarray of shape (..., outputs)
            Encoded targets.

        Raises
        ------
        ValueError
            If targets are not real numbers or not finite, if a label or the probability of a class
            lies outside [0, 1], or if the probabilities of a row of classes do not sum to 1.
        """
        targets = np.asarray(targets)
        if targets.dtype.kind not in "biuf":
            raise ValueError(
                f"{self.label} needs targets that are real numbers, but they are {targets.dtype}"
            )
        if targets.size == 0:
            return
        low, high = targets.min(), targets.max()  # NaN if any target is
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError(
                f"{self.label} needs targets that are finite, but one is infinite or NaN"
            )
        if self.over_probabilities and not 0 <= low <= high <= 1:
            raise ValueError(
                f"{self.label} needs targets in [0, 1], but they range from {low:g} to {high:g}; "
                "encode them as zeros and ones, or as probabilities"
            )
        if self.target_form == "classes":
            sums = targets.sum(axis=-1, dtype=np.float64)
            wrong = np.abs(sums - 1) > _SUM_TOLERANCE
            if wrong.any():
                raise ValueError(
                    f"{self.label} needs targets that sum to 1 in each row, one-hot or "
                    f"probabilities, but a row sums to {sums[wrong][0]:g}"
                )

    @abstractmethod
    def value(self, outputs: Array, targets: Array) -> Array:
        """Compute the loss of each sample, without checking the targets.

        Parameters
        ----------
        outputs, targets : ndarray of shape (..., batch, outputs)
            Activated outputs ŷ of the network, and targets y. A loss over exclusive classes also
            takes class indices, whole numbers of shape (..., batch).

        Returns
        -------
        ndarray of shape (..., batch)
        """

    @abstractmethod
    def gradient(self, outputs: Array, targets: Array, out: Array) -> None:
        """Write the derivative of each sample's loss with respect to `outputs` into `out`."""

    def value_from_logits(self, logits: Array, targets: Array) -> Array | None:
        """Compute the loss of each sample under the canonical activation, or return None.

        Overridden where this is more stable than :meth:`value` of the activated outputs.
        """
        return None

    def fused_factor(self, outputs: int) -> float | None:
        """Return the factor c of the canonical pair's gradient c·(ŷ - y), if it has that form."""
        return None

    def row_weights(self, targets: Array) -> Array | None:
        """Return the weights with which rows train; None if all weigh the same.

        A batch trains on the weighted mean of its losses, Σ wᵢ Lᵢ / Σ wᵢ. Evaluation does not
        weigh.

        Parameters
        ----------
        targets : ndarray of shape (n, outputs)
            The encoded targets of the whole training part, without smoothing.

        Returns
        -------
        ndarray of shape (n, 1), or that of class indices for each step, or None
        """
        return None

    def distributions(self, classes: Indices, out: Array) -> None:
        """Write the distributions to train on, with label smoothing if there is any, into `out`.

        Parameters
        ----------
        classes : ndarray of int, shape (..., batch)
            Class indices.
        out : ndarray of shape (..., batch, outputs)
            The array that receives the distributions.
        """
        np.equal(classes[..., np.newaxis], np.arange(out.shape[-1]), out=out)

    def smooth(self, targets: Array) -> Array:
        """Return the targets to train on, (n, outputs), with label smoothing if there is any.

        Class indices stay as they are, since :meth:`distributions` smooths them. A row of the
        result depends on the same row of `targets` alone, since different runs may train on
        different ones of these rows.
        """
        return targets


def _weights_of_classes(weights: ClassWeights, targets: Array) -> Float64Array | None:
    """Return the weight of the class of each row; see :meth:`Loss.row_weights`."""
    if weights is None:
        return None
    if targets.dtype.kind == "i":  # class indices
        classes = np.asarray(targets, np.intp)
        given = classes >= 0  # -1 is no class
        each = _each_class(weights, np.bincount(classes[given]))
        if classes.max(initial=-1) >= len(each):
            raise ValueError(
                f"class_weights has {len(each)} numbers for {classes.max() + 1} classes"
            )
        return np.where(given, each[classes], 0)
    shares = np.asarray(targets, np.float64)
    if shares.shape[1] == 1:  # of the second of two classes
        shares = np.concatenate([1 - shares, shares], axis=1)
    counts = shares.sum(axis=0)
    if (np.abs(shares.sum(axis=1) - 1) > _SUM_TOLERANCE).any():
        raise ValueError("class_weights needs one class in each row, but a row has several or none")
    if weights != "balanced" and len(weights) != len(counts):
        raise ValueError(f"class_weights has {len(weights)} numbers for {len(counts)} classes")
    weighed: Float64Array = (shares * _each_class(weights, counts)).sum(axis=1, keepdims=True)
    return weighed


def _each_class(
    weights: Literal["balanced"] | tuple[float, ...], counts: Array | Indices
) -> Float64Array:
    """Return the weight of each class, of which there are so many rows."""
    if weights != "balanced":
        return np.array(weights, np.float64)
    occurs, total = counts > 0, counts.sum()
    return np.where(occurs, total / (occurs.sum() * np.where(occurs, counts, 1)), 0)


def check_shapes(outputs: Array, targets: Array) -> None:
    """Raise a ValueError for targets that NumPy would broadcast over the rows or the outputs."""
    if np.shape(outputs)[-2:] != np.shape(targets)[-2:]:
        raise ValueError(
            f"outputs have shape {np.shape(outputs)} and targets {np.shape(targets)}, but both "
            "must end with the same (batch, outputs)"
        )


def _per_sample(losses: Array, reduction: Reduction) -> Array:
    total = row_sum(losses)[..., 0]
    return total / losses.shape[-1] if reduction == "mean" else total


def _share(outputs: int, reduction: Reduction) -> float:
    return 1 / outputs if reduction == "mean" else 1.0


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """L = scale · (ŷ - y)², averaged (or summed) over the outputs.

    Parameters
    ----------
    scale : float, default 1.0
        Factor of the loss. With 0.5 and ``reduction="sum"`` it is the quadratic cost of Nielsen's
        book (2015, chapter 1).
    reduction : {"mean", "sum"}, default "mean"
        Combination of the losses of several outputs.
    """

    name: ClassVar[str] = "mse"
    scale: Positive = 1.0
    reduction: Reduction = "mean"

    def value(self, outputs: Array, targets: Array) -> Array:
        difference = outputs - targets
        difference *= difference
        return _per_sample(difference, self.reduction) * self.scale

    def gradient(self, outputs: Array, targets: Array, out: Array) -> None:
        np.subtract(outputs, targets, out=out)
        out *= 2 * self.scale * _share(outputs.shape[-1], self.reduction)


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """L = abs(ŷ - y), averaged (or summed) over the outputs; derivative 0 at 0.

    Parameters
    ----------
    reduction : {"mean", "sum"}, default "mean"
        Combination of the losses of several outputs.
    """

    name: ClassVar[str] = "mae"
    reduction: Reduction = "mean"

    def value(self, outputs: Array, targets: Array) -> Array:
        return _per_sample(np.abs(outputs - targets), self.reduction)

    def gradient(self, outputs: Array, targets: Array, out: Array) -> None:
        np.subtract(outputs, targets, out=out)
        np.sign(out, out=out)
        out *= _share(outputs.shape[-1], self.reduction)


@dataclass(frozen=True)
class Huber(Loss):
    """L = ½e² for abs(e) ≤ δ, δ(abs(e) - δ/2) beyond, with e = ŷ - y (Huber 1964).

    Parameters
    ----------
    delta : float, default 1.0
        Error at which the square turns into a line, in units of the target.
    reduction : {"mean", "sum"}, default "mean"
        Combination of the losses of several outputs.
    """

    name: ClassVar[str] = "huber"
    delta: Positive = 1.0
    reduction: Reduction = "mean"

    def value(self, outputs: Array, targets: Array) -> Array:
        error = np.abs(outputs - targets)
        near = np.minimum(error, self.delta)  # ½near² + δ(error - near) is both branches
        error -= near
        error *= self.delta
        near *= near
        near *= 0.5
        return _per_sample(near + error, self.reduction)

    def gradient(self, outputs: Array, targets: Array, out: Array) -> None:
        np.subtract(outputs, targets, out=out)
        np.clip(out, -self.delta, self.delta, out=out)
        out *= _share(outputs.shape[-1], self.reduction)


@dataclass(frozen=True)
class Value(Loss):
    """L = Σ ŷ over the outputs, whatever the target: for outputs that are what to minimize."""

    name: ClassVar[str] = "value"
    target_form: ClassVar[TargetForm] = "none"

    def value(self, outputs: Array, targets: Array) -> Array:
        return row_sum(outputs)[..., 0]

    def gradient(self, outputs: Array, targets: Array, out: Array) -> None:
        out[...] = 1


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """L = -[y log ŷ + (1 - y) log(1 - ŷ)], averaged (or summed) over the outputs.

    Parameters
    ----------
    label_smoothing : float, default 0.0
        α in [0, 1): training targets become (1 - α)y + α/2 (Szegedy et al. 2016, section 7).
    reduction : {"mean", "sum"}, default "mean"
        Combination of the losses of several outputs.
    class_weights : "balanced" or sequence of float, optional
        See :class:`CrossEntropy`; for rows of one class, and not of several labels.
    """

    name: ClassVar[str] = "binary_cross_entropy"
    canonical: ClassVar[str] = "sigmoid"
    target_form: ClassVar[TargetForm] = "labels"
    label_smoothing: Probability = 0.0
    reduction: Reduction = "mean"
    class_weights: ClassWeights = None

    def value(self, outputs: Array, targets: Array) -> Array:
        least, resolution = _floors(outputs)
        loss = targets * np.log(np.maximum(outputs, least))
        loss += (1 - targets) * np.log(np.maximum(1 - outputs, resolution))
        return -_per_sample(loss, self.reduction)

    def gradient(self, outputs: Array, targets: Array, out: Array) -> None:
        least, resolution = _floors(outputs)
        np.divide(1 - targets, np.maximum(1 - outputs, resolution), out=out)
        out -= targets / np.maximum(outputs, least)
        out *= _share(outputs.shape[-1], self.reduction)

    def value_from_logits(self, logits: Array, targets: Array) -> Array:
        # -log ŷ = softplus(-z) and -log(1-ŷ) = softplus(z) = z + softplus(-z)
        # sum to log(1 + e^-|z|) + ([z > 0] - y)·z. In this order, the loss of a confident and
        # correct output keeps its digits, where softplus(z) - y·z would round to 0.
        loss, work = np.abs(logits), np.empty_like(logits)
        np.negative(loss, out=loss)
        np.exp(loss, out=loss)
        np.log1p(loss, out=loss)
        np.greater(logits, 0, out=work)
        work -= targets
        work *= logits
        loss += work
        return _per_sample(loss, self.reduction)

    def fused_factor(self, outputs: int) -> float:
        return _share(outputs, self.reduction)

    def row_weights(self, targets: Array) -> Array | None:
        return _weights_of_classes(self.class_weights, targets)

    def smooth(self, targets: Array) -> Array:
        if self.label_smoothing == 0:
            return targets
        return targets * (1 - self.label_smoothing) + self.label_smoothing / 2


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """L = -Σₖ yₖ log ŷₖ over the classes.

    Parameters
    ----------
    label_smoothing : float, default 0.0
        α in [0, 1): training targets become (1 - α)y + α/K (Szegedy et al. 2016, section 7).
    class_weights : "balanced" or sequence of float, optional
        The weight of each class in training, in the order of the classes: a batch trains on
        Σ wᵢ Lᵢ / Σ wᵢ with the weight wᵢ of the class of row i. "balanced" is n / (K nₖ) for a
        class with nₖ of the n training rows, if K classes occur. Evaluation does not weigh.
    """

    name: ClassVar[str] = "cross_entropy"
    canonical: ClassVar[str] = "softmax"
    target_form: ClassVar[TargetForm] = "classes"
    label_smoothing: Probability = 0.0
    class_weights: ClassWeights = None

    def value(self, outputs: Array, targets: Array) -> Array:
        return _surprise(np.log(np.maximum(outputs, np.finfo(outputs.dtype).tiny)), targets)

    def gradient(self, outputs: Array, targets: Array, out: Array) -> None:
        np.divide(targets, np.maximum(outputs, np.finfo(outputs.dtype).tiny), out=out)
        np.negative(out, out=out)

    def value_from_logits(self, logits: Array, targets: Array) -> Array:
        return _surprise(_log_softmax(logits), targets)

    def fused_factor(self, outputs: int) -> float:
        return 1.0

    def row_weights(self, targets: Array) -> Array | None:
        return _weights_of_classes(self.class_weights, targets)

    def smooth(self, targets: Array) -> Array:
        if self.label_smoothing == 0 or targets.dtype.kind == "i":  # class indices
            return targets
        share: float = self.label_smoothing / targets.shape[-1]
        return targets * (1 - self.label_smoothing) + share

    def distributions(self, classes: Indices, out: Array) -> None:
        super().distributions(classes, out)
        if self.label_smoothing:
            out *= 1 - self.label_smoothing
            out += self.label_smoothing / out.shape[-1]


@dataclass(frozen=True)
class KLDivergence(CrossEntropy):
    """L = Σₖ yₖ (log yₖ - log ŷₖ), with 0·log 0 = 0: cross-entropy less the targets' entropy.

    Parameters
    ----------
    label_smoothing, class_weights
        See :class:`CrossEntropy`.
    """

    name: ClassVar[str] = "kl_divergence"

    def value(self, outputs: Array, targets: Array) -> Array:
        return super().value(outputs, targets) - _entropy(outputs, targets)

    def value_from_logits(self, logits: Array, targets: Array) -> Array:
        return super().value_from_logits(logits, targets) - _entropy(logits, targets)


def _floors(outputs: Array) -> tuple[np.floating, np.floating]:
    """Return the smallest ŷ and the smallest 1 - ŷ that the precision distinguishes from 0.

    They differ because ŷ keeps its digits towards 0, whereas 1 - ŷ is a multiple of the spacing
    below 1. Dividing by less would give gradients of 1e29 where the true one is below 1.
    """
    info = np.finfo(outputs.dtype)
    return info.tiny, info.epsneg


def _surprise(log_probabilities: Array, targets: Array) -> Array:
    """Return -Σₖ yₖ log pₖ for distributions y or class indices; the logarithms may change."""
    if is_classes(log_probabilities, targets):
        places = np.asarray(targets, np.intp)[..., np.newaxis]
        chosen: Array = np.take_along_axis(log_probabilities, places, axis=-1)[..., 0]
        return -chosen
    log_probabilities *= targets
    return -row_sum(log_probabilities)[..., 0]


def is_classes(outputs: Array, targets: Array) -> bool:
    """Tell whether targets are class indices, of the shape of the outputs but for the last axis.

    All runs, the first axis, may share them.
    """
    given, needed = np.shape(targets), np.shape(outputs)[:-1]
    fits = given == needed or given == (1, *needed[1:])
    return fits and np.asarray(targets).dtype.kind in "iu"


def _log_softmax(logits: Array) -> Array:
    shifted = logits - row_maximum(logits)
    shifted -= np.log(row_sum(np.exp(shifted)))
    return shifted


def _entropy(outputs: Array, targets: Array) -> Array | int:
    """Return the entropy of each distribution among the targets; that of a class index is 0."""
    if is_classes(outputs, targets):
        return 0
    tiny = np.finfo(targets.dtype).tiny
    entropy: Array = -row_sum(targets * np.log(np.maximum(targets, tiny)))[..., 0]
    return entropy
