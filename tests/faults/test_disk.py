"""A disk that is full, and files that were damaged: said in words, and nothing wrong believed."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.runs.find import find_records
from tests.end_to_end.command_line import NOT_TRACKED, run, script, succeeded
from tests.faults.sweeps import assert_complete, newest_sweep, sweep, undisturbed

MEGABYTES = 4
FEW = sweep("sgd,adam", seeds=3, epochs=15, hidden="[64]")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for a few megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", folder]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system can only be mounted by root, outside most containers")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def filled(folder: Path, free: int) -> Path:
    """Fill a disk up to a number of free bytes."""
    disk = os.statvfs(folder)
    filler = folder / "filler"
    filler.write_bytes(b"\0" * max(0, disk.f_bavail * disk.f_frsize - free))
    return filler


@pytest.mark.parametrize(
    "free",
    [
        *(pytest.param(free, marks=pytest.mark.slow) for free in (0, 300_000)),
        *(pytest.param(free, marks=pytest.mark.thorough) for free in (100_000, 600_000)),
    ],
)
def test_a_full_disk_is_told_and_the_same_command_goes_on_when_there_is_room(
    small_disk: Path, tmp_path: Path, free: int
) -> None:
    reference = undisturbed(FEW, tmp_path / "undisturbed")
    filler = filled(small_disk, free)
    database = tmp_path / "mlflow.db"
    command = (*FEW, f"tracking.uri=sqlite:///{database}")
    full = run(*command, folder=small_disk)
    assert full.status == 1
    assert "Traceback" not in full.out + full.err
    assert "No space left on device" in full.err
    for record in find_records(small_disk):
        assert record.is_whole
    filler.unlink()
    # What there was no room for is trained now; what is whole is not trained again.
    finished = run(*command, folder=small_disk)
    assert finished.status == 0, finished.out + finished.err
    assert_complete(newest_sweep(small_disk), reference, database)


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(0, marks=pytest.mark.slow),
        *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(1, 6)),
    ],
)
def test_damaged_files_are_never_believed(tmp_path: Path, seed: int) -> None:
    reference = undisturbed(FEW, tmp_path / "undisturbed")
    chance = random.Random(seed)
    folder = tmp_path / "damaged"
    database = folder / "mlflow.db"
    command = (*FEW, f"tracking.uri=sqlite:///{database}")
    succeeded(run(*command, folder=folder))
    for _ in range(3):
        # A bit here, a missing end there, in records, checkpoints and the index of what is
        # finished; the cached dataset too.
        files = [
            path
            for top in (folder / ".cache", folder / "multirun")
            for path in sorted(top.rglob("*"))
            if path.is_file() and not path.is_symlink() and ".hydra" not in path.parts
        ]
        for path in chance.sample(files, k=len(files) // 3):
            damage(path, chance)
        again = run(*command, folder=folder)
        assert again.status == 0, again.out + again.err
        assert "Traceback" not in again.out + again.err
        # A run whose record was damaged is another one now: what it was is not known any more.
        assert_complete(newest_sweep(folder), reference, database, alone=False)


def damage(path: Path, chance: random.Random) -> None:
    """Flip a byte of a file, or cut its end off."""
    content = bytearray(path.read_bytes())
    if not content:
        return
    place = chance.randrange(len(content))
    if chance.random() < 0.5:
        content[place] ^= 1 << chance.randrange(8)
    else:
        del content[place:]
    path.unlink()  # a record that was taken over shares its files with the other
    path.write_bytes(content)


@pytest.mark.slow
def test_a_damaged_record_is_named_by_the_scripts(tmp_path: Path) -> None:
    finished = succeeded(run(*FEW, NOT_TRACKED, folder=tmp_path))
    victim = finished.records()[0].folder / "metrics.csv"
    victim.write_text(victim.read_text()[:-7])
    told = script("compare.py", "multirun", folder=tmp_path)
    assert told.status == 1
    assert "Traceback" not in told.err
    assert str(victim.parent.name) in told.err
