"""The typed schema of a run: everything that decides it, as dataclasses.

A part that can be chosen (an optimizer, a loss, a dataset, ...) is described by a class of this
project or of the user's own package; its fields, with their types and ranges, are the settings
that a configuration may give. So a new part needs no entry anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from experiments.config.limits import Epochs
from experiments.config.models import Model
from experiments.datasets import Source
from experiments.errors import ConfigError
from nn.averaging import Averaging, NoAveraging
from nn.component import AtMost, Component, Count, Finite, Interval, NonNegative, Positive
from nn.losses import Loss
from nn.metrics import Metric
from nn.objective import Objective
from nn.optimizers import Optimizer
from nn.orders import Order, Shuffled
from nn.probes import Probe
from nn.schedules import Schedule

SEARCH: Final = "_search_"
"""The key under which a node declares the settings that a comparison tunes; not part of a run."""

PUBLISHED: Final = "_published_"
"""The key under which an experiment says what was published; not part of a run either."""

_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,49}")
_TAKEN: Final = frozenset({"loss", "accuracy", "epoch"})
"""The names under which every run has other values."""

_LONGEST_NAME: Final = 500
"""MLflow's limit on the name of an experiment, in characters."""
_SHOWN: Final = 40
"""The number of characters of a name that a message quotes."""


@dataclass(frozen=True, kw_only=True)
class EarlyStopping(Component):
    """The condition under which training stops before the last epoch.

    Parameters
    ----------
    patience : int, optional
        Number of epochs without a better validation loss after which training stops; None never
        stops early.
    min_delta : float, default 0.0
        The amount by which a loss must fall to count as better.
    """

    patience: Count | None = None
    min_delta: NonNegative = 0.0


@dataclass(frozen=True, kw_only=True)
class Training(Component):
    """The settings of training that do not belong to another part.

    Parameters
    ----------
    epochs : int, default 20
        Number of passes over the training part, at most a million.
    steps : int, optional
        Number of steps, instead of `epochs`; the last epoch may then be cut short.
    evaluations : int, optional
        Number of gradients to evaluate, instead of `epochs` and `steps`: a step takes one, with SAM
        two, and several where it searches along a line.
    batch_size : int or "full", default 32
        Number of rows in a step.
    order : {"shuffled", "once", "with_replacement", "as_given", "streams"}, default "shuffled"
        The order in which an epoch takes the rows: shuffled in every epoch, shuffled once, drawn
        with replacement (as many as there are rows), or as in the training part. With
        "streams", for a text, each batch continues the one before, and recurrent layers carry their
        states on, until the epoch ends; see :class:`nn.orders.Streams`.
    last_batch : {"keep", "drop"}, default "keep"
        Whether the rows that are left at the end of an epoch make a short batch, or none.
    dtype : {"float32", "float64"}, default "float32"
        Floating-point type of parameters and data.
    clip_norm, clip_value : float, optional
        Largest global norm and largest absolute entry of a gradient.
    l1, l2 : float, default 0.0
        Strength λ of the penalties λ‖θ‖₁ and ½λ‖θ‖².
    penalize_biases : bool, default False
        Whether the penalties include biases and the gains of normalization layers.
    penalties_over_rows : bool, default False
        Whether λ is divided by the number n of training rows, for sources that write λ/n.
    box : list of two floats, optional
        The ends of an interval to which every parameter is clipped after each update.
    early_stopping : EarlyStopping
        The condition under which training stops before the last epoch.
    report : {"best_loss", "best_accuracy", "last", "test_peak"}, optional
        The epoch whose values are reported and whose weights are served: that of the best
        validation loss or accuracy, the last one, or the one with the best test score, as some
        published results have it. The first of equal epochs is chosen. None is "best_loss", or
        "last" if there is no validation part.
    test_every_epoch : bool, default False
        Whether the test part is measured after every epoch. Only "test_peak" reads these values.
    metrics : list of Metric, default ()
        Measures of the validation and test part to record beside the loss and the score.
    blas_threads : int, default 1
        Number of threads in a matrix product. It may affect the last bits of a result.
    snapshots : "auto", int or None, default "auto"
        Largest number of epochs whose parameters are kept for pictures of a run's path, at
        least 2. None keeps none; "auto" keeps 50 for a network with two inputs and none
        otherwise.
    probes : list of Probe, default []
        Further measurements between epochs: ``class_loss``, ``distance``, ``norms``,
        ``sharpness``, or your own class.
    """

    epochs: Epochs = 20
    steps: Count | None = None
    evaluations: Count | None = None
    batch_size: Count | Literal["full"] = 32
    order: Order = Shuffled()
    last_batch: Literal["keep", "drop"] = "keep"
    dtype: Literal["float32", "float64"] = "float32"
    clip_norm: Positive | None = None
    clip_value: Positive | None = None
    l1: NonNegative = 0.0
    l2: NonNegative = 0.0
    penalize_biases: bool = False
    penalties_over_rows: bool = False
    box: tuple[Finite, ...] | None = None
    early_stopping: EarlyStopping = EarlyStopping()
    report: Literal["best_loss", "best_accuracy", "last", "test_peak"] | None = None
    test_every_epoch: bool = False
    metrics: tuple[Metric, ...] = ()
    blas_threads: Count = 1
    snapshots: Annotated[int, Interval(2)] | Literal["auto"] | None = "auto"
    probes: Annotated[tuple[Probe, ...], AtMost(20)] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "probes", tuple(self.probes))  # settings are hashed
        if self.steps is not None and self.evaluations is not None:
            raise ValueError(
                "steps and evaluations are two lengths of one training; set one of them to null"
            )
        labels = [probe.label for probe in self.probes]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(
                f"probes has {twice[0]} more than once, whose values would be recorded under the "
                "same name; leave one of them"
            )
        if self.box is not None and not (len(self.box) == 2 and self.box[0] < self.box[1]):
            raise ValueError(
                f"box must be two numbers, the lower first, but is {list(self.box)}; "
                "training.box=[-0.01,0.01], say"
            )
        keys = [metric.key for metric in self.metrics]
        for key in keys:
            if not _KEY.fullmatch(key) or key in _TAKEN:
                raise ValueError(
                    f"metrics: a metric cannot be called {key!r}: its key is a word of letters, "
                    "digits and underscores, and no name that records use already, such as loss"
                )
            if keys.count(key) > 1:
                raise ValueError(f"metrics lists {key} twice; leave one of them out")
        if self.report != "test_peak":
            return
        if not self.test_every_epoch:
            raise ValueError(
                "report=test_peak chooses the epoch by the test part, which is then measured after "
                "every epoch; say so by training.test_every_epoch=true"
            )
        if self.early_stopping.patience is not None:
            raise ValueError(
                "report=test_peak and early stopping choose epochs by different data, and the peak "
                "may lie after the stop; set training.early_stopping.patience=null, or report="
                "best_loss"
            )


@dataclass(frozen=True, kw_only=True)
class Tracking(Component):
    """The tracker to which records are published.

    Parameters
    ----------
    enabled : bool, default True
        Whether records are published at all.
    uri : str, optional
        Address of an MLflow server or database; by default the file ``mlflow.db`` of this
        project.
    models : {"all", "best", "none"}, default "best"
        The runs of a sweep whose learning curves and loadable models are published: all runs,
        the best run of each optimizer, or none.
    patience : float, default 30.0
        Time in seconds that the command waits at its end for a tracker to which nothing gets
        through. Records that are still unpublished can be published later with ``descent
        publish``.
    strict : bool, default False
        Whether the command ends with exit status 1 if runs stay unpublished.
    """

    enabled: bool = True
    uri: str | None = None
    models: Literal["all", "best", "none"] = "best"
    patience: NonNegative = 30.0
    strict: bool = False


@dataclass(frozen=True, kw_only=True)
class Comparison(Component):
    """How runs are compared. It changes neither a run's result nor its identity.

    Parameters
    ----------
    metric : str, optional
        The metric by which groups are ranked and separated, such as ``test/accuracy``; by default
        the test loss at the reported epoch.
    margin : float, optional
        The smallest difference of the metric that matters, in its unit. With it, two groups can
        also turn out to be equivalent.
    pictures : bool, default True
        Whether what networks learnt is drawn at the end of a sweep, or in its report.
    """

    metric: str | None = None
    margin: Positive | None = None
    pictures: bool = True


@dataclass(frozen=True, kw_only=True)
class Checkpoint(Component):
    """The interval between checkpoints, from which a run resumes after a crash.

    Parameters
    ----------
    seconds : float, optional
        Shortest time between two checkpoints, each of which is taken at the end of an epoch; 0
        takes one after every epoch, None takes none. The default of 10 costs shorter runs
        nothing.
    """

    seconds: NonNegative | None = 10


@dataclass(frozen=True, kw_only=True)
class Run(Component):
    """The complete configuration of one run.

    Parameters
    ----------
    seed : int, default 0
        Seed of initial weights, batch order and dropout; at least 0.
    experiment_name : str, default "descent"
        Name of the experiment under which the tracker files the run; see
        :func:`check_experiment_name`.
    rerun : bool, default False
        Whether to train again when a finished record of the run exists.
    dataset, model, loss, optimizer, schedule, averaging, training, comparison, tracking, checkpoint
        The parts of the run, each described by its own class. The dataset is read as the loss needs
        it (`Source.for_loss`).
    """

    dataset: Source
    model: Model
    loss: Loss
    optimizer: Optimizer
    schedule: Schedule
    averaging: Averaging = NoAveraging()
    training: Training = Training()
    comparison: Comparison = Comparison()
    tracking: Tracking = Tracking()
    checkpoint: Checkpoint = Checkpoint()
    seed: Annotated[int, Interval(0)] = 0
    experiment_name: str = "descent"
    rerun: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_experiment_name(self.experiment_name)
        object.__setattr__(self, "dataset", self.dataset.for_loss(self.loss))
        if self.schedule.sets_momentum and not getattr(self.optimizer, "momentum", 0):
            raise ValueError(
                f"schedule={self.schedule.label} sets the momentum, but optimizer="
                f"{self.optimizer.label} has none; choose momentum, nesterov or muon, or set "
                "schedule.low_momentum and schedule.high_momentum to null"
            )

        if self.optimizer.evaluates_elsewhere:
            if self.averaging.averages:
                raise ValueError(
                    f"optimizer={self.optimizer.label} evaluates its own average; set "
                    "averaging=none"
                )
            if self.training.box is not None:
                raise ValueError(
                    f"training.box bounds the weights at which optimizer={self.optimizer.label} "
                    "takes gradients, and not those that it evaluates; set training.box=null"
                )

    @property
    def objective(self) -> Objective:
        """The loss together with the output activation."""
        return Objective(self.loss, self.model.output_activation)


def check_experiment_name(name: str) -> None:
    """Check that every tracker accepts a name of an experiment.

    Raises
    ------
    ConfigError
        If the name is blank, has more than 500 characters, or has characters such as line breaks
        that cannot be printed.
    """
    if name.strip() and len(name) <= _LONGEST_NAME and name.isprintable():
        return
    start = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
    raise ConfigError(
        f"experiment_name must be a name of 1 to {_LONGEST_NAME} characters that can be printed, "
        f"but is {start!r} with {len(name)}"
    )


def without_declarations(config: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a configuration without what only says something about it: `_search_`, `_published_`."""
    return {
        key: without_declarations(value) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if key not in (SEARCH, PUBLISHED)
    }
