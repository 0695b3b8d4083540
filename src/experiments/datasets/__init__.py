"""Datasets: where the numbers come from, how they are split, scaled and described.

One source a file. A source is a frozen dataclass whose fields are its options and whose
:meth:`~experiments.datasets.source.Source.load` gives a :class:`Dataset`; a source of one's own
is such a class in any importable module, chosen with ``_target_`` (see :class:`Source`).

Importing this package costs NumPy alone; scikit-learn is imported by the sources that need it,
when they load, and not at all where :func:`load_dataset` finds the prepared dataset cached.
"""

from experiments.datasets.breast_cancer import BreastCancer
from experiments.datasets.cache import CACHE, load_dataset, quick_digest
from experiments.datasets.circles import Circles
from experiments.datasets.csv_table import Csv, read_csv
from experiments.datasets.dataset import Dataset, Part, Task
from experiments.datasets.diabetes import Diabetes
from experiments.datasets.digits import Digits
from experiments.datasets.fashion_mnist import FashionMnist
from experiments.datasets.iris import Iris
from experiments.datasets.mnist import Mnist
from experiments.datasets.moons import Moons
from experiments.datasets.prepare import prepare
from experiments.datasets.preprocessing import Preprocessing
from experiments.datasets.source import Source, SplitSource
from experiments.datasets.spirals import Spirals
from experiments.datasets.splits import Split, split_rows
from experiments.datasets.table import Table
from experiments.datasets.wine import Wine
from experiments.datasets.xor import Xor

__all__ = [
    "CACHE",
    "BreastCancer",
    "Circles",
    "Csv",
    "Dataset",
    "Diabetes",
    "Digits",
    "FashionMnist",
    "Iris",
    "Mnist",
    "Moons",
    "Part",
    "Preprocessing",
    "Source",
    "Spirals",
    "Split",
    "SplitSource",
    "Table",
    "Task",
    "Wine",
    "Xor",
    "load_dataset",
    "prepare",
    "quick_digest",
    "read_csv",
    "split_rows",
]
