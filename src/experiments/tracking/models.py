"""Write runs as MLflow models: a packed run, and the description with which MLflow loads it."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import yaml

from experiments.files import yaml as libyaml
from experiments.runs.record import Record
from experiments.serving.loader import CODE
from experiments.serving.package import ENVIRONMENT, RECORD, pack_model
from experiments.serving.predictor import Predictor

if TYPE_CHECKING:
    from mlflow.models import Model
    from mlflow.types import ColSpec, TensorSpec


_ROWS: Final = "float64"
"""The type of the numbers of a sparse matrix, as SciPy and svmlight files have it."""

_SAMPLES: Final = "float32"
"""The type of samples that are sent as a tensor. MLflow refuses any other."""


def save_model(record: Record, folder: Path, model: Model, predictor: Predictor) -> None:
    """Write a run as an MLflow model that needs neither this checkout nor a pickle.

    Parameters
    ----------
    record : Record
        The run; its best weights are served.
    folder : Path
        The folder to write to, which must not exist.
    model : Model
        MLflow's description of the model, which is completed here.
    predictor : Predictor
        The predictor of the record. Creating it checks that the code it needs may be imported.
    """
    # MLflow's `save_model` would compare all installed packages with the required versions, which
    # are those of the same packages.
    package = pack_model(record, folder)
    # Equivalent to `mlflow.pyfunc.add_to_model`, which is slow to import.
    model.add_flavor(
        "python_function",
        loader_module=package,
        python_version=platform.python_version(),
        data=RECORD,
        code=CODE,
        env={"virtualenv": ENVIRONMENT},
    )
    # Equivalent to `Model.save`, but with the faster YAML writer.
    description = {
        **model.to_dict(),
        "signature": _signature(predictor, record),
        "saved_input_example_info": _save_example(predictor, folder),
    }
    (folder / "MLmodel").write_text(
        yaml.dump(description, Dumper=libyaml.Dumper, default_flow_style=False)
    )


def _signature(predictor: Predictor, record: Record) -> dict[str, Any]:
    """Describe a run's raw inputs and predictions like MLflow's `ModelSignature.to_dict`.

    MLflow's class needs pandas, whose import takes as long as writing four models.
    """
    from mlflow.types import ColSpec, DataType, Schema

    labels = record.dataset["target_names"] if record.dataset["task"] == "multilabel" else ()
    types = {"prediction": DataType.string, **dict.fromkeys(labels, DataType.long)}
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(types.get(name, DataType.double), name) for name in predictor.columns
    ]
    return {
        "inputs": Schema(_inputs(predictor)).to_json(),
        "outputs": Schema(outputs).to_json(),
        "params": None,
    }


def _inputs(predictor: Predictor) -> list[ColSpec | TensorSpec]:
    """Describe what the model takes: columns, samples if its network takes those, or rows."""
    from mlflow.types import ColSpec, DataType, TensorSpec

    if (kind := _tensor(predictor)) is not None:
        return [TensorSpec(np.dtype(kind), (-1, *predictor.shape))]
    # Whole numbers are doubles, too: where a column is declared as integers, MLflow's server cuts
    # off the fractions of what it is sent.
    preprocessing = predictor.preprocessing
    return [
        ColSpec(
            DataType.double if isinstance(value, float) else DataType.string,
            name,
            required=name not in preprocessing.fills,
        )
        for name, value in preprocessing.example().items()
    ]


def _tensor(predictor: Predictor) -> str | None:
    """Return the type of the tensor that the model takes; None if it takes a table."""
    if predictor.takes_samples:
        return _SAMPLES
    return None if predictor.preprocessing.takes_table else _ROWS


def _save_example(predictor: Predictor, folder: Path) -> dict[str, str]:
    """Write an example of the model's input as MLflow does, and return how MLflow describes it."""
    row = predictor.preprocessing.example()
    example: Any
    if (tensor := _tensor(predictor)) is not None:
        values = np.array(list(row.values()), tensor)
        example = values.reshape(1, *predictor.shape).tolist()
        request, kind = {"inputs": example}, {"type": "ndarray"}
    else:
        example = {"columns": list(row), "data": [list(row.values())]}
        request, kind = (
            {"dataframe_split": example},
            {"type": "dataframe", "pandas_orient": "split"},
        )
    (folder / "input_example.json").write_text(json.dumps(example))
    (folder / "serving_input_example.json").write_text(json.dumps(request))
    return {
        **kind,
        "artifact_path": "input_example.json",
        "serving_input_path": "serving_input_example.json",
    }
