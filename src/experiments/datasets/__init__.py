"""Datasets: sources of data, and how the data are split, scaled and described.

Each source has its own module. A source is a frozen dataclass whose fields are its options
and whose :meth:`~experiments.datasets.source.Source.load` returns a :class:`Dataset`. A custom
source is such a class in any importable module, selected with ``_target_`` (see :class:`Source`).

Importing this package imports NumPy only. A source that needs scikit-learn imports it when it
loads, and not at all if :func:`load_dataset` finds the prepared dataset in the cache.
"""

from experiments.datasets.cache import CACHE, cached_dataset, load_dataset, quick_digest
from experiments.datasets.dataset import Dataset, Part, Task
from experiments.datasets.prepare import prepare, prepare_tokens
from experiments.datasets.preprocessing import Preprocessing
from experiments.datasets.reading.notation import Notation
from experiments.datasets.reading.raw_table import RawTable
from experiments.datasets.reading.table_file import TableFormat, read_table
from experiments.datasets.samples import Samples
from experiments.datasets.source import Source, SplitSource
from experiments.datasets.sources.adding import Adding
from experiments.datasets.sources.bag_of_words import BagOfWords
from experiments.datasets.sources.breast_cancer import BreastCancer
from experiments.datasets.sources.circles import Circles
from experiments.datasets.sources.copy_task import Copy
from experiments.datasets.sources.csv_table import Csv
from experiments.datasets.sources.diabetes import Diabetes
from experiments.datasets.sources.digits import Digits
from experiments.datasets.sources.displacements import Displacements
from experiments.datasets.sources.embedded_reber import EmbeddedReber
from experiments.datasets.sources.fashion_mnist import FashionMnist
from experiments.datasets.sources.images import Images
from experiments.datasets.sources.iris import Iris
from experiments.datasets.sources.linear_classification import LinearClassification
from experiments.datasets.sources.linear_regression import LinearRegression
from experiments.datasets.sources.mnist import Mnist
from experiments.datasets.sources.mnist1d import Mnist1d
from experiments.datasets.sources.moons import Moons
from experiments.datasets.sources.names import Names
from experiments.datasets.sources.series import Series
from experiments.datasets.sources.slopes import Slopes
from experiments.datasets.sources.spirals import Spirals
from experiments.datasets.sources.temporal_order import TemporalOrder
from experiments.datasets.sources.text import Text
from experiments.datasets.sources.wine import Wine
from experiments.datasets.sources.xor import Xor
from experiments.datasets.sparse_preprocessing import SparsePreprocessing
from experiments.datasets.splits import Split, split_rows
from experiments.datasets.table import Table
from experiments.datasets.vocabulary import Vocabulary

__all__ = [
    "CACHE",
    "Adding",
    "BagOfWords",
    "BreastCancer",
    "Circles",
    "Copy",
    "Csv",
    "Dataset",
    "Diabetes",
    "Digits",
    "Displacements",
    "EmbeddedReber",
    "FashionMnist",
    "Images",
    "Iris",
    "LinearClassification",
    "LinearRegression",
    "Mnist",
    "Mnist1d",
    "Moons",
    "Names",
    "Notation",
    "Part",
    "Preprocessing",
    "RawTable",
    "Samples",
    "Series",
    "Slopes",
    "Source",
    "SparsePreprocessing",
    "Spirals",
    "Split",
    "SplitSource",
    "Table",
    "TableFormat",
    "Task",
    "TemporalOrder",
    "Text",
    "Vocabulary",
    "Wine",
    "Xor",
    "cached_dataset",
    "load_dataset",
    "prepare",
    "prepare_tokens",
    "quick_digest",
    "read_table",
    "split_rows",
]
