"""What a run has to reach, in words."""

from __future__ import annotations

from experiments.analysis.targets import Target
from experiments.reporting.words.formatting import number
from experiments.training.metrics import metric_named


def short_target(target: Target) -> str:
    """Name a target as the head of a column has room for: `accuracy 0.9833`."""
    return f"{metric_named(target.curve).quantity} {number(target.value, 4)}"


def long_target(target: Target) -> str:
    """Name a target in a sentence: `validation accuracy 0.9833`."""
    return f"{metric_named(target.curve).long} {number(target.value, 4)}"


def target_source(target: Target) -> str:
    """Say where a target comes from."""
    if not target.reference:
        return "as asked for"
    return f"the median {metric_named(target.metric).long} of {target.reference}"
