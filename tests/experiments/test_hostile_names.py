"""Hostile names in every field, read back from what the commands print and write."""

import csv
import hashlib
import json
import re
import shutil
import sys
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from experiments.commands.compare import main as compare
from experiments.commands.console import EscapingConsole
from experiments.commands.predict import main as predict
from experiments.commands.sample import main as sample
from experiments.commands.standings import Standings
from experiments.escape import visible
from experiments.runs.record import Record
from experiments.tracking.contents import tags
from experiments.warning import warn
from tests.experiments.record_factory import config_yaml, make_record, record_data

NAMES = (
    "\x1b[31mred\x1b[0m",
    "up\x1b[1A\rover",
    "‮evil‬",
    "two\nlines",
    "<script>alert(1)</script>",
    "a|b*c_d`e`",
    "[bold]x[/bold][/]",
    "[x](javascript:alert)",
    "\\input{/etc/passwd}%$#",
    "$\\frac$",
    ":smile:",
    "nul\0bell\a",
    '"quoted", & more',
)


def hostile_runs(folder: Path, name: str, **changes: object) -> list[Record]:
    """Two groups of two runs, whose names, choices and messages are hostile."""
    data = record_data()
    records = []
    for group in ("one", "two"):
        for seed in (0, 1):
            choices = dict.fromkeys(data["choices"], name) | {"optimizer": f"{name} {group}"}
            records.append(
                make_record(
                    folder / f"{group}-{seed}",
                    config=config_yaml(seed=seed),
                    optimizer=group,
                    seed=seed,
                    name=f"{name}-{group}-seed{seed}",
                    choices=choices,
                    labels={"stage": name},
                    command=f"run {name}",
                    message=name,
                    experiment=name,
                    dataset={**data["dataset"], "name": name},
                    environment={"python": name},
                    **changes,
                )
            )
    return records


def assert_calm(text: str) -> None:
    """Check that a text does nothing but show letters and begin new lines."""
    effects = {sign for sign in text if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl")}
    assert effects <= {"\n"}


@pytest.mark.parametrize("name", NAMES)
def test_tables(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile_runs(tmp_path / "runs", name)
    files = {ending: tmp_path / f"table.{ending}" for ending in ("md", "tex", "csv")}
    options = ["--markdown", str(files["md"]), "--latex", str(files["tex"])]
    assert compare([str(tmp_path / "runs"), *options, "--csv", str(files["csv"])]) == 0
    printed = capsys.readouterr()
    for text in (printed.out, printed.err, files["md"].read_text(), files["tex"].read_text()):
        assert_calm(text)
    assert visible(f"{name} one") in printed.out
    assert_table(files["md"].read_text())
    latex = re.sub(r"(?m)^%.*$", "", files["tex"].read_text())
    rows = re.findall(r"(?m)^(.*) \\\\$", latex.replace(r"\&", ""))
    assert {row.count("&") for row in rows[:3]} == {rows[0].count("&")}
    assert not re.search(r"\\(input|frac|\w*\[)", latex)
    with files["csv"].open(newline="") as file:
        assert {row["optimizer"] for row in csv.DictReader(file)} == {f"{name} one", f"{name} two"}


def assert_table(markdown: str) -> None:
    """Check that the tables of a Markdown page are read as tables, and nothing is read as HTML."""
    reader = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable("table")
    page = Elements()
    page.feed(reader.render(markdown))
    assert not page.tags & {"script", "a", "img", "code", "em", "blockquote"} - {"code"}
    assert {"table", "td"} <= page.tags


class Elements(HTMLParser):
    """Collects the elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_reports(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile_runs(tmp_path / "runs", name)
    report, plain = tmp_path / "report", tmp_path / "plain"
    assert compare([str(tmp_path / "runs"), "--report", str(report)]) == 0
    hostile_runs(tmp_path / "harmless", "harmless")
    assert compare([str(tmp_path / "harmless"), "--report", str(plain)]) == 0
    assert_calm(capsys.readouterr().out)
    pages = [(folder / "report.html").read_text() for folder in (report, plain)]
    found = []
    for page in pages:
        assert_calm(page)
        elements = Elements()
        elements.feed(page)
        found.append(elements.tags)
    assert found[0] == found[1]
    assert visible(name) in " ".join(words_of(pages[0]))
    pictures = list((report / "pictures").glob("*.svg"))
    assert pictures
    for picture in pictures:
        ElementTree.parse(picture)


def words_of(page: str) -> list[str]:
    """Return the texts of a page."""
    words: list[str] = []
    reader = HTMLParser()
    reader.handle_data = words.append  # type: ignore[method-assign]
    reader.feed(page)
    return words


def test_messages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in NAMES:
        (record, *_) = hostile_runs(tmp_path / "runs", name)
        warn(f"{record.name} failed: {record.message}")
        console = EscapingConsole()
        console.print(f"{record.name}: {record.message}", soft_wrap=True)
        clock = iter(range(0, 1000, 10)).__next__
        console.print(Standings([name], 1, console, clock=clock)._drawn())
        for value in tags(record).values():
            assert_calm(value)
    printed = capsys.readouterr()
    assert_calm(printed.out)
    assert_calm(printed.err)


def test_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "".join(NAMES).replace("/", "").replace("\0", "")
    assert compare([str(tmp_path / hostile[:200])]) == 1
    assert predict([str(tmp_path / hostile[:200]), str(tmp_path / "none.csv")]) == 1
    printed = capsys.readouterr()
    assert_calm(printed.err)
    assert "no such folder" in printed.err


def test_predictions_keep_names_as_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = list(NAMES[:3])
    dataset = {**record_data()["dataset"], "target_names": names}
    make_record(tmp_path / "run", dataset=dataset)
    np.save(tmp_path / "inputs.npy", np.eye(3))
    arguments = [str(tmp_path / "run"), str(tmp_path / "inputs.npy")]
    assert predict([*arguments, "--output", str(tmp_path / "out.csv")]) == 0
    table = pd.read_csv(tmp_path / "out.csv", lineterminator="\n")
    assert list(table)[1:] == [f"probability_{name}" for name in names]
    assert set(table["prediction"]) <= set(names)
    assert predict(arguments) == 0
    assert NAMES[0] in capsys.readouterr().out


@pytest.mark.parametrize("name", [NAMES[0], NAMES[1], NAMES[2], "\x1b"])
def test_terminals_show_data_escaped(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fixtures = Path(__file__).parents[1] / "fixtures" / "records"
    shutil.copytree(fixtures / "text", tmp_path / "run")
    sums = tmp_path / "run" / "SHA256SUMS"
    for file in ("record.json", "preprocessing.json"):
        path = sums.with_name(file)
        old = hashlib.sha256(path.read_bytes()).hexdigest()
        path.write_text(path.read_text().replace('" "', json.dumps(name)))
        sums.write_text(
            sums.read_text().replace(old, hashlib.sha256(path.read_bytes()).hexdigest())
        )
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert sample([str(tmp_path / "run"), "--seed", "3"]) == 0
    assert predict([str(tmp_path / "run"), str(fixtures / "rhymes.csv")]) == 1
    printed = capsys.readouterr()
    assert visible(name).replace(r"\n", "\n") in printed.out
    assert_calm(printed.out + printed.err)
    (tmp_path / "texts.txt").write_text("the\n")
    assert predict([str(tmp_path / "run"), str(tmp_path / "texts.txt")]) == 0
    assert_calm(capsys.readouterr().out)
