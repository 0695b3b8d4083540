"""Models for MLflow: a packed run, and the description by which MLflow loads and serves it."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from experiments.files import yaml as libyaml
from experiments.runs.record import Record
from experiments.serving.loader import CODE
from experiments.serving.package import ENVIRONMENT, LOADER, RECORD, pack_model
from experiments.serving.predictor import Predictor

if TYPE_CHECKING:
    from mlflow.models import Model


def save_model(record: Record, folder: Path, model: Model, predictor: Predictor) -> None:
    """Write a run as an MLflow model that needs neither this checkout nor a pickle.

    Parameters
    ----------
    record : Record
        The run; its best weights are served.
    folder : Path
        Where to write; must not exist.
    model : Model
        MLflow's description of it, completed here.
    predictor : Predictor
        Of the record; making it has shown that the code that it needs may be imported.
    """
    # MLflow's own `save_model` would look through all installed packages, to warn of those that
    # differ from the required versions, which are taken from the same packages.
    pack_model(record, folder)
    # As `mlflow.pyfunc.add_to_model` does it, but that takes a while to import.
    model.add_flavor(
        "python_function",
        loader_module=LOADER,
        python_version=platform.python_version(),
        data=RECORD,
        code=CODE,
        env={"virtualenv": ENVIRONMENT},
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
