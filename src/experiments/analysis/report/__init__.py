"""The comparison as files: what every sweep ends with, and the report of a whole study."""

from experiments.analysis.pictures.drawing import import_libraries
from experiments.analysis.report.everyday import (
    markdown,
    write_comparison,
    write_learning_curves,
)
from experiments.analysis.report.page import REPORT, write_report

__all__ = [
    "REPORT",
    "import_libraries",
    "markdown",
    "write_comparison",
    "write_learning_curves",
    "write_report",
]
