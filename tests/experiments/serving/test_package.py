"""A packed model holds what predicts, and loads beside whatever else has been imported."""

import importlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nn
from experiments.runs.record import Record
from experiments.serving.package import pack_model
from experiments.serving.predictor import Predictor
from tests.experiments.record_factory import FEATURES, config_yaml, make_record

ROOT = Path(__file__).resolve().parents[3]

TABLE = pd.DataFrame(np.random.default_rng(3).normal(size=(5, 3)), columns=list(FEATURES))

SCALED = """
from dataclasses import dataclass
from typing import ClassVar

import nn.layers
from nn import Layer

@dataclass
class Scaled(Layer):
    name: ClassVar[str] = "scaled"

    def forward(self, x, training):
        from nn.layers.layer import Layer as Lazily
        import scaled
        assert Lazily is Layer is nn.layers.Layer
        assert scaled.Scaled is Scaled
        return {factor} * x

    def backward(self, grad, input_gradient):
        return {factor} * grad
"""

SEQUENTIAL = """
  _target_: experiments.config.models.Sequential
  hidden_layers:
  - {_target_: nn.layers.Dense, units: 4}
  - {_target_: scaled.Scaled}
  - {_target_: nn.layers.ActivationLayer, function: relu}
"""


def scaled_record(folder: Path, factor: float, monkeypatch: pytest.MonkeyPatch) -> Record:
    """A record whose network has a layer of the user's own, in the module `scaled`."""
    folder.mkdir()
    (folder / "scaled.py").write_text(SCALED.format(factor=factor))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "scaled", raising=False)
    before, rest = config_yaml().split("model:")
    config = f"{before}model:{SEQUENTIAL}loss:{rest.partition('loss:')[2]}"
    return make_record(folder / "run", config=config)


def by_predictor(record: Record) -> pd.DataFrame:
    return Predictor(record, trusted=frozenset({"scaled"})).predict(TABLE)


@pytest.fixture(autouse=True)
def unload(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget the models that a test has loaded in this process."""
    monkeypatch.setattr(sys, "meta_path", sys.meta_path.copy())
    yield
    for name in [name for name in sys.modules if name.startswith("_descent_served_")]:
        del sys.modules[name]


def load(model: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load a packed model in this process, as MLflow does it."""
    monkeypatch.syspath_prepend(model / "code")
    return importlib.import_module(package)._load_pyfunc(str(model / "record"))


# Three models, the first loaded in a fresh process, the others after modules of the same names.
PROGRAM = """
import importlib, json, sys, zipfile
from pathlib import Path
import pandas

inputs, source, *models = sys.argv[1:]
names = ("nn", "experiments", "scaled")
sys.path = [path for path in sys.path if path != source]

def load(model):
    (package,) = Path(model, "code").iterdir()
    sys.path.insert(0, str(package.parent))
    return importlib.import_module(package.name)._load_pyfunc(str(Path(model, "record")))

def predict(loaded):
    return loaded.predict(pandas.read_csv(inputs)).to_csv(index=False)

loaded = [load(models[0])]
predictions = [predict(loaded[0])]
plain = [name for name in sys.modules if name.partition(".")[0] in names]

sys.path.append(".")
import nn, experiments, scaled
modules = [nn, experiments, scaled]
loaded += map(load, models[1:])
predictions += map(predict, loaded)
foreign = {name: sys.modules[name].what for name in sys.modules if name.partition(".")[0] in names}
kept = [sys.modules[name] for name in names] == modules

slow = [name for name in ("hydra", "sklearn", "scipy", "matplotlib") if name in sys.modules]
for package in {type(each).__module__.partition(".")[0] for each in loaded}:
    (archive,) = (path for path in sys.modules[package].__path__ if path.endswith(".zip"))
    for name in zipfile.ZipFile(archive).namelist():
        module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        importlib.import_module(f"{package}.{module}")

print(json.dumps([predictions, plain, foreign, kept, slow]))
"""


def test_models_are_loaded_beside_modules_of_the_same_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = []
    expected = []
    for number, factor in enumerate((2.0, -1.0)):
        record = scaled_record(tmp_path / str(number), factor, monkeypatch)
        models.append(tmp_path / f"model{number}")
        pack_model(record, models[-1])
        expected.append(by_predictor(record))
    record = make_record(tmp_path / "run")
    models.append(tmp_path / "model")
    pack_model(record, models[-1])
    expected.append(by_predictor(record))
    assert len({table.to_csv() for table in expected}) == 3

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("nn", "experiments", "scaled"):
        (elsewhere / f"{name}.py").write_text(f"what = 'a foreign {name}'")
    TABLE.to_csv(tmp_path / "inputs.csv", index=False)
    places = [tmp_path / "inputs.csv", ROOT / "src", *models]
    done = subprocess.run(
        # -I leaves out the working directory and PYTHONPATH.
        [sys.executable, "-I", "-c", PROGRAM, *map(str, places)],
        cwd=elsewhere,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    predictions, plain, foreign, kept, slow = json.loads(done.stdout)
    for found, table in zip(predictions, [expected[0], *expected], strict=True):
        pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(found)), table, check_dtype=False)
    assert plain == []
    assert foreign == {name: f"a foreign {name}" for name in ("nn", "experiments", "scaled")}
    assert kept
    assert slow == []


def test_a_model_is_loaded_beside_this_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = scaled_record(tmp_path / "scaled", 3.0, monkeypatch)
    expected = by_predictor(record)
    package = pack_model(record, tmp_path / "model")
    before = dict(sys.modules)
    loaded = load(tmp_path / "model", package, monkeypatch)
    pd.testing.assert_frame_equal(loaded.predict(TABLE), expected)
    after = {name: sys.modules[name] for name in sys.modules if name.partition(".")[0] != package}
    assert after == before
    assert sys.modules[f"{package}.nn"] is not nn


def test_the_package_is_named_by_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = make_record(tmp_path / "run")
    scaled = [scaled_record(tmp_path / str(factor), factor, monkeypatch) for factor in (2.0, 3.0)]
    # `scaled` is the module of the last record for both.
    names = [
        pack_model(each, tmp_path / f"model{number}")
        for number, each in enumerate([record, record, *scaled])
    ]
    assert names[0] == names[1] != names[2] == names[3]
    (tmp_path / "3.0" / "scaled.py").write_text(SCALED.format(factor=4))
    assert pack_model(scaled[1], tmp_path / "another") not in names


def archived(model: Path, package: str) -> set[str]:
    with zipfile.ZipFile(model / "code" / package / "descent.zip") as archive:
        return set(archive.namelist())


def test_only_code_that_predicts_is_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = scaled_record(tmp_path / "scaled", 2.0, monkeypatch)
    files = archived(tmp_path / "model", pack_model(record, tmp_path / "model"))
    folders = {name.split("/")[1] for name in files if name.startswith("experiments/")}
    for folder in ("training", "runs", "serving"):
        assert folder in folders
    for folder in ("analysis", "commands", "reporting", "sweeps", "tracking", "workers"):
        assert folder not in folders
    assert "experiments/training/loop.py" not in files

    # Of the rest, what the user's own module imports.
    module = tmp_path / "scaled" / "scaled.py"
    more = "if 0:\n    from experiments.training.loop import (\n        fit,\n    )\n"
    module.write_text(module.read_text() + more)
    files = archived(tmp_path / "more", pack_model(record, tmp_path / "more"))
    assert "experiments/training/loop.py" in files
    assert "experiments/training/stack.py" in files


def test_an_installed_layer_is_required_and_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = scaled_record(tmp_path / "scaled", 3.0, monkeypatch)
    installed = {"scaled": ["pytest"]}
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: installed)
    model = tmp_path / "model"
    package = pack_model(record, model)
    assert f"pytest=={pytest.__version__}" in (model / "requirements.txt").read_text().splitlines()
    assert not (model / "code" / package / "scaled.py").exists()
    # It is imported once more, with the model's `nn`, if the user allows it.
    with pytest.raises(Exception, match="DESCENT_TRUSTED_PACKAGES=scaled"):
        load(model, package, monkeypatch)
    monkeypatch.setenv("DESCENT_TRUSTED_PACKAGES", "scaled")
    loaded = load(model, package, monkeypatch)
    pd.testing.assert_frame_equal(loaded.predict(TABLE), by_predictor(record))


def test_a_package_without_an_init_file_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = scaled_record(tmp_path / "scaled", 3.0, monkeypatch)
    folder = tmp_path / "scaled" / "layers_of_mine"
    folder.mkdir()
    source = SCALED.format(factor=3.0).replace(
        "import scaled", "import layers_of_mine.more as scaled"
    )
    (folder / "more.py").write_text(source)
    config = record.config_yaml.replace("scaled.Scaled", "layers_of_mine.more.Scaled")
    package = pack_model(make_record(tmp_path / "run", config=config), tmp_path / "model")
    (folder / "more.py").unlink()
    loaded = load(tmp_path / "model", package, monkeypatch)
    pd.testing.assert_frame_equal(loaded.predict(TABLE), by_predictor(record))
