"""A trained run as a function: a raw table in, named predictions out.

`scripts/predict.py` and the model that MLflow serves both predict through `Predictor`.
"""

from __future__ import annotations

import importlib.util
import io
import os
import platform
import re
import shutil
import threading
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray

import experiments
import nn
from experiments.config.trust import named_packages
from experiments.errors import RecordError
from experiments.files import yaml as libyaml
from experiments.runs import layout
from experiments.runs.record import Record

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import Model


# What loading a served model imports, beside this project's own code.
_REQUIRED: Final = ("mlflow", "numpy", "pandas", "PyYAML")

_RECORD: Final = "record"
_REQUIREMENTS: Final = "requirements.txt"
_ENVIRONMENT: Final = "python_env.yaml"
CODE: Final = "code"
_PACKED: Final = "descent.zip"
_LOADER: Final = "load_descent"
_LOADER_SOURCE: Final = f'''\
"""What MLflow imports to load the model: it finds the packed code beside it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().with_name("{_PACKED}")))

from experiments.serving.loader import _load_pyfunc
'''

# What trains, compares and publishes is not needed to predict.
_NOT_SERVED: Final = frozenset(
    {"__pycache__", "analysis", "commands", "reporting", "sweeps", "tracking", "workers"}
)


class Predictor:
    """Predicts with the weights of one run.

    Parameters
    ----------
    record
        The run.
    which : {"best", "final"}
        Its weights of the best validation epoch, or those after the last.
    trusted : frozenset of str
        Packages, besides this project's, whose classes the run's network may be built of; see
        :mod:`experiments.config.trust`.

    Attributes
    ----------
    features : tuple of str
        The raw columns it needs.
    columns : tuple of str
        The columns of its predictions.

    Raises
    ------
    RecordError
        Where the run left no weights, or they do not fit its configuration.
    ConfigError
        Where its network cannot be built, or of a class that is not trusted.
    """

    def __init__(self, record: Record, which: str = "best", *, trusted: frozenset[str]) -> None:
        from experiments.config.schema import network_from_config
        from experiments.datasets import Preprocessing

        weights = record.weights(which)
        dataset = record.dataset
        self._task = str(dataset["task"])
        self._targets = tuple(str(name) for name in dataset["target_names"])
        self._preprocessing = Preprocessing.from_json(record.preprocessing_json)
        self.features = self._preprocessing.columns
        self._network = network_from_config(
            record.config, int(dataset["features"]), _output_width(weights), trusted=trusted
        )
        try:
            self._network.load(weights)
        except ValueError as error:
            raise RecordError(
                f"{record.folder / layout.WEIGHTS}: the weights do not fit the network that "
                f"{layout.CONFIG} describes: {error}. Run again with this version of the program."
            ) from error
        self._gives_probabilities = (
            self._network.objective.activation.gives_probabilities and self._task != "regression"
        )
        # The network computes in buffers of its own, and servers call from several threads.
        self._lock = threading.Lock()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the predictions, in order."""
        probabilities = tuple(f"probability_{name}" for name in self._targets)
        given = probabilities if self._gives_probabilities else ()
        return (self._targets if self._by_target else ("prediction",)) + given

    def predict(self, raw: pd.DataFrame | NDArray[Any]) -> pd.DataFrame:
        """Predict for every row of a raw table.

        Parameters
        ----------
        raw : DataFrame with the columns `features`, or ndarray of shape (n, features)
            Columns in any order; others are ignored. An array's columns are in the order of
            `features`; images may keep their shape, (n, height, width).

        Returns
        -------
        DataFrame of n rows
            Classification: `prediction`, a class, and where the network gives probabilities one
            column `probability_<class>` a class. Several labels: a column of 0 and 1 a label,
            and their probabilities. Regression: a column a target, in its own unit.

        Raises
        ------
        DataError
            Where a column is missing, or a cell cannot be encoded; names row and column.
        """
        import pandas as pd

        index = raw.index if isinstance(raw, pd.DataFrame) else None
        if not isinstance(raw, pd.DataFrame):
            raw = np.asarray(raw)
            raw = raw.reshape(len(raw), -1) if raw.ndim > 2 else raw
        inputs = self._preprocessing.encode(raw)
        with self._lock:
            outputs = np.asarray(self._network.predict(inputs)[0], dtype=np.float64)
        named: dict[str, Any] = {}
        if self._task == "regression":
            decoded = np.asarray(self._preprocessing.decode_targets(outputs))
            named = dict(zip(self._targets, decoded.reshape(len(outputs), -1).T, strict=True))
        elif self._task == "multilabel":
            named = dict(zip(self._targets, (outputs > 0.5).astype(np.int64).T, strict=True))
        else:
            if outputs.shape[1] == 1:  # one output for two classes: that of the second
                outputs = np.hstack([1 - outputs, outputs])
            classes = np.array(self._targets, dtype=object)
            named["prediction"] = classes[outputs.argmax(axis=1)]
        if self._gives_probabilities:
            named |= {
                f"probability_{name}": column
                for name, column in zip(self._targets, outputs.T, strict=True)
            }
        return pd.DataFrame(named, index=index)

    @property
    def _by_target(self) -> bool:
        return self._task in ("regression", "multilabel")


def save_model(record: Record, folder: Path, model: Model, predictor: Predictor) -> None:
    """Write a run as an MLflow model that needs neither this checkout nor a pickle.

    Parameters
    ----------
    record
        The run; its best weights are served.
    folder
        Where to write; must not exist.
    model
        MLflow's description of it, completed here.
    predictor
        Of the record; making it has shown that the code that it needs may be imported.
    """
    # MLflow's own `save_model` would go through all that is installed, to warn of what differs
    # from the versions that are taken from there.
    (folder / _RECORD).mkdir(parents=True)
    for name in layout.FILES:
        shutil.copy(record.folder / name, folder / _RECORD / name)
    (folder / CODE).mkdir()
    (folder / CODE / _PACKED).write_bytes(_packed_code())
    (folder / CODE / f"{_LOADER}.py").write_text(_LOADER_SOURCE)
    code, installed = _foreign_code([record.config["model"], record.config["loss"]])
    for source in code:
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / CODE / source.name, ignore=ignored)
        else:
            shutil.copy(source, folder / CODE / source.name)
    (folder / _REQUIREMENTS).write_text(
        "".join(f"{name}=={_version(name)}\n" for name in (*_REQUIRED, *installed))
    )
    environment = {
        "python": platform.python_version(),
        "build_dependencies": ["pip"],
        "dependencies": [f"-r {_REQUIREMENTS}"],
    }
    (folder / _ENVIRONMENT).write_text(yaml.dump(environment, Dumper=libyaml.Dumper))
    # As `mlflow.pyfunc.add_to_model` does it, but that takes a while to import.
    model.add_flavor(
        "python_function",
        loader_module=_LOADER,
        python_version=platform.python_version(),
        data=_RECORD,
        code=CODE,
        env={"virtualenv": _ENVIRONMENT},
    )
    # As `Model.save` does it, but with the faster writer.
    description = {**model.to_dict(), "signature": _signature(predictor, record)}
    (folder / "MLmodel").write_text(
        yaml.dump(description, Dumper=libyaml.Dumper, default_flow_style=False)
    )


def _signature(predictor: Predictor, record: Record) -> dict[str, Any]:
    """Describe a run's raw columns and predictions as MLflow's `ModelSignature.to_dict` does.

    That class needs pandas, which takes as long to import as all four models of a sweep to write.
    """
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec
    from mlflow.types.schema import AnyType

    # As doubles MLflow would refuse columns of integers, which is how pandas reads many a table of
    # numbers; the preprocessing checks every cell itself, and says which one is wrong.
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(AnyType(), name)  # type: ignore[no-untyped-call]
        for name in predictor.features
    ]
    labels = record.dataset["target_names"] if record.dataset["task"] == "multilabel" else ()
    types = {"prediction": DataType.string, **dict.fromkeys(labels, DataType.long)}
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(types.get(name, DataType.double), name) for name in predictor.columns
    ]
    return {
        "inputs": Schema(inputs).to_json(),
        "outputs": Schema(outputs).to_json(),
        "params": None,
    }


def _output_width(weights: Mapping[str, NDArray[Any]]) -> int:
    """Read the width of the network's output off its last dense layer.

    The data do not tell: two classes may be one output or two, as the loss has it.
    """
    biases = {
        int(layer[1]): len(bias)
        for name, bias in weights.items()
        if (layer := re.fullmatch(r"dense(\d+)/bias", name)) is not None
    }
    return biases[max(biases)]


@cache
def _packed_code() -> bytes:
    """Pack this project's code that predicts, as an archive that Python imports from.

    Once for all models, and as one file: servers are given files one by one, and there are about
    a hundred.
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for package in (nn, experiments):
            top = Path(package.__path__[0])
            for folder, below, names in os.walk(top):
                below[:] = sorted(name for name in below if name not in _NOT_SERVED)
                for name in sorted(names):
                    path = Path(folder, name)
                    # Without its date: the same code gives the same bytes.
                    place = zipfile.ZipInfo(path.relative_to(top.parent).as_posix())
                    packed.writestr(place, path.read_bytes(), zipfile.ZIP_DEFLATED, 1)
    return archive.getvalue()


_version = cache(metadata.version)


def _foreign_code(network: Sequence[Mapping[str, Any]]) -> tuple[list[Path], list[str]]:
    """Find the code of others that a network needs: to copy, and installed distributions.

    Components from a user's own package are part of the model as much as ours.
    """
    copied: list[Path] = []
    installed: list[str] = []
    for name in sorted(named_packages(network)):
        distributions = metadata.packages_distributions().get(name)
        if distributions:
            installed += distributions
            continue
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            file = Path(spec.origin)
            copied.append(file.parent if file.name == "__init__.py" else file)
    return copied, sorted(set(installed))
