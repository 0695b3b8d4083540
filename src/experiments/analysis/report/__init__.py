"""The comparison as files: what every sweep ends with, and the report of a whole study."""

from experiments.analysis.report.everyday import (
    LEARNING_CURVES,
    markdown,
    write_comparison,
    write_learning_curves,
)
from experiments.analysis.report.page import REPORT, write_report

__all__ = [
    "LEARNING_CURVES",
    "REPORT",
    "markdown",
    "write_comparison",
    "write_learning_curves",
    "write_report",
]
