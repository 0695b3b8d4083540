"""The base class of layers that change samples at random in training."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from ..speed.replay import replayable
from ..typing import Array, Shape
from .layer import Layer


@dataclass
class Augmentation(Layer):
    """Base of the layers that change samples at random in training; the identity at prediction.

    A subclass draws the changes from the streams of its runs, ``self.at.generators``, and makes
    all calls that change arrays by ``self.at.do``, so that steps can be replayed.
    """

    random: ClassVar[bool] = True
    only_in_training: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) == 1:
            raise ValueError("vectors have no places; put it before nn.layers.Flatten")
        return shape

    @replayable
    def forward(self, x: Array, training: bool) -> Array:
        self.active = training
        return self.augment(x) if training else x

    @replayable
    def backward(self, grad: Array, input_gradient: bool) -> Array:
        if self.active and input_gradient:
            self.augment_back(grad)
        return grad

    @abstractmethod
    def augment(self, x: Array) -> Array:
        """Return the changed samples, of which those of each run are changed differently.

        Parameters
        ----------
        x : ndarray of shape (runs or 1, batch, channels, *places)
            The samples, which must not be changed.

        Returns
        -------
        ndarray of shape (runs, batch, channels, *places)
        """

    @abstractmethod
    def augment_back(self, grad: Array) -> None:
        """Replace the gradient with respect to the changed samples by that of the samples.

        Parameters
        ----------
        grad : ndarray of shape (runs, batch, channels, *places)
            The gradient, changed in place.
        """
