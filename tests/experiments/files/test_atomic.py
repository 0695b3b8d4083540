"""Files that are there whole or not at all."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.errors import UserError
from experiments.files.atomic import write_atomically, write_in_order, write_output


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path, durable: bool) -> None:
    for content in (b"old", b"new"):
        write_atomically(tmp_path / "file", content, durable=durable)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": content}


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((os, "fsync") if failing == "fsync" else (Path, "replace")), full)
    with pytest.raises(OSError, match="No space left on device"):
        write_atomically(path, b"new", durable=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"old"}


@pytest.mark.parametrize("failing", range(1, 9))
def test_of_several_files_the_last_is_there_only_if_all_are(
    failing: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of the steps fails: of four files, each is flushed before the first is renamed."""
    steps: list[str] = []

    def step(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            steps.append(name)
            if len(steps) == failing:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*arguments)

        return call

    monkeypatch.setattr(os, "fsync", step("fsync", os.fsync))
    monkeypatch.setattr(Path, "replace", step("replace", Path.replace))
    files = {tmp_path / name: name.encode() for name in "abcd"}
    with pytest.raises(OSError, match="No space left") as raised:
        write_in_order(files, durable=True)
    assert steps == (["fsync"] * 4 + ["replace"] * 4)[:failing]
    assert raised.value.filename == str([*files][(failing - 1) % 4])
    assert sorted(tmp_path.iterdir()) == [*files][: max(0, failing - 5)]


def test_only_what_must_be_durable_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write_atomically(tmp_path / "picture", b"")
    assert not synced
    write_atomically(tmp_path / "record", b"", durable=True)
    assert len(synced) == 1


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_a_file_may_be_read_by_whom_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_an_output_that_cannot_be_written_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere/file: cannot be written: No such file"):
        write_output(tmp_path / "nowhere" / "file", b"")
