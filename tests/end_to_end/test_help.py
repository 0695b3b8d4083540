"""What the command line tells about itself, and how quickly."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from experiments.commands.entry import COMMANDS
from tests.end_to_end.command_line import ROOT, Finished, python, run, script, succeeded, uri

SLOW_TO_IMPORT = ("mlflow", "pandas", "sklearn", "matplotlib", "scipy", "joblib", "loky")


def imported(finished: Finished) -> set[str]:
    """The top-level packages that ``-X importtime`` reports."""
    lines = [line for line in finished.err.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_help_is_a_page_for_newcomers_and_quick(tmp_path: Path) -> None:
    finished = python("-X", "importtime", ROOT / "run.py", "--help", folder=tmp_path)
    assert finished.status == 0
    page = finished.out
    for group in ("dataset", "model", "loss", "optimizer", "schedule", "experiment", "debug"):
        choices = {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")}
        (line,) = [line for line in page.splitlines() if line.startswith(f"{group}: ")]
        assert set(line.partition(": ")[2].split(", ")) == choices
    for words in (
        "python run.py -m",
        "seed=",
        "tracking.uri=",
        "--cfg job",
        '"$(python run.py -sc',
    ):
        assert words in page
    assert "$APP_CONFIG_GROUPS" not in page
    # Hydra writes the choices of a group in one line, which terminals wrap.
    written = [line for line in page.splitlines() if not re.match(r"[\w/]+: ", line)]
    assert max(map(len, written)) <= 130
    assert {"hydra", "omegaconf"} <= imported(finished)
    assert imported(finished).isdisjoint(SLOW_TO_IMPORT)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def settings(tmp_path: Path) -> list[str]:
    """The settings that the help page names, as they are typed."""
    page = succeeded(run("--help", folder=tmp_path)).out
    block = page.split("Common settings")[1].split("After -m")[0]
    return [word for line in block.splitlines()[1:] for word in shlex.split(line) if "=" in word]


def test_every_setting_in_the_help_page_is_understood(settings: list[str], tmp_path: Path) -> None:
    assert len(settings) == 23
    shown = yaml.safe_load(succeeded(run("--cfg", "job", *settings, folder=tmp_path)).out)
    assert shown["model"]["hidden"] == [64, 32]
    assert shown["training"]["early_stopping"]["patience"] == 5
    assert shown["tracking"]["uri"] == "http://localhost:5000"


@pytest.mark.slow
def test_a_run_accepts_every_setting_in_the_help_page(settings: list[str], tmp_path: Path) -> None:
    # A training has one length, of three.
    left_out = "tracking", "training.epochs", "training.steps"
    kept = [word for word in settings if not word.startswith(left_out)]
    trained = run(*kept, "debug=fast", "dataset.limit=300", folder=tmp_path)
    assert succeeded(trained).record().config["model"]["activation"] == "tanh"


def test_cfg_shows_the_configuration_and_runs_nothing(tmp_path: Path) -> None:
    command = ("--cfg", "job", "experiment=xor", "optimizer.lr=0.5", "seed=7")
    finished = python("-X", "importtime", ROOT / "run.py", *command, folder=tmp_path)
    shown = yaml.safe_load(finished.out)
    assert finished.status == 0
    assert shown["seed"] == 7
    assert shown["optimizer"]["lr"] == 0.5
    assert shown["optimizer"]["_target_"] == "nn.SGD"
    assert shown["loss"]["_target_"] == "nn.BinaryCrossEntropy"
    assert shown["model"]["hidden"] == [4]
    assert "hydra" not in shown
    assert imported(finished).isdisjoint(SLOW_TO_IMPORT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("optim", {"optimizer=", "optimizer."}),
        (
            "optimizer=ada",
            {
                f"optimizer={name}"
                for name in (
                    *("adabelief", "adadelta", "adafactor", "adagrad"),
                    *("adam", "adamax", "adamw", "adan"),
                )
            },
        ),
        ("optimizer.b", {"optimizer.beta1=", "optimizer.beta2="}),
        ("dataset=i", {"dataset=images", "dataset=iris"}),
        ("experiment=x", {"experiment=xor"}),
        ("optimizer=sgd optimizer.b", set()),
    ],
)
def test_shell_completion(typed: str, offered: set[str], tmp_path: Path) -> None:
    """As bash asks, through the variables that it sets for a completion function."""
    line = f"python run.py {typed}"
    asked = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_CWORD": "2"}
    finished = run("-sc", "query=bash", folder=tmp_path, env=asked)
    assert set(succeeded(finished).out.split()) == offered


def test_shell_completion_installs(tmp_path: Path) -> None:
    finished = succeeded(run("-sc", "install=bash", folder=tmp_path))
    assert "complete " in finished.out
    assert "COMP_LINE" in finished.out


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_explain_themselves(command: str, tmp_path: Path) -> None:
    for called, typed in [
        (script(f"{command}.py", "--help", folder=tmp_path), f"python scripts/{command}.py"),
        (python("-m", "descent", command, "--help", folder=tmp_path), f"descent {command}"),
    ]:
        page = succeeded(called).out
        assert page.startswith(f"usage: {typed} ")
        assert f"\n    {typed} " in page  # an example


@pytest.mark.parametrize("command", sorted({*COMMANDS} - {"ui", "describe", "reproduce"}))
def test_commands_say_what_is_missing(command: str, tmp_path: Path) -> None:
    assert script(f"{command}.py", folder=tmp_path).status == 2


def test_pages_of_nothing_are_not_opened(tmp_path: Path) -> None:
    finished = script("ui.py", "--uri", uri(tmp_path), folder=tmp_path)
    assert finished.status == 1
    assert "nothing was published" in finished.err
    assert "optimizer=adam" in finished.err
    served = succeeded(script("ui.py", "--uri", "http://user:secret@host:5000", folder=tmp_path))
    assert served.out.endswith(": http://host:5000\n")


@pytest.mark.parametrize("name", ["predict.py", "publish.py", "compare.py", "pictures.py"])
def test_scripts_say_that_a_folder_is_missing(name: str, tmp_path: Path) -> None:
    more = ["table.csv"] if name == "predict.py" else []
    finished = script(name, "nowhere", *more, folder=tmp_path)
    assert finished.status == 1
    assert "nowhere" in finished.err
    assert "Traceback" not in finished.err
    assert finished.err.count("\n") == 1


def test_a_python_without_descent_is_told_what_to_do(tmp_path: Path) -> None:
    # Without site-packages, as the Python that is active before the environment is.
    finished = python("-I", "-S", ROOT / "run.py", "optimizer=sgd", folder=tmp_path)
    assert finished.status == 1
    assert finished.err.startswith("error: Descent is not installed in this Python.")
    assert ". .venv/bin/activate" in finished.err
