"""Only regular files of a bounded size are read."""

import os
from pathlib import Path

import pytest

from experiments.files.reading import is_plain_file, read_file


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_file(tmp_path / "file", 5) == b"12345"
    assert is_plain_file(tmp_path / "file")


def test_a_file_beyond_the_bound_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 40)  # which takes no space
    with pytest.raises(ValueError, match="1,099,511,627,776 bytes, and at most 5 are read"):
        read_file(tmp_path / "large", 5)


def test_what_does_not_fit_in_memory_is_refused(tmp_path: Path) -> None:
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 43)  # eight terabytes
    with pytest.raises(ValueError, match="memory"):
        read_file(tmp_path / "large", 1 << 50)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none")


@pytest.mark.skipif(os.name == "nt", reason="no such files on Windows")
def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, says in [
        ("folder", "a folder, not a file"),
        ("pipe", "a pipe, not a file"),
        ("link", "a symbolic link"),
        ("loop", "a symbolic link"),
    ]:
        assert not is_plain_file(tmp_path / name)
        with pytest.raises(ValueError, match=says):
            read_file(tmp_path / name)
    with pytest.raises(ValueError, match="a device, not a file"):
        read_file(Path("/dev/zero"))
    with pytest.raises(ValueError, match="null"):
        read_file(Path("a\0b"))
