"""The training steps that are measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self


@dataclass(frozen=True)
class Convolution:
    """A convolution with ReLU and maximum pooling.

    Parameters
    ----------
    channels, kernel, stride, padding : int
        The settings of :class:`nn.layers.convolution.Convolution`.
    pool : int
        Size of the pooling, 1 for none.
    """

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    pool: int = 1


@dataclass(frozen=True)
class Recurrence:
    """Recurrent layers, which the dense layers follow.

    Parameters
    ----------
    kind : {"lstm", "gru"}
        The kind of layer.
    units : int
        Number of units of each layer.
    bidirectional : bool, default False
        Whether the layers read sequences from their ends, too.
    all_outputs : bool, default False
        Whether the dense layers see the states after all steps, and not the last ones.
    layers : int, default 1
        Number of such layers.
    """

    kind: str
    units: int
    bidirectional: bool = False
    all_outputs: bool = False
    layers: int = 1


@dataclass(frozen=True)
class Attention:
    """The blocks of a causal transformer.

    Parameters
    ----------
    depth, width, heads : int
        The settings of :class:`experiments.config.models.Transformer`.
    """

    depth: int
    width: int
    heads: int


@dataclass(frozen=True)
class Size:
    """Networks of one architecture, trained on one dataset.

    Parameters
    ----------
    widths : tuple of int
        Number of inputs, of units in each hidden dense layer, and of outputs.
    batch : int
        Number of rows in a step.
    runs : int
        Number of networks.
    rows : int
        Number of rows in the dataset, a multiple of `batch`.
    epochs : int, default 1
        Smallest number of epochs in a repetition.
    label : str, default ""
        Name of the architecture, if its widths do not say what it is.
    shape : tuple of int, default ()
        Shape of a sample, if there are convolutions or a recurrent layer.
    convolutions : tuple of Convolution, default ()
        Convolutions before the dense layers.
    recurrence : Recurrence, optional
        Recurrent layers before the dense layers.
    attention : Attention, optional
        The blocks of a transformer before the dense layers.
    tokens : int, default 0
        Number of different tokens, if a sample is a sequence of so many as there are inputs, of
        which each has a target.
    entries : int, default 0
        Number of entries in a row, if the inputs are sparse.
    optimizers : tuple of str, default ("adam", "sgd")
        The optimizers, of `OPTIMIZERS`.
    """

    widths: tuple[int, ...]
    batch: int
    runs: int
    rows: int
    epochs: int = 1
    label: str = ""
    shape: tuple[int, ...] = ()
    convolutions: tuple[Convolution, ...] = ()
    recurrence: Recurrence | None = None
    attention: Attention | None = None
    tokens: int = 0
    entries: int = 0
    optimizers: tuple[str, ...] = ("adam", "sgd")

    @classmethod
    def of_json(cls, values: dict[str, Any]) -> Self:
        """Return the size whose ``dataclasses.asdict`` went through JSON."""
        convolutions = tuple(Convolution(**one) for one in values["convolutions"])
        tuples = {name: tuple(values[name]) for name in ("widths", "shape", "optimizers")}
        recurrence = values["recurrence"] and Recurrence(**values["recurrence"])
        attention = values["attention"] and Attention(**values["attention"])
        given = {"convolutions": convolutions, "recurrence": recurrence, "attention": attention}
        return cls(**{**values, **tuples, **given})

    @property
    def is_dense(self) -> bool:
        """Whether the networks have dense layers only, and dense inputs."""
        return not (self.convolutions or self.recurrence or self.attention or self.entries)

    @property
    def name(self) -> str:
        """The name for people and the command line: ``64-64-10``."""
        return self.label or "-".join(map(str, self.widths))

    @property
    def steps(self) -> int:
        """The number of steps in an epoch."""
        return self.rows // self.batch


SIZES: Final = (
    Size((2, 4, 2), batch=16, runs=100, rows=1024, epochs=2),
    Size((64, 64, 10), batch=32, runs=20, rows=1280, epochs=2),
    Size((784, 100, 10), batch=128, runs=8, rows=2048, epochs=2),
    Size((784, 1000, 1000, 10), batch=128, runs=4, rows=1024),
    Size(
        (40, 10),
        batch=100,
        runs=20,
        rows=1000,
        label="mnist1d",
        shape=(1, 40),
        convolutions=(Convolution(25, 5, 2, 1), *[Convolution(25, 3, 2, 1)] * 2),
    ),
    Size(
        (784, 100, 10),
        batch=10,
        runs=20,
        rows=200,
        label="nielsen",
        shape=(1, 28, 28),
        convolutions=(Convolution(20, 5, pool=2),),
    ),
    Size(
        (784, 120, 84, 10),
        batch=64,
        runs=4,
        rows=640,
        label="lenet5",
        shape=(1, 28, 28),
        convolutions=(Convolution(6, 5, padding=2, pool=2), Convolution(16, 5, pool=2)),
    ),
    Size(
        (784, 1024, 10),
        batch=128,
        runs=2,
        rows=512,
        label="2c2d",
        shape=(1, 28, 28),
        convolutions=(
            Convolution(32, 5, padding=2, pool=2),
            Convolution(64, 5, padding=2, pool=2),
        ),
    ),
    Size(
        (200, 2),
        batch=32,
        runs=20,
        rows=640,
        label="adding",
        shape=(2, 100),
        recurrence=Recurrence("lstm", 16),
    ),
    Size(
        (40, 10),
        batch=100,
        runs=20,
        rows=1000,
        label="bigru",
        shape=(1, 40),
        recurrence=Recurrence("gru", 6, bidirectional=True, all_outputs=True),
    ),
    Size(
        (50, 83),
        batch=50,
        runs=4,
        rows=500,
        label="char",
        shape=(50,),
        recurrence=Recurrence("lstm", 128, layers=2),
        tokens=83,
    ),
    Size(
        (64, 83),
        batch=32,
        runs=8,
        rows=320,
        label="transformer",
        shape=(64,),
        attention=Attention(depth=2, width=64, heads=4),
        tokens=83,
    ),
    Size(
        (20_000, 64, 2),
        batch=64,
        runs=20,
        rows=1280,
        label="bag",
        entries=100,
        optimizers=("adagrad",),
    ),
)
"""The sizes that are measured.

Those without a label are dense networks. The convolutional ones are those of MNIST-1D (Greydanus &
Kobak 2024) and of Nielsen (2015, chapter 6), LeNet-5 (LeCun et al. 1998) with ReLU, and 2c2d of
DeepOBS (Schneider et al. 2019). The recurrent ones are an LSTM for sequences like those of the
adding problem (Hochreiter & Schmidhuber 1997), a GRU in both directions for MNIST-1D, and two LSTM
layers of 128 units behind an embedding of 83 characters. The last two are a causal transformer of
characters, and a network for bags of words, whose rows have 100 entries in 20,000 columns."""

OPTIMIZERS: Final = {"adam": 0.001, "sgd": 0.1, "adagrad": 0.01}
"""The optimizers and their learning rates."""
