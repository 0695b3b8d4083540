"""The comparison as files: what every sweep ends with, and the report of a whole study."""

from experiments.analysis.report.everyday import (
    LEARNING_CURVES,
    markdown,
    write_comparison,
    write_learning_curves,
)

__all__ = ["LEARNING_CURVES", "markdown", "write_comparison", "write_learning_curves"]
