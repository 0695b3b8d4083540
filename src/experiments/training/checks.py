"""The check whether the settings of a run fit its dataset, before anything trains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from experiments.config.limits import too_large
from experiments.config.schema import Run
from experiments.datasets import Dataset, Task
from experiments.datasets.preprocessing import listed
from experiments.errors import ConfigError
from experiments.files.reading import CELLS
from experiments.training.length import batch_rows, length_of
from experiments.training.metrics import COMPARED, HEADLINE, check_margin, may_be_summarized
from experiments.training.targets import encoding_for
from nn.layers import Layer
from nn.layers.shapes import (
    check_carrying,
    check_causal,
    check_ends,
    draws,
    layout_of,
    names_of,
    shapes_of,
)
from nn.optimizers.parameter_group import assigned
from nn.typing import Shape

_COLUMNS = 16  # of a table of metrics, besides two for each layer
_CURE = "Give dataset.validation=0.1, say, or a number of validation rows in dataset.counts"


def check(run: Run, dataset: Dataset) -> None:
    """Check that the settings of a run fit its dataset.

    Raises
    ------
    ConfigError
        If they do not; the message lists all faults, each on a separate line.
    """
    faults = list(_faults(run, dataset))
    try:
        outputs = encoding_for(dataset, run.objective).outputs
    except ConfigError as error:
        faults.append(str(error))
    else:
        layers = run.model.layers(outputs, dataset.samples)
        misfit = run.model.misfit(dataset)
        if misfit is None and dataset.is_sparse and not layers[0].takes_sparse:
            misfit = (
                f"its first layer, {names_of(layers)[0]}, takes no sparse rows, which dataset "
                f"{dataset.name} has. Choose model=mlp or model=linear, or dataset.form=dense"
            )
        if misfit is not None:
            raise ConfigError("\n".join([*faults, f"model: {misfit}"]))
        try:
            shape = run.model.input_shape(dataset.samples)
            problem = too_large(layers, shape)
            if dataset.samples.padded:
                check_ends(layers, shapes_of(layers, shape))
            if run.training.order.carries:
                check_carrying(layers)
            if dataset.shows_targets:
                _check_foresight(layers, shape)
        except ValueError as error:
            faults.append(f"model: {error}")
        else:
            if problem is not None:
                faults.append(f"model: {problem}. Choose fewer or narrower layers.")
            else:
                faults += _optimizer_faults(run, layers, shape)
        # A record with a larger table of metrics could not be read.
        epochs = length_of(run, dataset).epochs
        probed = len(run.training.probes) * max(dataset.outputs, 2 + 4 * len(layers))
        columns = _COLUMNS + 2 * len(layers) + 2 * len(run.training.metrics) + probed
        if epochs * columns > CELLS:
            faults.append(
                f"training: {epochs:,} epochs of a network with {len(layers)} layers measure more "
                f"than {CELLS:,} numbers. Choose fewer epochs or steps."
            )
    if faults:
        raise ConfigError("\n".join(faults))


def _check_foresight(layers: Sequence[Layer], shape: Shape) -> None:
    """Raise a ValueError if a network sees what it is to predict."""
    try:
        check_causal(layers, shapes_of(layers, shape))
    except ValueError as error:
        raise ValueError(
            f"{error}, and each step shows the target of the step before, so the network would be "
            "told what it is to predict. Set model.bidirectional=false or model.causal=true, or "
            "leave the layer out"
        ) from error


def _optimizer_faults(run: Run, layers: Sequence[Layer], shape: Shape) -> Iterator[str]:
    """Describe why the optimizer cannot train a network of these layers."""
    optimizer, layout = run.optimizer, layout_of(layers, shape)
    try:
        optimizer.updated_as_matrices(layout)
    except ValueError as error:
        yield f"optimizer={optimizer.label}: {error}"
    try:
        assigned(optimizer.groups, layout)
    except ValueError as error:
        yield f"optimizer.{error}"
    if optimizer.searches and draws(layers):
        yield (
            f"optimizer={optimizer.label} needs the same loss in every evaluation, but a layer of "
            "the network draws random numbers; set model.dropout=0, or leave out what changes "
            "samples at random"
        )


def check_tuning(run: Run, dataset: Dataset) -> None:
    """Check that settings can be chosen by the results of a run.

    Raises
    ------
    ConfigError
        If the run has no validation part, or reports an epoch that was chosen on the test part.
    """
    if run.training.report == "test_peak":
        raise ConfigError(
            "training.report=test_peak reports an epoch that was chosen on the test part, so "
            "settings cannot be tuned by it. Tune with training.report=best_loss, best_accuracy or "
            "last"
        )
    if dataset.validation is None and dataset.task is not Task.MINIMIZATION:
        raise ConfigError(
            f"dataset {dataset.name} has no validation part, by which tuning chooses settings. "
            f"{_CURE}, or compare fixed settings: -m optimizer=sgd,adam"
        )


def _faults(run: Run, dataset: Dataset) -> Iterator[str]:
    training = run.training
    rows = len(dataset.train)
    if run.optimizer.full_batch and (batch := batch_rows(training, rows)) < rows:
        yield (
            f"optimizer={run.optimizer.label} needs the gradient of all {rows:,} training rows in "
            f"every step, but training.batch_size is {batch}; set training.batch_size=full, or "
            f"leave it out, as in 'optimizer=glob(*,exclude={run.optimizer.label})'"
        )
    if run.optimizer.full_batch and not training.order.is_permutation:
        yield (
            f"optimizer={run.optimizer.label} needs the gradient of all training rows in every "
            f"step, but training.order={training.order.label} leaves some of them out; set "
            "training.order=shuffled"
        )
    if run.optimizer.searches:
        for name in ("clip_norm", "clip_value", "box"):
            if getattr(training, name) is not None:
                yield (
                    f"training.{name} changes gradients or weights behind the back of the line "
                    f"search of optimizer={run.optimizer.label}; set it to null"
                )
    length = length_of(run, dataset)
    try:
        run.averaging.check(length.steps, length.per_epoch, length.epochs)
    except ValueError as error:
        yield f"averaging: {error}"
    samples = dataset.samples
    if training.order.carries and (samples.padded or not (samples.tokens and samples.steps)):
        yield (
            f"training.order={training.order.label} is for texts, whose sequences continue each "
            f"other, as those of dataset=text do, and not for dataset {dataset.name}; choose "
            "another order"
        )
    for metric in training.metrics:
        if (reason := metric.misfit(dataset.task.value)) is not None:
            yield f"training.metrics: {reason}; leave it out for dataset {dataset.name}"
        elif metric.characters and not dataset.predicts_characters:
            yield (
                f"training.metrics: {metric.key} is defined where the classes are the characters "
                f"of a text, which those of dataset {dataset.name} are not; choose perplexity"
            )
    asked = run.comparison.metric
    if asked is not None and not may_be_summarized(asked):
        near = get_close_matches(asked, COMPARED, n=1, cutoff=0)
        yield f"comparison.metric={asked} is not a metric of a run. Give {near[0]}, say"
    elif run.comparison.margin is not None:
        try:
            check_margin(run.comparison.margin, asked or HEADLINE)
        except ConfigError as error:
            yield f"comparison.margin: {error}"
    if training.report == "best_accuracy" and dataset.task.has_numbers:
        yield (
            f"training.report=best_accuracy: dataset {dataset.name} is about numbers, which have "
            "no accuracy; use best_loss"
        )
    weights = getattr(run.loss, "class_weights", None)
    if weights is not None and dataset.task is Task.MULTILABEL:
        yield (
            "loss.class_weights weighs rows by their class, but the rows of dataset "
            f"{dataset.name} have several labels; set it to null"
        )
    elif isinstance(weights, tuple) and len(weights) != dataset.outputs:
        yield (
            f"loss.class_weights has {len(weights)} numbers, but dataset {dataset.name} has "
            f"{dataset.outputs} classes, in this order: {listed(dataset.target_names)}; give each "
            "its weight, or balanced"
        )
    if training.test_every_epoch and dataset.test is None:
        yield (
            f"training.test_every_epoch measures the test part, but dataset {dataset.name} has "
            "none; set it to false"
        )
    if training.report == "test_peak" and dataset.task is Task.MINIMIZATION:
        yield (
            f"training.report=test_peak chooses the epoch by a score, but dataset {dataset.name} "
            "is a function to minimize, which has none; use last"
        )
    for probe in training.probes:
        where = f"training.probes: {probe.label}"
        if probe.needs_classes and not dataset.task.has_classes:
            yield (
                f"{where} needs rows that belong to one class each, and those of dataset "
                f"{dataset.name} do not ({dataset.task}); leave it out"
            )
        if probe.part not in dataset.parts:
            yield (
                f"{where} is about the {probe.part} part, which dataset {dataset.name} does not "
                "have; give part: train"
            )
    if dataset.validation is not None:
        return
    without = f"dataset {dataset.name} has no validation part"
    cure = ";" if dataset.task is Task.MINIMIZATION else f". {_CURE}, or"
    if training.report in ("best_loss", "best_accuracy"):
        yield (
            f"training.report={training.report} chooses the epoch by the validation part, but "
            f"{without}{cure} use training.report=last"
        )
    if training.early_stopping.patience is not None:
        yield (
            f"training.early_stopping.patience={training.early_stopping.patience} watches the "
            f"validation loss, but {without}{cure} set it to null"
        )
    if run.schedule.observes:
        yield (
            f"schedule={run.schedule.label} follows the validation loss, but {without}{cure} "
            "choose another schedule"
        )
