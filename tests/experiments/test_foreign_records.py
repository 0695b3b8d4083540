"""Records that may come from anybody: what they name is not imported before the user allows it."""

import importlib
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient

from experiments.commands import compare, predict, publish
from experiments.config.build import network_from_config, run_from_config, source_from_config
from experiments.config.trust import named_packages
from experiments.datasets import CACHE, Samples, Xor
from experiments.errors import ConfigError
from experiments.reporting.figures.networks import figures_for
from experiments.runs.execute import execute
from experiments.runs.execution import Execution
from experiments.runs.identity import Identity
from experiments.runs.index import FinishedRuns
from experiments.runs.record import Record
from experiments.runs.write import copy_record
from experiments.serving.loader import _load_pyfunc
from experiments.workers.task import Home, train_stack
from tests.end_to_end.command_line import script
from tests.experiments.record_factory import config_yaml, make_record
from tests.experiments.small_runs import make_small_job

TARGET = "from_elsewhere.Mine"
CURE = "DESCENT_TRUSTED_PACKAGES=from_elsewhere"
PARTS = ("dataset", "model", "loss", "optimizer", "schedule", "model.activation")

SPY = """
from pathlib import Path
Path({trace!r}).write_text("imported")
from nn.activations import ReLU
class Mine(ReLU):
    pass
"""


@pytest.fixture(autouse=True)
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that is there once `from_elsewhere`, which everybody can find, has been imported."""
    trace, modules = tmp_path / "trace", tmp_path / "modules"
    modules.mkdir()
    (modules / "from_elsewhere.py").write_text(SPY.format(trace=str(trace)))
    monkeypatch.syspath_prepend(modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DESCENT_TRUSTED_PACKAGES", raising=False)
    yield trace
    sys.modules.pop("from_elsewhere", None)


def naming(config: dict[str, Any], *parts: str, target: str = TARGET) -> dict[str, Any]:
    """A configuration in which these parts are of another class."""
    changed = yaml.safe_load(yaml.safe_dump(config))
    for part in parts:
        *path, last = part.split(".")
        node = changed
        for name in path:
            node = node[name]
        node[last] = {"_target_": target}
    return changed


def foreign_record(folder: Path, *parts: str, target: str = TARGET, **changes: Any) -> Record:
    """A made-up record in whose configuration these parts are of another class."""
    config = naming(yaml.safe_load(config_yaml()), *parts, target=target)
    return make_record(folder, config=yaml.safe_dump(config), **changes)


def assert_refused(message: str, *places: str) -> None:
    """Check that a message names the class once for each place, and the cure."""
    assert "Traceback" not in message
    assert message.count(f"'{TARGET}'") == len(places)
    assert CURE in message
    for place in places:
        assert f"{place}._target_: '{TARGET}' belongs neither to this project" in message


# Building and trusting


@pytest.mark.parametrize("part", PARTS)
def test_what_is_trusted_is_said_with_every_call(part: str, trace: Path) -> None:
    config = naming(dict(make_small_job(Path("unused")).config), part)
    with pytest.raises(ConfigError) as caught:
        run_from_config(config, trusted=frozenset({"another"}))
    assert_refused(str(caught.value), part)
    assert not trace.exists()
    if part == "model.activation":
        run_from_config(config, trusted=named_packages(config))
        assert trace.exists()
        with pytest.raises(ConfigError, match=CURE):
            network_from_config(config, Samples((2,)), 2, trusted=frozenset())


def test_a_network_and_a_source_are_built_without_the_other_parts(trace: Path) -> None:
    config = dict(make_small_job(Path("unused")).config)
    for_data = naming(config, "model", "loss", "optimizer", "schedule")
    assert source_from_config(for_data, trusted=frozenset()) == Xor()
    for_network = naming({**config, "training": {"dtype": "float32"}}, "dataset", "optimizer")
    assert network_from_config(for_network, Samples((2,)), 2, trusted=frozenset()).inputs == 2
    assert not trace.exists()


@pytest.mark.parametrize(
    "target",
    [
        "experiments.workers.preloaded.X",  # whose import ends every command with status 0
        "experiments.tracking.process.Destination",
        "experiments.config.schema.Training",
        "experiments.Model",
        "experiments.config.modelsandmore.Model",
        "experiments",
    ],
)
def test_of_this_project_only_parts_can_be_named(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = naming(dict(make_small_job(Path("unused")).config), *PARTS[:-1], target=target)
    monkeypatch.setattr(importlib, "import_module", lambda name: pytest.fail(name))
    with pytest.raises(ConfigError) as caught:
        run_from_config(config, trusted=named_packages(config) | {"experiments", "nn"})
    lines = str(caught.value).splitlines()
    assert len(lines) == len(PARTS[:-1])
    for line in lines:
        assert f"._target_: {target!r} is not a part of a run, so it is not imported" in line
        assert (
            "nn, experiments.datasets, experiments.published and experiments.config.models" in line
        )


# Commands


def test_comparing_imports_nothing(
    tmp_path: Path, trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(2):
        foreign_record(tmp_path / f"runs/{seed}", *PARTS[:-1], seed=seed)
    tables = ["--output", "out", "--csv", "a.csv", "--markdown", "a.md", "--latex", "a.tex"]
    assert compare.main(["runs", *tables]) == 0
    assert capsys.readouterr().err == ""
    assert not trace.exists()


@pytest.mark.parametrize("part", ["dataset", "model.activation"])
def test_a_report_says_what_it_may_not_draw(
    part: str, tmp_path: Path, trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained_elsewhere(tmp_path / "runs", part)
    assert compare.main(["runs", "--report", "report"]) == 0
    assert capsys.readouterr().err == ""
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8").replace("&#39;", "'")
    (note,) = (
        line for line in page.splitlines() if "There are no pictures of the networks" in line
    )
    assert_refused(note, part)
    assert not trace.exists()


def test_predicting(
    tmp_path: Path,
    trace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    foreign_record(tmp_path / "run", "model.activation", "optimizer", "dataset")
    np.save("inputs.npy", np.zeros((2, 3)))
    assert predict.main(["run", "inputs.npy"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("predict: ")
    assert_refused(printed.err, "model.activation")
    assert not trace.exists()
    monkeypatch.setenv("DESCENT_TRUSTED_PACKAGES", "another, from_elsewhere")
    assert predict.main(["run", "inputs.npy"]) == 0
    assert trace.exists()


def test_a_module_of_ours_that_ends_commands_does_not_end_this_one(tmp_path: Path) -> None:
    target = "experiments.workers.preloaded.X"
    foreign_record(tmp_path / "run", "loss", target=target)
    np.save("inputs.npy", np.zeros((2, 3)))
    done = script("predict.py", "run", "inputs.npy", folder=tmp_path)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(
        "predict: loss._target_: 'experiments.workers.preloaded.X' is not a part"
    )
    assert done.err.count("\n") == 1


def test_publishing(tmp_path: Path, trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = foreign_record(tmp_path / "run", "loss", "optimizer")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert publish.main(["run", "--uri", uri]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("publish: ")
    assert_refused(printed.err, "loss")
    assert not trace.exists()
    # The run is there as a whole; only of its model there is nothing.
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(record.experiment)
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert client.search_logged_models([experiment.experiment_id]) == []


def trained_elsewhere(folder: Path, part: str) -> list[Record]:
    """Trained records that were given another class for a part."""
    jobs = [make_small_job(folder.with_name("made") / str(seed), seed=seed) for seed in range(2)]
    dataset = Xor().load()
    for path in execute([Execution(job, dataset) for job in jobs]):
        record = Record.read(path)
        config = yaml.safe_dump(naming(dict(record.config), part))
        copy_record(record, folder / path.name, data=record.data, config_yaml=config)
    return [Record.read(folder / job.folder.name) for job in jobs]


def test_the_example_of_the_page_about_pictures(tmp_path: Path, trace: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "pictures.md"
    example = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    trained_elsewhere(tmp_path / "multirun", "dataset")
    with pytest.raises(ConfigError) as caught:
        exec(compile(example, str(page), "exec"), {})
    assert_refused(str(caught.value), "dataset")
    assert not trace.exists()


@pytest.mark.parametrize("part", ["model.activation", "loss"])
def test_pictures_of_networks(part: str, tmp_path: Path, trace: Path) -> None:
    records = trained_elsewhere(tmp_path / "multirun", part)
    with pytest.raises(ConfigError) as caught:
        figures_for(records, Xor().load(), trusted=frozenset())
    assert_refused(str(caught.value), part)
    assert not trace.exists()


# What loads and trains elsewhere


def test_a_served_model_may_name_only_the_code_that_it_carries(tmp_path: Path, trace: Path) -> None:
    foreign_record(tmp_path / "model" / "record", "model.activation")
    code = tmp_path / "model" / "code"
    code.mkdir()
    (code / "another.py").touch()
    with pytest.raises(ConfigError) as caught:
        _load_pyfunc(str(tmp_path / "model" / "record"))
    assert_refused(str(caught.value), "model.activation")
    assert not trace.exists()
    (code / "from_elsewhere.py").touch()  # which MLflow would have put before the one in `modules`
    _load_pyfunc(str(tmp_path / "model" / "record"))
    assert trace.exists()


def test_a_worker_takes_over_a_record_without_building_from_it(tmp_path: Path, trace: Path) -> None:
    job = make_small_job(tmp_path / "sweep" / "0")
    identity = Identity.of(job.config, Xor().load().digest)
    known = {"identity": identity.id, "identity_parts": identity.parts()}
    found = foreign_record(tmp_path / "outputs", *PARTS[:-1], **known)
    FinishedRuns(CACHE / "runs").add(identity, found.folder)
    home = Home(tmp_path / "sweep", "not there", tmp_path)
    notes: Any = SimpleNamespace(stopping=False, write=lambda run, epoch, loss: None)
    sent = train_stack(pickle.dumps({0: (job, identity)}), notes, home)
    assert sent[0]["weights.npz"] == (found.folder / "weights.npz").read_bytes()
    assert yaml.safe_load(sent[0]["config.yaml"]) == job.config
    assert not trace.exists()
