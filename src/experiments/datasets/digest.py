"""A digest of the data that an experiment used."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.reading.text_column import Results
from experiments.datasets.splits import Split
from experiments.datasets.table import Table

_NUMBERS_AT_ONCE: Final = 1_000_000
_TEXTS_AT_ONCE: Final = 100_000


def dataset_digest(
    table: Table,
    targets: NDArray[Any],
    split: Split,
    description: dict[str, Any],
) -> tuple[str, str]:
    """Hash the raw data and the options, without and with the split.

    The digest is the same on every machine. Bytes are hashed in little-endian order, and fitted
    statistics, whose last bit may depend on the processor, are represented by the options and
    rows that determine them.

    Parameters
    ----------
    table : Table
        The raw inputs.
    targets : ndarray
        The raw targets.
    split : Split
        The rows of each part.
    description : dict
        Everything else that determines the prepared data (task, names, scaling, ...) as plain
        JSON values.

    Returns
    -------
    table_digest : str
        SHA-256 in 64 hexadecimal digits of the data and the options, the same for all splits.
    digest : str
        The same of data, options and split.
    """
    state = hashlib.sha256()
    _text(state, json.dumps(description, sort_keys=True))
    _array(state, table.numbers, as_float=description.get("image_shape") is None)
    for name in table.names:
        if name in table.texts:
            _text(state, name)
            _texts(state, table.texts[name])
    _array(state, targets)
    table_digest = state.hexdigest()
    for part in (split.train, split.validation, split.test):
        _array(state, part.astype(np.int64))
    return table_digest, state.hexdigest()


def array_digest(*arrays: NDArray[Any]) -> str:
    """Hash arrays, the same on every machine: SHA-256 in hexadecimal."""
    state = hashlib.sha256()
    for array in arrays:
        _array(state, array.astype(np.int64) if array.dtype.kind in "iu" else array)
    return state.hexdigest()


def _array(state: Any, array: NDArray[Any], *, as_float: bool = False) -> None:
    """Hash an array; with `as_float` one of a narrow type as if it was float64."""
    kind = array.dtype.newbyteorder("<")
    if as_float and kind.itemsize < 8:
        kind = np.dtype("<f8")
    _text(state, f"{kind.str}{array.shape}")
    # A copy of the whole array would take as much memory again.
    step = max(_NUMBERS_AT_ONCE * len(array) // max(array.size, 1), 1)
    for start in range(0, len(array), step):
        rows = np.asarray(array[start : start + step], kind, order="C")
        if kind.kind == "f" and np.isnan(rows.max(initial=-np.inf)):
            # NaN has many bit patterns; all become the same one.
            rows = np.where(np.isnan(rows), np.array(np.nan, kind), rows)
        state.update(rows)


def _texts(state: Any, texts: NDArray[np.object_]) -> None:
    encoded = Results(_encoded)
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        state.update(b"".join(encoded[text] for text in texts[start : start + _TEXTS_AT_ONCE]))


def _text(state: Any, text: str) -> None:
    state.update(_encoded(text))


def _encoded(text: str) -> bytes:
    # The length keeps "ab", "c" distinct from "a", "bc".
    encoded = text.encode("utf-8", "surrogatepass")
    return f"{len(encoded)}:".encode() + encoded
