"""CSV files of all kinds that people have, and the message for each that cannot be read."""

from pathlib import Path

import pytest

from experiments.datasets.reading import csv_file
from experiments.datasets.reading.csv_file import read_csv
from experiments.datasets.reading.raw_table import RawTable
from experiments.errors import DataError


def table_of(tmp_path: Path, content: str | bytes, **options: str) -> RawTable:
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(path, **options)


def cells(table: RawTable) -> dict[str, list[str]]:
    return {name: list(table[name]) for name in table}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a;b\n1,5;2,5\n", {"a": ["1,5"], "b": ["2,5"]}),
        ("a\tb\n1;2\t3\n", {"a": ["1;2"], "b": ["3"]}),
        ("a|b\n1|2\n", {"a": ["1"], "b": ["2"]}),
        # A comma within quotes is no delimiter, nor is one in a name if lines do not have it.
        ('"a, in m, x";b\n1;2\n', {"a, in m, x": ["1"], "b": ["2"]}),
        ('b;"a, ""x"", y"\n1;2\n', {"b": ["1"], 'a, "x", y': ["2"]}),
        ("a, in m;b\n1;2\n", {"a, in m": ["1"], "b": ["2"]}),
        ('5" pipe;b, c, d"\n1;2\n', {'5" pipe': ["1"], 'b, c, d"': ["2"]}),
        ('a;b\n1;"x, y\n, z"\n', {"a": ["1"], "b": ["x, y\n, z"]}),
        ('"a\nb";c\n1;2\n', {"a\nb": ["1"], "c": ["2"]}),
        # A blank after the delimiter may stand before a quote.
        ('a, "b, c"\n1, "2, 3"\n', {"a": ["1"], "b, c": ["2, 3"]}),
        (" a , b\n 1 , x y \n", {"a": ["1"], "b": ["x y"]}),
        # Excel's line
        ("sep=;\na;b\n1;2\n", {"a": ["1"], "b": ["2"]}),
        ('\ufeff"SEP=|"\r\na|b\r\n1|2\r\n', {"a": ["1"], "b": ["2"]}),
        ("sep=^\na^b\n1,2^3\n", {"a": ["1,2"], "b": ["3"]}),
        # Byte order mark before a quote, line ends of three systems, none at the end
        ('\ufeff"a,b",c\n1,2', {"a,b": ["1"], "c": ["2"]}),
        ("a,b\r\n1,2\r\n\r\n3,4", {"a": ["1", "3"], "b": ["2", "4"]}),
        (" \na,b\n1,2\n\t \n  \n3,4\n", {"a": ["1", "3"], "b": ["2", "4"]}),
        ('a\n1\n""\n\n2\n', {"a": ["1", "", "2"]}),
        ("a,b\r1,2\r3,4\r", {"a": ["1", "3"], "b": ["2", "4"]}),
        # Cells are not interpreted.
        ("a,b\nNone,1.10\nNULL,01\n", {"a": ["None", "NULL"], "b": ["1.10", "01"]}),
        ("a\n9007199254740993\n", {"a": ["9007199254740993"]}),
        ("e\u0301,b\n1,2\n", {"é": ["1"], "b": ["2"]}),
    ],
)
def test_a_table_is_read(content: str, expected: dict[str, list[str]], tmp_path: Path) -> None:
    assert cells(table_of(tmp_path, content)) == expected


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        ("a,b;c\n1,2;3\n", {"delimiter": ","}, {"a": ["1"], "b;c": ["2;3"]}),
        ("sep=;\na,b;c\n1,2;3\n", {"delimiter": ","}, {"a": ["1"], "b;c": ["2;3"]}),
        ("a b\n1 2\n", {"delimiter": " "}, {"a": ["1"], "b": ["2"]}),
        ("ä,b\nö,€\n".encode("cp1252"), {"encoding": "cp1252"}, {"ä": ["ö"], "b": ["€"]}),
        ("ä,b\nö,1\n".encode("utf-16"), {"encoding": "utf-16"}, {"ä": ["ö"], "b": ["1"]}),
        ("\ufeffä\nö\n".encode("utf-16-le"), {"encoding": "utf-16-le"}, {"ä": ["ö"]}),
        ("\ufeffä\nö\n".encode(), {"encoding": "UTF8"}, {"ä": ["ö"]}),
    ],
)
def test_what_a_file_does_not_say_may_be_given(
    content: str | bytes,
    options: dict[str, str],
    expected: dict[str, list[str]],
    tmp_path: Path,
) -> None:
    assert cells(table_of(tmp_path, content, **options)) == expected


def test_a_long_table_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "_CELLS_AT_ONCE", 7)
    rows = [(f"{i}", f'"{i}\n"') for i in range(10)]
    table = table_of(tmp_path, "a,b\n\n" + "".join(f"{a},{b}\n" for a, b in rows))
    assert table["a"][9] == "9"
    assert table.lines is not None
    assert table.lines.tolist() == [4 + 2 * row for row in range(10)]
    assert table.where(9, "a").endswith("table.csv, line 22 (row 10), column 'a'")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("\ufeff", "the file is empty"),
        ("sep=;\n", "the file is empty"),
        ("a,b\n", "no rows below the header"),
        ("a,a\n1,2\n", "names 'a' twice"),
        ("é,e\u0301\n1,2\n", "names 'é' twice"),
        (",\n1,2\n", "the header names no column"),
        ("1,2\n3,4\n", r"first line holds numbers \(1, 2\)"),
        ("a,b\n1,2\n1,2,3\n", r"line 3: 3 cells, where the header names 2 columns.*','"),
        ('a,b\n1,"x\ny"\n1\n', "line 4: 1 cell, where the header names 2"),
        ("sep=;\na;b\n1\n", "line 3: 1 cell"),
        ('a,b\n1,2\n1,"x\ny\nz\n', "line 3: not proper CSV .*a quote that opens a cell there"),
        ('a,b\n1,2\n1,"' + "x,y\n" * 50_000, "line 3: not proper CSV .*a quote that opens"),
        ('a,b\n1,"x"y\n', "line 2: not proper CSV"),
        ("a,b\n1,2\n1,\0\n", "line 3: a cell contains a NUL character"),
        ("table.csv\0\0000644\0ustar  \0\0a,b\n1,2\n", "this is a tar archive. Unpack it first"),
        ("a\0,b\n1,2\n", "line 1: the header contains NUL characters.*utf-16-le"),
        ("a,b\n1,2\n".encode("utf-16-le"), "line 1: the header contains NUL.*utf-16-le"),
    ],
)
def test_a_malformed_table_is_named_with_the_line(
    content: str | bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=rf"table\.csv[:,].* ?{message}"):
        table_of(tmp_path, content)


LONG = "a,b\n" + "1,2\n" * 20_000


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (
            "a,b\n1,Köln\n".encode("latin-1"),
            {},
            r"line 2: not UTF-8 .*latin-1 \(with 'Köln' there\)",
        ),
        (
            (LONG + "1,5 €\n").encode("cp1252"),
            {},
            r"line 20002: not UTF-8 .*cp1252 \(with '€' there",
        ),
        (
            (LONG + "1,ä\n").encode("latin-1"),
            {},
            "line 20002: not UTF-8 .*dataset.encoding=latin-1",
        ),
        ("Ort,b\n1,2\n".encode("utf-16"), {}, r"line 1: not UTF-8 .*utf-16 \(with 'Ort,b' there\)"),
        ("ä\n1\n".encode(), {"encoding": "ascii"}, "line 1: not ascii .*dataset.encoding=utf-8"),
        (b"a\n\xff\xff\xff", {"encoding": "utf-16-le"}, "not utf-16-le text"),
        (b"a,b\n1,2\n", {"encoding": "utf-16"}, "not utf-16 text"),
        (
            "a,b\n1,2\n".encode("utf-16-le"),
            {"encoding": "utf-16"},
            "not utf-16 text. Without a byte order mark, train with dataset.encoding=utf-16-le",
        ),
        ("Ort\n1\n".encode("utf-32"), {}, r"not UTF-8 .*utf-32 \(with 'Ort' there\)"),
        (b"a\n\xc3", {}, "line 2: not UTF-8 text"),
        (b"\x89PNG\r\n\x1a\n\0\0abcdefghijk", {}, "line 1: not UTF-8 text. It holds binary data"),
    ],
)
def test_the_likely_encoding_is_named(
    content: bytes, options: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        table_of(tmp_path, content, **options)


def test_a_line_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "_LONGEST_LINE", 1000)
    with pytest.raises(DataError, match=r"line 2: the line has more than 1,000 characters"):
        table_of(tmp_path, "a,b\n" + "1," * 5000)
    rows = "1," + "2" * 997 + "\n"
    assert table_of(tmp_path, "a,b\n" + rows[1:] + rows[1:]).rows == 2


def test_a_column_without_a_name_is_left_out(tmp_path: Path) -> None:
    """As pandas writes its index; who needs it says so."""
    table = table_of(tmp_path, ",a,b,\n0,1,2,\n")
    assert cells(table) == {"a": ["1"], "b": ["2"]}
    assert table.unnamed == 1
