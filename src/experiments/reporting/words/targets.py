"""Put the target of a comparison into words."""

from __future__ import annotations

from typing import Final

from experiments.analysis.groups import EPOCHS, GRADIENTS
from experiments.analysis.targets import Target
from experiments.reporting.words.formatting import number
from experiments.training.metrics import metric_named

COUNTED: Final = {EPOCHS: "epochs", GRADIENTS: "gradients"}
"""What times to a target count, by their unit."""


def short_target(target: Target) -> str:
    """Name a target briefly, for the header of a column: `accuracy 0.9833`."""
    return f"{metric_named(target.curve).quantity} {number(target.value, 4)}"


def long_target(target: Target) -> str:
    """Name a target in a sentence: `validation accuracy 0.9833`."""
    return f"{metric_named(target.curve).long} {number(target.value, 4)}"


def target_source(target: Target) -> str:
    """Describe the origin of a target."""
    if not target.reference:
        return "as requested"
    return f"the median {metric_named(target.metric).long} of {target.reference}"
