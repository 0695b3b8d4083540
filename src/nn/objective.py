"""A loss combined with an output activation."""

from __future__ import annotations

from .activations import Activation
from .losses import Loss
from .speed.buffers import Workspace
from .speed.compile import Fused
from .typing import Array


class Objective:
    """A loss combined with an output activation: from logits to outputs, loss and gradient.

    Parameters
    ----------
    loss : Loss
        The loss.
    activation : Activation, optional
        The output activation; by default the loss's canonical one.

    Raises
    ------
    ValueError
        If the loss needs probabilities and the activation does not produce them.
    """

    def __init__(self, loss: Loss, activation: Activation | None = None) -> None:
        self.loss = loss
        self.activation = activation or Activation.named(loss.canonical)
        if loss.over_probabilities and not self.activation.gives_probabilities:
            raise ValueError(
                f"{loss.label} needs outputs that are probabilities, which the output activations "
                f"sigmoid and softmax produce and {self.activation.label} does not"
            )
        # The class and not the name, which a subclass may have inherited.
        self._canonical = type(self.activation) is Activation.class_named(loss.canonical)

    def outputs(self, logits: Array) -> Array:
        """Return the activated outputs, a new array of the shape of `logits`."""
        return self.activation(logits)

    def __call__(self, logits: Array, targets: Array) -> Array:
        """Check the targets (:meth:`nn.losses.Loss.check`) and return :meth:`per_sample`."""
        self.loss.check_against(logits, targets)
        return self.per_sample(logits, targets)

    def per_sample(self, logits: Array, targets: Array) -> Array:
        """Return each sample's loss, (..., batch), for arrays of shape (..., batch, outputs).

        The targets may be class indices, (..., batch). They are not checked.
        """
        if self._canonical:
            losses = self.loss.value_from_logits(logits, targets)
            if losses is not None:
                return losses
        return self.loss.value(self.outputs(logits), targets)

    def fused_gradient(self, workspace: Workspace) -> Fused:
        """Return :meth:`gradient` as a function of `out`, `logits` and `targets`.

        It is compiled once that pays.
        """
        return Fused(
            lambda out, logits, targets, work: self.gradient(logits, targets, out, work),
            f"gradient of {self.loss} of {self.activation}",
            1 + self.activation.scratch,
            workspace,
        )

    def gradient(self, logits: Array, targets: Array, out: Array, work: Array) -> None:
        """Write the gradient of the batch's mean loss with respect to `logits` into `out`.

        Parameters
        ----------
        logits, targets : ndarray of shape (runs, batch, outputs)
            The last layer's outputs, and the encoded targets.
        out : ndarray of the same shape
            The array that receives the gradient.
        work : ndarray of shape (1 + activation.scratch, runs, batch, outputs)
            Scratch space.
        """
        batch, width = logits.shape[-2:]
        outputs, scratch = work[0], work[1:]
        factor = self.loss.fused_factor(width) if self._canonical else None
        if factor is not None:
            self.activation.forward(logits, out, scratch)
            out -= targets
            out *= factor / batch
            return
        self.activation.forward(logits, outputs, scratch)
        self.loss.gradient(outputs, targets, out)
        out *= 1 / batch
        self.activation.backward(out, logits, outputs, out, scratch)
