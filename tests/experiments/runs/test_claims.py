"""Claims on runs: one process at a time has one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.runs.claims import Claims
from experiments.runs.identity import Identity
from tests.end_to_end.command_line import environment

ONE = Identity.of({"seed": 1}, "digest")
OTHER = Identity.of({"seed": 2}, "digest")

ELSEWHERE = """
import sys
from pathlib import Path
from experiments.runs.claims import Claims
from experiments.runs.identity import Identity
claims = Claims(Path(sys.argv[1]))
for line in sys.stdin:
    print(claims.claim(Identity.of({"seed": int(line)}, "digest")), flush=True)
"""


@pytest.fixture
def elsewhere(tmp_path: Path):
    """Another process that claims what it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", ELSEWHERE, tmp_path],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def claimed(process: "subprocess.Popen[str]", seed: int) -> bool:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{seed}\n")
    process.stdin.flush()
    return process.stdout.readline() == "True\n"


def test_nobody_else_can_have_what_is_claimed(tmp_path: Path, elsewhere) -> None:
    claims = Claims(tmp_path)
    assert claims.claim(ONE)
    assert not claimed(elsewhere, 1)
    assert claimed(elsewhere, 2)
    assert not claims.claim(OTHER)


def test_until_it_is_released(tmp_path: Path, elsewhere) -> None:
    claims = Claims(tmp_path)
    assert claims.claim(ONE)
    claims.release(ONE)
    assert claimed(elsewhere, 1)
    assert not claims.claim(ONE)


def test_or_its_owner_is_killed(tmp_path: Path, elsewhere) -> None:
    claims = Claims(tmp_path)
    assert claimed(elsewhere, 1)
    assert not claims.claim(ONE)
    elsewhere.kill()
    elsewhere.wait()
    assert claims.claim(ONE)


def test_nobody_gets_the_same_twice(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    assert claims.claim(ONE)
    assert not claims.claim(ONE)
    claims.release(ONE)
    assert claims.claim(ONE)


def test_releasing_what_is_not_claimed_changes_nothing(tmp_path: Path, elsewhere) -> None:
    claims = Claims(tmp_path)
    assert claimed(elsewhere, 1)
    claims.release(ONE)
    assert not claims.claim(ONE)


def test_thousands_take_one_file(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    identities = [Identity.of({"seed": seed}, "") for seed in range(3000)]
    assert all(claims.claim(identity) for identity in identities)
    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after - before <= 1
    assert (tmp_path / "claims").stat().st_size == 0


def test_a_folder_that_cannot_be_made_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    claims = Claims(tmp_path / "file" / "folder")
    assert claims.claim(ONE)
    claims.release(ONE)
