"""The metrics that a comparison shows, and which way they point."""

from __future__ import annotations

from typing import Final

# Selection reads validation; test is what the weights of the best validation epoch give.
METRICS: Final = (
    "best/val_loss",
    "best/val_accuracy",
    "best/val_r2",
    "test/loss",
    "test/accuracy",
    "test/r2",
)


def higher_is_better(metric: str) -> bool:
    """Say which way a metric points: accuracies and R² up, losses and times down."""
    return metric.endswith(("accuracy", "r2"))
