"""Files are opened plain or packed, and refused if they cannot be read as a whole."""

import bz2
import gzip
import logging
import lzma
import math
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.datasets.reading import opening
from experiments.datasets.reading.opening import opened, regular_file
from experiments.errors import DataError

CONTENT = b"a,y\n1,2\n" * 1000


def zipped(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, CONTENT)


WRITERS: dict[str, Callable[[Path], object]] = {
    "plain": lambda path: path.write_bytes(CONTENT),
    "gzip": lambda path: path.write_bytes(gzip.compress(CONTENT)),
    "bzip2": lambda path: path.write_bytes(bz2.compress(CONTENT)),
    "xz": lambda path: path.write_bytes(lzma.compress(CONTENT)),
    "zip": lambda path: zipped(path, "folder/", "folder/table.csv", "__MACOSX/._table.csv"),
}


def read(path: Path) -> bytes:
    with opened(path) as stream:
        return b"".join(iter(lambda: stream.read1(1000), b""))


@pytest.mark.parametrize("packing", WRITERS)
def test_the_contents_say_how_a_file_is_packed(packing: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    WRITERS[packing](path)
    assert read(path) == CONTENT


@pytest.mark.parametrize("packing", sorted(set(WRITERS) - {"plain"}))
def test_a_packed_file_that_is_cut_short(packing: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    WRITERS[packing](path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"table\.csv: the compressed file is damaged"):
        read(path)


@pytest.mark.parametrize("packing", sorted(set(WRITERS) - {"plain"}))
def test_a_packed_file_that_is_damaged(packing: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    WRITERS[packing](path)
    content = bytearray(path.read_bytes())
    start = content.rindex(b"folder/table.csv", 0, len(content) // 2) if packing == "zip" else 0
    content[start + 40] ^= 0x55  # among the packed data
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"table\.csv: the compressed file is damaged"):
        read(path)


def test_an_archive_needs_one_file(tmp_path: Path) -> None:
    path = tmp_path / "table.zip"
    zipped(path, "a.csv", "b.csv")
    with pytest.raises(DataError, match=r"holds 2 files \(a\.csv, b\.csv\)"):
        read(path)
    zipped(path)
    with pytest.raises(DataError, match="holds 0 files"):
        read(path)
    zipped(path, "[Content_Types].xml", "xl/workbook.xml")
    with pytest.raises(DataError, match="an Excel workbook"):
        read(path)


def pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "there is no such file"),
        (Path.mkdir, "it is a folder"),
        (pipe, "it is a pipe, socket or device"),  # opening it would wait for ever
        (lambda path: path.symlink_to("/dev/zero"), "it is a pipe, socket or device"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (lambda path: path.symlink_to("nowhere"), "there is no such file"),
    ],
)
def test_what_is_no_file_is_refused_at_once(
    make: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    make(path)
    with pytest.raises(DataError, match=rf"table\.csv: .*{message}"):
        regular_file(path)
    with pytest.raises(DataError, match=rf"table\.csv: .*{message}"):
        read(path)


@pytest.mark.parametrize("fault", [None, DataError("table.csv, line 7: 3 cells")])
def test_a_file_that_changes_while_it_is_read(fault: DataError | None, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(CONTENT)

    def read_with_change() -> None:
        with opened(path) as stream:
            stream.read1(1000)
            with path.open("ab") as file:
                file.write(b"3,")
            if fault is not None:
                raise fault

    with pytest.raises(DataError, match="changed while it was read"):
        read_with_change()


@pytest.mark.parametrize("packing", WRITERS)
def test_text_that_does_not_fit_in_memory(
    packing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.csv"
    WRITERS[packing](path)
    monkeypatch.setattr(opening, "available_memory", lambda: 4 * len(CONTENT) - 1)
    with pytest.raises(DataError, match=r"table\.csv: .* needs about .* of memory, but only"):
        read(path)
    monkeypatch.setattr(opening, "available_memory", lambda: 4 * len(CONTENT))
    assert read(path) == CONTENT


@pytest.mark.parametrize("packing", WRITERS)
def test_reading_a_long_file_says_how_far_it_is(
    packing: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "table.csv"
    WRITERS[packing](path)
    with caplog.at_level(logging.INFO):
        monkeypatch.setattr(opening, "_SECONDS_BETWEEN", math.inf)
        read(path)
        assert caplog.messages == []
        monkeypatch.setattr(opening, "_SECONDS_BETWEEN", 0)
        read(path)
    assert re.fullmatch(r"table\.csv: \d+% read \(.* of .*\)", caplog.messages[-1])
