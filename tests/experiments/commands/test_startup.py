"""What a command begins before it knows what it will do."""

import subprocess
import sys
from pathlib import Path

import pytest

from experiments.commands.startup import is_sweep, will_publish, will_train

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("command", "trains", "publishes", "sweeps"),
    [
        ("", True, True, False),
        ("optimizer=sgd seed=3", True, True, False),
        ("-m optimizer=sgd,adam", True, True, True),
        ("optimizer=sgd,adam --multirun", True, True, True),
        ("tracking=none", True, False, False),
        ("-m tracking.enabled=false seed=1,2", True, False, True),
        ("tracking.uri=http://localhost:5000", True, True, False),
        ("--help", False, True, False),
        ("--cfg job optimizer=sgd", False, True, False),
        ("-sc install=bash", False, True, False),
    ],
)
def test_what_a_command_line_asks_for(
    command: str, trains: bool, publishes: bool, sweeps: bool
) -> None:
    arguments = command.split()
    assert will_train(arguments) == trains
    assert will_publish(arguments) == publishes
    assert is_sweep(arguments) == sweeps


def test_what_nothing_takes_is_ended(tmp_path: Path) -> None:
    """A mistake ends the command at once, and MLflow is imported for nothing by nobody."""
    program = (
        "import time, psutil\n"
        "from experiments.commands.startup import started_ahead\n"
        "with started_ahead(['-m', 'seed=0,1']):\n"
        "    pass\n"
        "deadline = time.monotonic() + 100\n"
        "def forks():\n"
        "    every = psutil.Process().children(recursive=True)\n"
        "    return [child for child in every if 'forkserver' in ' '.join(child.cmdline())]\n"
        "while len(forks()) != 1 and time.monotonic() < deadline:\n"
        "    time.sleep(0.05)\n"
        "print(len(forks()))\n"
    )
    assert printed(program, tmp_path) == ["1"]  # the server alone, which ends with the program


@pytest.mark.slow
def test_what_was_left_out_of_mlflow_may_be_asked_for(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from experiments.commands.startup import import_mlflow\n"
        "from experiments.tracking.importing import complete_mlflow\n"
        "import_mlflow()\n"
        "print('pandas' in sys.modules)\n"
        "complete_mlflow()\n"
        "import mlflow, mlflow.pyfunc\n"
        "from mlflow.models import ModelSignature, infer_signature\n"
        "print(mlflow.pyfunc.PyFuncModel.__name__)\n"
    )
    assert printed(program, tmp_path) == ["False", "PyFuncModel"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hidden", "left_out"),
    [("pandas", True), ("yaml", False)],
    ids=["MLflow works without it", "it does not"],
)
def test_mlflow_is_imported_without_pandas_if_it_can_be(
    hidden: str, left_out: bool, tmp_path: Path
) -> None:
    """What is hidden can be imported afterwards."""
    program = (
        "import sys\n"
        "from experiments.tracking import importing\n"
        "hide = importing.hidden\n"
        f"importing.hidden = lambda package: hide({hidden!r})\n"
        "from experiments.commands.startup import import_mlflow\n"
        f"sys.modules.pop({hidden!r}, None)\n"
        "import_mlflow()\n"
        f"print({hidden!r} not in sys.modules)\n"
        f"import {hidden}\n"
        "import mlflow\n"
        "print(mlflow.MlflowClient.__name__)\n"
    )
    assert printed(program, tmp_path) == [str(left_out), "MlflowClient"]


def printed(program: str, folder: Path) -> list[str]:
    """Run a program that shows no errors, and return the words that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_starting_ahead_can_be_switched_off(tmp_path: Path) -> None:
    program = (
        "import os\n"
        "os.environ['DESCENT_PLAIN'] = 'ahead'\n"
        "import psutil\n"
        "from experiments.commands.startup import started_ahead\n"
        "with started_ahead(['-m', 'seed=0,1']):\n"
        "    print(len(psutil.Process().children(recursive=True)))\n"
    )
    assert printed(program, tmp_path) == ["0"]
