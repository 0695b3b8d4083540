"""Terminals, pipes and closed streams, as a shell sets them up."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.runs.find import find_records
from tests.end_to_end.command_line import FEW_POINTS, NOT_TRACKED, RUN, environment, started

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="pipes and streams as POSIX has them"),
]

CHEAP = (*FEW_POINTS, NOT_TRACKED, "training.epochs=2")
SWEEP = ("-m", "optimizer=sgd,adam", *CHEAP)


def in_shell(command: str, folder: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of Bash, in which RUN stands for `python run.py`; report each program's status."""
    line = command.replace("RUN", f"{shlex.quote(sys.executable)} {shlex.quote(str(RUN))}")
    return subprocess.run(
        ["bash", "-c", f'{line}; echo "${{PIPESTATUS[@]}}" > statuses'],
        cwd=folder,
        env=environment(**env),
        capture_output=True,
        timeout=240,
        check=False,
    )


def statuses(folder: Path) -> list[int]:
    return [int(word) for word in (folder / "statuses").read_text().split()]


@pytest.mark.parametrize("arguments", [CHEAP, SWEEP], ids=["run", "sweep"])
def test_an_encoding_with_few_characters(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = started(*arguments, folder=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert (done.status, done.err) == (0, "")
    assert (done.out + done.err).isascii()
    assert ("2 runs -> multirun" in done.out) or (" per step" in done.out)
    compared = started("compare", done.folder, folder=tmp_path, env={"PYTHONIOENCODING": "cp1252"})
    assert compared.status == 0, compared.err


def test_what_only_prints_ends_quietly_when_nobody_reads(tmp_path: Path) -> None:
    # The reader has ended before anything is printed.
    done = in_shell("RUN --cfg job | true", tmp_path, PYTHONUNBUFFERED="")
    assert statuses(tmp_path) == [141, 0]
    assert done.stderr == b""


def test_a_sweep_goes_on_when_nobody_reads(tmp_path: Path) -> None:
    done = in_shell(f"RUN {shlex.join(SWEEP)} | true", tmp_path)
    assert statuses(tmp_path) == [0, 0]
    assert done.stderr == b""
    assert len(find_records(tmp_path / "multirun")) == 2
    assert len([*tmp_path.glob("multirun/*/*/comparison.md")]) == 1


def test_a_sweep_without_any_stream(tmp_path: Path) -> None:
    in_shell(f"RUN {shlex.join(SWEEP)} <&- >&- 2>&-", tmp_path)
    assert statuses(tmp_path) == [0]
    assert len(find_records(tmp_path / "multirun")) == 2


def test_a_working_directory_that_was_deleted(tmp_path: Path) -> None:
    gone = "mkdir gone; cd gone; rmdir ../gone;"
    for arguments in ("seed=1", "compare x"):
        done = in_shell(f"( {gone} RUN {arguments} )", tmp_path)
        assert statuses(tmp_path) == [1]
        expected = "error: the working directory was deleted. Change to one that exists: cd FOLDER"
        assert done.stderr.decode().splitlines() == [expected]
