"""The network of a trained run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from experiments.config.build import network_from_config
from experiments.datasets import Task
from experiments.errors import RecordError
from experiments.runs.layout import WEIGHTS
from experiments.runs.record import Record
from experiments.runs.schema import samples_of
from nn.network import Network


def network_of(
    record: Record,
    weights: Mapping[str, NDArray[Any]],
    runs: int = 1,
    *,
    trusted: frozenset[str],
) -> Network:
    """Build a record's network and load weights into it.

    Parameters
    ----------
    record : Record
        The record of a trained run.
    weights : mapping of str to ndarray of shape (*shape), or (runs, *shape)
        The weights by name of the parameter.
    runs : int, default 1
        The number of networks in the stack.
    trusted : frozenset of str
        The packages, besides this project's, whose classes may be used to build the network.

    Returns
    -------
    Network
        The network, with the weights loaded.

    Raises
    ------
    ConfigError
        If the network cannot be built, or names a class that is not trusted.
    RecordError
        If the weights do not fit the network.
    """
    data = record.dataset
    if not data:
        raise RecordError(
            f"{record.folder}: the record does not describe the data that the run was trained on. "
            "Choose a run that was trained."
        )
    numbers = sum(array.size for array in weights.values())
    samples = samples_of(data)
    try:
        network = network_from_config(
            record.config,
            samples,
            1 if data["task"] == Task.MINIMIZATION else _output_width(weights),
            runs,
            parameters=numbers,
            trusted=trusted,
        )
        network.load(weights)
        steps = (samples.steps,) if samples.steps else ()
        if network.steps != steps:
            raise ValueError(
                f"its outputs have the steps {network.steps}, and the targets of its data {steps}"
            )
    except ValueError as error:
        raise RecordError(
            f"{record.folder / WEIGHTS}: the weights do not fit the network that the record "
            f"describes: {error}. Run again with this version of the program."
        ) from error
    return network


def _output_width(weights: Mapping[str, NDArray[Any]]) -> int:
    """Return the number of outputs of the last dense layer, or that of each step.

    It does not follow from the data: for two classes, some losses need one output, others two.
    """
    biases: dict[int, int] = {
        int(layer[1]): bias.shape[-1]
        for name, bias in weights.items()
        if bias.ndim and (layer := re.fullmatch(r"(?:step_)?dense(\d{1,9})/bias", name)) is not None
    }
    if not biases:
        raise ValueError("there is no output layer among them")
    return biases[max(biases)]
