"""A sweep from Python, in a script that does not ask whether it is the main program."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.runs.find import find_records
from experiments.training.status import Status
from tests.end_to_end.command_line import environment, python, succeeded

SCRIPT = """
import descent

runs = descent.sweep(
    "dataset=digits", "training.epochs=300", "tracking=none", "checkpoint.seconds=0.2",
    "hydra.launcher.n_jobs=2",
    optimizer=["sgd", "adam"], seed=range(4),
)
print(len(runs), "runs,", len(runs.curves()), "rows of curves")
"""


@pytest.mark.slow
def test_an_interrupted_call_goes_on_when_it_is_called_again(tmp_path: Path) -> None:
    script = tmp_path / "study.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, "-u", str(script)],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert "8 runs → multirun" in process.stdout.readline()
        while not [*tmp_path.glob("multirun/**/metrics.csv")]:  # of a checkpoint
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert Status.INTERRUPTED in {record.status for record in find_records(tmp_path)}

    again = succeeded(python(script, folder=tmp_path))
    assert "resume from their last checkpoint" in again.out
    assert again.out.endswith("8 runs, 2408 rows of curves\n")


PICTURES = """
import descent
from experiments.errors import UserError

few = ["dataset=moons", "training.epochs=2", "tracking=none"]
runs = descent.sweep(*few, optimizer=["sgd", "adam"])
print(type(runs.plot("boundaries")).__name__)
try:
    runs.plot("maps")
except UserError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_picture_of_what_networks_learnt_is_drawn_by_its_name(tmp_path: Path) -> None:
    script = tmp_path / "pictures.py"
    script.write_text(PICTURES)
    *_, drawn, refused = succeeded(python(script, folder=tmp_path)).out.splitlines()
    assert drawn == "Figure"
    assert refused.startswith("There is no picture 'maps' of these runs: they have boundaries")
