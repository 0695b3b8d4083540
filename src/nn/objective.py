"""A loss and an output activation together."""

from __future__ import annotations

from .activations import Activation
from .losses import Loss
from .speed.buffers import Workspace
from .speed.compile import Fused
from .typing import Array


class Objective:
    """A loss joined to an output activation: from logits to loss, outputs and gradient.

    Parameters
    ----------
    loss : Loss
    activation : Activation or None
        Output activation; None takes the loss's canonical one.

    Raises
    ------
    ValueError
        If the loss is over probabilities and the activation does not give any.
    """

    def __init__(self, loss: Loss, activation: Activation | None = None) -> None:
        self.loss = loss
        self.activation = activation or Activation.named(loss.canonical)
        if loss.over_probabilities and not self.activation.gives_probabilities:
            raise ValueError(
                f"{loss.label} needs outputs that are probabilities, as output activation sigmoid "
                f"or softmax gives them, not {self.activation.label}"
            )
        # The class, not the name, which a class derived from it may have inherited.
        self._canonical = type(self.activation) is Activation.class_named(loss.canonical)

    def outputs(self, logits: Array) -> Array:
        """Return the activated outputs, a new array of the shape of `logits`."""
        return self.activation(logits)

    def per_sample(self, logits: Array, targets: Array) -> Array:
        """Compute each sample's loss, (..., batch), from (..., batch, outputs) of both."""
        if self._canonical:
            losses = self.loss.value_from_logits(logits, targets)
            if losses is not None:
                return losses
        return self.loss.value(self.outputs(logits), targets)

    def fused_gradient(self, workspace: Workspace) -> Fused:
        """Return :meth:`gradient` as code that is compiled when that pays.

        It is called with `out`, `logits` and `targets`.
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
        out : ndarray of the same shape
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
