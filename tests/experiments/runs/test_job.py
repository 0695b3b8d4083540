"""Jobs, and what they are called."""

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import ConfigError
from experiments.runs.job import command, make_job
from tests.experiments.small_runs import make_small_job


def name(overrides: list[str], varied: list[str] | None = None, **changes: Any) -> str:
    keys = [override.lstrip("+").partition("=")[0] for override in overrides]
    return make_small_job(
        Path("unused"), overrides=overrides, varied=keys if varied is None else varied, **changes
    ).name


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], "sgd-seed0"),
        (["seed=3"], "sgd-seed3"),
        (["optimizer=sgd", "seed=3"], "sgd-seed3"),
        (["optimizer.lr=0.1"], "sgd-lr0.1-seed0"),
        (["++optimizer.lr=0.1"], "sgd-lr0.1-seed0"),
        (["+optimizer.lr=0.1"], "sgd-lr0.1-seed0"),
        (["optimizer.lr=1e-3", "model.dropout=0.5"], "sgd-lr1e-3-dropout0.5-seed0"),
        (["model.hidden=[64,32]"], "sgd-hidden64x32-seed0"),
        (["model.hidden=[]"], "sgd-hidden-seed0"),
        (["dataset=moons"], "sgd-moons-seed0"),
        (["training.early_stopping.patience=5"], "sgd-patience5-seed0"),
        (["model.activation=relu", "loss=mse"], "sgd-activationrelu-mse-seed0"),
    ],
)
def test_a_name_shows_optimizer_what_varies_and_seed(overrides: list[str], expected: str) -> None:
    seed = 3 if "seed=3" in overrides else 0
    assert name(overrides, seed=seed) == expected


def test_what_does_not_vary_is_not_shown() -> None:
    overrides = ["model.dropout=0.5", "optimizer.lr=0.1", "dataset=moons"]
    assert name(overrides, ["optimizer.lr"]) == "sgd-lr0.1-seed0"
    assert name(overrides, []) == "sgd-seed0"


def test_names_in_a_sweep_differ_where_its_jobs_do() -> None:
    jobs = [
        [f"optimizer.lr={lr}", f"model.hidden=[{hidden}]", f"seed={seed}"]
        for lr in ("0.1", "0.01")
        for hidden in ("64", "64,32")
        for seed in (0, 1)
    ]
    names = {name(job, seed=int(job[2][5:])) for job in jobs}
    assert len(names) == len(jobs)


def test_without_a_choice_the_class_names_the_optimizer() -> None:
    job = make_small_job(Path("unused"), optimizer={"_target_": "nn.AdamW"})
    bare = make_job(
        job.config, choices={}, overrides=[], trusted=frozenset(), folder=Path("unused")
    )
    assert bare.name == "adamw-seed0"


def test_choices_are_the_applications_own() -> None:
    job = make_small_job(Path("unused"))
    made = make_job(
        job.config,
        choices={"optimizer": "sgd", "debug": None, "hydra/launcher": "stacked", "model": "mlp"},
        overrides=("seed=1",),
        trusted=frozenset(),
        folder=Path("folder"),
        sweep="2025_x",
    )
    assert made.choices == {"optimizer": "sgd", "model": "mlp"}
    assert (made.overrides, made.folder, made.sweep) == (["seed=1"], Path("folder"), "2025_x")
    assert made.config == job.config


def test_what_a_search_declares_is_no_part_of_a_run() -> None:
    job = make_small_job(Path("unused"))
    optimizer = {**job.config["optimizer"], "_search_": {"lr": {"low": 1e-4, "high": 1}}}
    model = {**job.config["model"], "_search_": {"dropout": [0, 0.5]}}
    made = make_job(
        {**job.config, "optimizer": optimizer, "model": model},
        choices={},
        overrides=(),
        trusted=frozenset(),
        folder=Path("folder"),
    )
    assert made.config == job.config
    assert made.run == job.run
    assert "_search_" in optimizer


def test_a_wrong_configuration_makes_no_job() -> None:
    with pytest.raises(ConfigError, match=r"optimizer\.lr must be .*\n.*training\.epochs must be"):
        make_small_job(Path("unused"), optimizer__lr=-1, training__epochs=0)


def test_the_command_can_be_typed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [
        "-m",
        "model.hidden=[64,32]",
        "experiment_name=two words",
        "seed=range(5)",
        "a='b'",
    ]
    monkeypatch.setattr(sys, "argv", ["/somewhere/run.py", *arguments])
    assert shlex.split(command()) == ["python", "run.py", *arguments]
    assert make_small_job(Path("unused")).command == command()


def test_a_job_is_described_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = 'tracking.uri="http://ada:it\'s mine@host"'
    monkeypatch.setenv("SERVICE_TOKEN", "v4riable-value")
    words = [uri, "+token=two words", "experiment_name=v4riable-value"]
    monkeypatch.setattr(sys, "argv", ["run.py", *words])
    safe = ['tracking.uri="http://ada:***@host"', "+token=***", "experiment_name=***"]
    assert shlex.split(command())[2:] == safe
    assert make_small_job(Path("unused"), overrides=words).overrides == safe
    assert name(["+token=abc"]) == "sgd-***-seed0"


@pytest.mark.parametrize("length", ["steps", "evaluations"])
def test_epochs_beside_another_length_are_refused(length: str) -> None:
    config = make_small_job(Path("unused")).config

    def made(count: int | None, *overrides: str) -> None:
        training = {**config["training"], length: count}
        make_job(
            {**config, "training": training},
            choices={},
            overrides=overrides,
            trusted=frozenset(),
            folder=Path("unused"),
        )

    made(7)  # the default number of epochs does not disturb
    made(None, "training.epochs=3")
    refused = (
        rf"training.epochs=3 has no effect beside training.{length}=7, .*training.{length}=null"
    )
    for override in ("training.epochs=3", "++training.epochs=3"):
        with pytest.raises(ConfigError, match=refused):
            made(7, override)
