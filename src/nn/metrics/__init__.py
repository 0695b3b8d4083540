"""Metrics: measures of predictions that are recorded beside the loss, one a file."""

from .average_precision import AveragePrecision
from .f1 import F1
from .mae import MAE
from .metric import Metric, Predictions, TaskName
from .perplexity import BitsPerCharacter, Perplexity
from .precision import Precision
from .r2 import R2
from .recall import Recall
from .rmse import RMSE
from .roc_auc import ROCAUC
from .wrong import Wrong

__all__ = [
    "F1",
    "MAE",
    "R2",
    "RMSE",
    "ROCAUC",
    "AveragePrecision",
    "BitsPerCharacter",
    "Metric",
    "Perplexity",
    "Precision",
    "Predictions",
    "Recall",
    "TaskName",
    "Wrong",
]
