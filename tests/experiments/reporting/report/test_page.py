import random
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from experiments.analysis.analyse import analyse
from experiments.errors import DataError, RecordError
from experiments.reporting.figures.networks import compared
from experiments.reporting.report.page import REPORT, compose, write_report
from experiments.reporting.words.citing import BIBTEX
from experiments.reporting.words.conclusions import conclusions
from experiments.reporting.words.limits import warnings_of
from tests.experiments.analysis.made_up_studies import tuned_runs
from tests.experiments.analysis.made_up_sweeps import ALL, sweep
from tests.experiments.reporting.figures.networks.trained_sweeps import train_sweep
from tests.experiments.small_runs import make_dataset

VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """The elements of a page with their texts, and what is wrong with it."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.wrong = [], [], []
        self.feed(text)
        self.close()
        self.wrong += [f"{element['tag']} is not closed" for element in self.open]

    def handle_starttag(self, tag, attributes):
        self.elements.append({"tag": tag, "text": "", "closed": tag in VOID, **dict(attributes)})
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_startendtag(self, tag, attributes):
        self.elements.append({"tag": tag, "text": "", **dict(attributes)})

    def handle_endtag(self, tag):
        if not self.open or self.open.pop()["tag"] != tag:
            self.wrong.append(f"{tag} closes nothing")

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def find(self, tag, **attributes):
        return [
            element
            for element in self.elements
            if element["tag"] == tag
            and all(element.get(key) == value for key, value in attributes.items())
        ]


def composed(runs):
    text, _ = compose(analyse(runs), runs, trusted=frozenset())
    return text


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    runs = tuned_runs(folder / "runs")
    files = write_report(analyse(runs), runs, folder / "report", trusted=frozenset())
    text = files[0].read_text(encoding="utf-8")
    return runs, files, text, Page(text)


def test_the_files_are_the_page_and_each_picture_three_times(tuned):
    _, files, _, page = tuned
    assert files[0].name == REPORT
    assert [file.name for file in files[1:5]] == [
        "comparison.csv",
        "pairs.csv",
        "comparison.md",
        "comparison.tex",
    ]
    assert all(file.stat().st_size > 0 for file in files)
    names = {figure["id"] for figure in page.find("figure")}
    assert {"curves-val_loss", "curves-val_accuracy", "final-test_loss", "differences"} <= names
    assert {"time-to-target", "sensitivity-optimizer.lr", "default-curves-val_loss"} <= names
    expected = {f"{name}.{kind}" for name in names for kind in ("png", "svg", "pdf")}
    assert {file.name for file in files[5:]} == expected
    assert {file.parent.name for file in files[5:]} == {"pictures"}


def test_the_page_is_whole_and_its_names_are_its_own(tuned):
    *_, page = tuned
    assert page.wrong == []
    named = [element["id"] for element in page.elements if "id" in element]
    assert len(named) == len(set(named))
    references = re.findall(r"(?:url\(|href=\")#([\w.-]+)", tuned[2])
    assert references
    assert set(references) <= set(named)


def test_the_page_needs_nothing_but_itself(tuned):
    _, _, text, page = tuned
    for element in page.elements:
        assert element["tag"] not in {"script", "link", "iframe", "object", "embed", "base"}
        for key in ("src", "href", "srcset", "action", "data", "poster"):
            assert element.get(key, "#").startswith(("#", "data:")), element
        assert not [key for key in element if key.startswith("on")]
    assert not re.search(r"url\((?!#)", text)
    assert "@import" not in text
    assert "http" not in re.sub(r"<pre.*?</pre>", "", text, flags=re.DOTALL)


def test_conclusions_come_first_then_what_limits_them(tuned):
    runs, _, text, page = tuned
    study = analyse(runs)
    (conclusion,) = page.find("section", **{"class": "conclusion"})
    assert [line.strip() for line in conclusion["text"].splitlines() if line.strip()] == list(
        conclusions(study)
    )
    (limits,) = page.find("section", **{"class": "warnings"})
    warnings = warnings_of(study)
    assert warnings
    assert all(warning in limits["text"] for warning in warnings)
    places = [text.index(part) for part in ("<h1>", 'class="conclusion"', 'class="warnings"')]
    assert places == sorted(places)
    assert places[-1] < text.index("<table>") < text.index("<svg")


def test_headings_go_down_one_step_at_a_time(tuned):
    *_, page = tuned
    levels = [int(e["tag"][1]) for e in page.elements if re.fullmatch("h[1-6]", e["tag"])]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_pictures_say_what_they_show(tuned):
    *_, page = tuned
    pictures = page.find("svg")
    assert len(pictures) == len(page.find("figure")) == len(page.find("figcaption"))
    assert all(picture["role"] == "img" and picture["aria-label"] for picture in pictures)
    assert all(caption["text"].strip() for caption in page.find("figcaption"))
    boxes = page.find("div", role="region")
    assert all(box["aria-label"] and box["tabindex"] == "0" for box in boxes)


def test_tables_hold_the_studys_numbers(tuned):
    runs, _, _, page = tuned
    (part,) = analyse(runs).parts
    results = page.find("table")[0]["text"]
    for entry in part.entries:
        assert f"{entry.metrics['best/val_loss'].mean.value:.3f}" in results
    text = " ".join(table["text"] for table in page.find("table"))
    assert text.count("not separated") + text.count("is better") == len(part.pairs)
    assert "at the edge" in text
    assert all(run.identity[:16] in text for run in runs)


def test_each_measure_is_in_one_of_two_tables_and_the_target_is_named(tuned):
    runs, _, _, page = tuned
    (part,) = analyse(runs).parts
    heads = [table["text"].split("\n")[0] for table in page.find("thead")[:2]]
    assert "test loss" in heads[0]
    assert f"epochs to accuracy {part.target.value:.4f}" in heads[0]
    for name in (
        "final training loss",
        "area under the validation loss",
        "time per step in µs",
        "seeds",
    ):
        assert name in heads[1]
        assert name not in heads[0]


def test_the_protocol_and_the_command_are_told(tuned):
    runs, _, _, page = tuned
    text = " ".join(line["text"] for line in page.find("li"))
    assert "Every optimizer was tuned with 4 settings from its own grid on 2 seeds" in text
    assert "Reported on 6 seeds (0 to 5), none of which was used for tuning" in text
    paragraph, reference, commands = (element["text"] for element in page.find("code"))
    assert paragraph.startswith("We compared adam and sgd on digits with Descent")
    assert reference == BIBTEX
    assert set(commands.strip().splitlines()) == {run.command for run in runs}
    assert {"numpy", "python", "commit"} <= {term["text"] for term in page.find("dt")}


def test_every_colour_is_there_on_white_and_on_dark(tuned):
    _, _, text, _ = tuned
    used = set(re.findall(r"var\((--x[0-9a-f]{6})\)", text))
    dark = text[text.rindex("@media screen and (prefers-color-scheme: dark)") :]
    dark = dark[: dark.index("</style>")]
    assert used
    for name in used:
        assert f"{name}:#{name[3:]};" in text
        assert f"{name}:#" in dark


def test_the_same_study_gives_the_same_bytes(tmp_path):
    runs = tuned_runs(tmp_path / "runs", seeds=range(2), rates=(0.01, 0.1))
    once = write_report(analyse(runs), runs, tmp_path / "a", trusted=frozenset())
    shuffled = random.Random(0).sample(runs, len(runs))
    again = write_report(analyse(shuffled), shuffled, tmp_path / "b", trusted=frozenset())
    assert [file.name for file in once] == [file.name for file in again]
    for first, second in zip(once, again, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name


EVIL = '<script>alert("1")</script><img src=x onerror=alert(1)>&amp;$\\alpha$'


def test_names_commands_and_versions_are_text_and_never_markup(tmp_path):
    runs = sweep(
        tmp_path / "runs",
        ["adam", EVIL],
        range(2),
        choices={"dataset": EVIL, "model": EVIL},
        command=f"python run.py {EVIL}",
        environment={"commit": EVIL},
    )
    text = composed(runs)
    page = Page(text)
    assert page.wrong == []
    assert page.find("script") == page.find("img") == []
    assert EVIL in page.find("title")[0]["text"]
    assert EVIL in page.find("code")[0]["text"]
    assert any(EVIL in element["text"] for element in page.find("text"))
    assert any(EVIL in element["text"] for element in page.find("dd"))


@pytest.mark.parametrize(
    ("optimizers", "seeds", "changes"),
    [
        (["adam"], 1, {}),
        (["sgd", "adam"], 1, {"score": "r2"}),
        (["sgd", "adam"], 2, {"diverged": [("sgd", 0), ("sgd", 1)]}),
        (["sgd", "adam"], 2, {"failed": [("sgd", 0), ("sgd", 1)]}),
        (["sgd", "adam"], 2, {"stopped": {("adam", 0): 3}}),
        (ALL, 2, {}),
    ],
)
def test_any_sweep_has_a_page(tmp_path, optimizers, seeds, changes):
    runs = sweep(tmp_path / "runs", optimizers, range(seeds), **changes)
    page = Page(composed(runs))
    assert page.wrong == []
    assert len(page.find("svg")) >= 3


def test_several_datasets_have_their_parts_and_what_holds_across(tmp_path):
    runs = [
        run
        for name in ("iris", "wine")
        for run in sweep(tmp_path / name, ["sgd", "adam"], range(3), choices={"dataset": name})
    ]
    page = Page(composed(runs))
    headings = [heading["text"] for heading in page.find("h2")]
    assert headings[headings.index("Across datasets") :][:3] == [
        "Across datasets",
        "On iris",
        "On wine",
    ]
    names = {figure["id"] for figure in page.find("figure")}
    assert {"performance-profiles", "iris-curves-val_loss", "wine-curves-val_loss"} <= names


def missing(page):
    """Give what the page says about pictures that it does not have."""
    notes = [note["text"] for note in page.find("p", **{"class": "note"})]
    return "".join(note for note in notes if note.startswith("There are no pictures of"))


def test_what_networks_learnt_is_shown_on_white_where_the_data_can_be_had(tmp_path, monkeypatch):
    dataset = make_dataset()
    runs = train_sweep(tmp_path / "runs", dataset)
    monkeypatch.setattr(compared, "cached_dataset", lambda source: dataset)
    page = Page(composed(runs))
    assert page.wrong == []
    assert {"confusion", "norms"} <= {figure["id"] for figure in page.find("figure")}
    assert missing(page) == ""
    pictures = page.find("img")
    assert pictures
    assert all(picture["src"].startswith("data:image/png;base64,") for picture in pictures)
    assert all(picture["alt"] for picture in pictures)

    def fail(source):
        raise DataError("animals.csv: there is no such file.")

    monkeypatch.setattr(compared, "cached_dataset", fail)
    page = Page(composed(runs))
    assert page.find("img") == []
    assert missing(page).endswith("animals.csv: there is no such file.")
    other = make_dataset(seed=1)
    monkeypatch.setattr(compared, "cached_dataset", lambda source: other)
    page = Page(composed(runs))
    assert page.find("img") == []
    assert missing(page).endswith("have changed since the runs were trained.")


def test_a_folder_that_cannot_be_made_is_a_users_mistake(tmp_path):
    (tmp_path / "file").write_text("")
    runs = sweep(tmp_path / "runs", ["adam"], [0])
    with pytest.raises(RecordError, match="Choose another folder"):
        write_report(analyse(runs), runs, tmp_path / "file" / "below", trusted=frozenset())
