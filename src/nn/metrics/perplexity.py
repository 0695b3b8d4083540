"""Measures of how well each next token is predicted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..typing import Float64Array
from .metric import Metric, Predictions, TaskName


@dataclass(frozen=True)
class BitsPerCharacter(Metric):
    """Mean -log₂ ŷ of the true class: bits that a character takes, where characters are classes."""

    name: ClassVar[str] = "bits_per_character"
    characters: ClassVar[bool] = True
    title: ClassVar[str] = "bits per character"
    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, math.inf)
    tasks: ClassVar[tuple[TaskName, ...]] = ("binary", "multiclass")

    def value(self, predictions: Predictions) -> Float64Array:
        rows = np.arange(len(predictions.true))
        shares = predictions.outputs[:, rows, predictions.true.argmax(axis=1)]
        bits = -np.log2(np.maximum(shares, np.finfo(np.float32).tiny))
        mean: Float64Array = np.ascontiguousarray(bits).mean(axis=1)  # in the same order for a run
        return mean


@dataclass(frozen=True)
class Perplexity(BitsPerCharacter):
    """Two to the power of the mean -log₂ ŷ of the true class: among how many equals it is."""

    name: ClassVar[str] = "perplexity"
    characters: ClassVar[bool] = False
    title: ClassVar[str] = "perplexity"
    limits: ClassVar[tuple[float, float]] = (1.0, math.inf)

    def value(self, predictions: Predictions) -> Float64Array:
        perplexities: Float64Array = np.exp2(super().value(predictions))
        return perplexities
