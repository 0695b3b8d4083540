"""What a run's identity depends on, and what it does not."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import experiments
import nn
from experiments.runs import identity as identity_module
from experiments.runs.identity import Identity, code_files, code_fingerprint, libraries

CONFIG: dict[str, Any] = {
    "seed": 0,
    "experiment_name": "descent",
    "dataset": {"_target_": "experiments.datasets.Csv", "path": "a.csv", "dir": "here", "seed": 0},
    "model": {"_target_": "experiments.config.models.MLP", "hidden": [4, 3], "activation": "tanh"},
    "loss": {"_target_": "nn.CrossEntropy"},
    "optimizer": {"_target_": "nn.Adam", "lr": 0.1, "weight_decay": 0.0},
    "schedule": {"_target_": "nn.schedules.Constant"},
    "training": {"epochs": 3, "early_stopping": {"patience": None}, "blas_threads": 1},
    "tracking": {"uri": None, "enabled": True, "models": "best"},
}
DIGEST = "d" * 64


def identity(config: dict[str, Any], digest: str) -> str:
    return Identity.of(config, digest).id


def changed(key: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    *path, last = key.split(".")
    node = config
    for name in path:
        node = node[name]
    node[last] = value
    return config


def test_it_is_a_sha256() -> None:
    assert re.fullmatch("[0-9a-f]{64}", identity(CONFIG, DIGEST))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 1),
        ("dataset.seed", 1),
        ("dataset.limit", 10),
        ("model.hidden", [3, 4]),
        ("model.hidden", [4]),
        ("model.activation", "relu"),
        ("model.activation", {"name": "leaky_relu", "slope": 0.1}),
        ("loss._target_", "nn.KLDivergence"),
        ("optimizer._target_", "nn.AdamW"),
        ("optimizer.lr", 0.1000000001),
        ("optimizer.weight_decay", 1e-300),
        ("schedule.warmup", 1),
        ("training.epochs", 4),
        ("training.early_stopping.patience", 3),
        ("training.blas_threads", 2),
    ],
)
def test_what_can_change_the_result_changes_it(key: str, value: Any) -> None:
    assert identity(changed(key, value), DIGEST) != identity(CONFIG, DIGEST)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("experiment_name", "another"),
        ("comparison", {"metric": "test/accuracy"}),
        ("tracking.uri", "http://localhost:5000"),
        ("tracking.enabled", False),
        ("tracking", {}),
        ("dataset.dir", "there"),
        ("dataset.verify", True),
    ],
)
def test_what_cannot_does_not(key: str, value: Any) -> None:
    assert identity(changed(key, value), DIGEST) == identity(CONFIG, DIGEST)


def test_the_order_of_keys_does_not_count() -> None:
    backwards = {
        key: dict(reversed(value.items())) if isinstance(value, dict) else value
        for key, value in reversed(CONFIG.items())
    }
    assert identity(backwards, DIGEST) == identity(CONFIG, DIGEST)


def test_the_data_count() -> None:
    assert identity(CONFIG, "e" * 64) != identity(CONFIG, DIGEST)


def test_the_configuration_is_left_as_it_was() -> None:
    before = copy.deepcopy(CONFIG)
    identity(CONFIG, DIGEST)
    assert before == CONFIG


def test_it_is_the_same_in_every_process() -> None:
    code = (
        "import json, sys; from experiments.runs.identity import Identity;"
        "print(Identity.of(json.loads(sys.argv[1]), sys.argv[2]).id)"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code, json.dumps(CONFIG), DIGEST],
            env={
                **os.environ,
                "PYTHONPATH": str(Path(nn.__file__).parents[1]),
                "PYTHONHASHSEED": seed,
            },
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in "12"
    }
    assert printed == {identity(CONFIG, DIGEST) + "\n"}


@pytest.fixture
def fresh() -> Any:
    """The fingerprint is kept for the process; let each test take its own."""
    code_fingerprint.cache_clear()
    libraries.cache_clear()
    yield
    code_fingerprint.cache_clear()
    libraries.cache_clear()


WITHOUT_INFLUENCE = {
    "experiments": "an empty package",
    "experiments.config": "an empty package",
    "experiments.config.limits": "refuses what is too large",
    "experiments.config.schema": "checks settings, which are hashed as they are",
    "experiments.errors": "exceptions",
    "experiments.escape": "escapes what messages say",
    "experiments.files": "an empty package",
    "experiments.files.atomic": "writes files",
    "experiments.files.json": "reads what was written",
    "experiments.warning": "prints warnings",
    "experiments.switches": "switches off what changes no bit",
}
"""Modules that are imported with training, and why their source decides no result."""


def test_all_code_that_comes_with_training_counts() -> None:
    listing = (
        "import sys, experiments.training.loop;"
        "print(*(f'{name} {module.__file__}' for name, module in sys.modules.items()"
        " if name.partition('.')[0] in ('nn', 'experiments')), sep='\\n')"
    )
    printed = subprocess.run(
        [sys.executable, "-c", listing], check=True, capture_output=True, text=True
    ).stdout
    hashed = {str(file) for file in code_files()}
    modules = dict(line.split(" ", 1) for line in printed.splitlines())
    assert {name for name, file in modules.items() if file not in hashed} == set(WITHOUT_INFLUENCE)


def test_a_changed_line_in_any_hashed_file_changes_the_fingerprint(tmp_path: Path) -> None:
    for package in (nn, experiments):
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(package.__path__[0], tmp_path / package.__name__, ignore=skipped)
    places = tmp_path / "nn", tmp_path / "experiments"
    assert code_fingerprint(*places) == code_fingerprint()
    files = code_files(*places)
    seen = set()
    for file in files:
        source = file.read_bytes()
        file.write_bytes(source + b"# changed\n")
        seen.add(code_fingerprint.__wrapped__(*places))
        file.write_bytes(source)
    assert len(seen - {code_fingerprint()}) == len(files)


def test_the_version_of_numpy_counts(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    before = identity(CONFIG, DIGEST)
    libraries.cache_clear()
    monkeypatch.setattr(identity_module.metadata, "version", lambda name: "99.0")
    assert identity(CONFIG, DIGEST) != before


def test_the_code_that_only_shows_or_publishes_does_not_count(
    fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_files: list[str] = []
    read = Path.read_bytes

    def noted(path: Path) -> bytes:
        read_files.append(path.name)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", noted)
    code_fingerprint()
    assert not {"publisher.py", "progress.py", "shared_board.py"} & set(read_files)
    assert {"adam.py", "dense.py", "stack.py", "evaluation.py", "targets.py"} <= set(read_files)
