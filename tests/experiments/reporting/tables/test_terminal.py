import io

import pytest
from rich.console import Console

from experiments.analysis.analyse import analyse
from experiments.reporting.tables.layout import fitting, narrow_columns, result_columns
from experiments.reporting.tables.terminal import ComparisonView, print_comparison, print_study
from experiments.reporting.words.conclusions import conclusions
from tests.experiments.analysis.made_up_sweeps import ALL, sweep


def printed(records, by=None, width=80, encoding="utf-8", **kinds):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    print_comparison(analyse(records, by=by), Console(file=file, width=width, **kinds))
    file.flush()
    return raw.getvalue().decode(encoding)


def test_plain_text_is_aligned_and_marks_the_best_of_each_column(tmp_path):
    text = printed(sweep(tmp_path))
    assert "\x1b" not in text
    header, *rows = text.splitlines()[:5]
    assert header.split() == ["optimizer", "test", "loss", "test", "accuracy", "val", "loss",
                              "val", "accuracy"]  # fmt: skip
    assert [row.split()[0] for row in rows] == ["adam", "rmsprop", "adagrad", "sgd"]
    assert [row.count("*") for row in rows] == [4, 0, 0, 0]
    columns = {tuple(i for i, sign in enumerate(row) if sign == "±") for row in rows}
    assert len(columns) == 1


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
@pytest.mark.parametrize("terminal", [True, False])
def test_no_line_is_wider_than_the_window(tmp_path, width, terminal):
    runs = sweep(tmp_path, ALL, range(2), diverged=[("sgd", 0)], failed=[("adam", 1)])
    text = printed(runs, width=width, force_terminal=terminal, no_color=True, color_system=None)
    plain = text.replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\x1b[2m", "")
    assert "…" not in plain
    assert all(len(line.replace("\x1b[1;32m", "")) <= width for line in plain.splitlines())


def test_important_columns_stay_in_a_narrow_window(tmp_path):
    runs = sweep(tmp_path, diverged=[("sgd", 0)])
    narrow = printed(runs, width=80).splitlines()[0]
    wide = printed(runs, width=140).splitlines()[0]
    assert "test loss" in narrow
    assert "test accuracy" in narrow
    assert "finished" in narrow
    assert "µs/step" not in narrow
    assert "µs/step" in wide


def test_runs_that_went_wrong_are_counted_before_times_in_a_narrow_window(tmp_path):
    (part,) = analyse(sweep(tmp_path, diverged=[("sgd", 0)])).parts
    laid = result_columns(part)
    headers = [column.header for column in laid]
    assert any(header.startswith("epochs to ") for header in headers)
    for width in range(40, 160):
        kept = [column.header for column in fitting(laid, width)]
        timed = any(header.startswith("epochs to ") for header in kept)
        assert "finished" in kept
        assert "diverged" in kept or not timed


def test_the_time_of_a_step_has_no_best_and_is_explained(tmp_path):
    text = printed(sweep(tmp_path), width=140)
    assert "of one run that trains alone" in " ".join(text.split())
    assert not any(line.rstrip().endswith("*") for line in text.splitlines()[1:5])


def test_diverged_groups_are_marked(tmp_path):
    text = printed(sweep(tmp_path, diverged=[("sgd", 0), ("sgd", 1)]))
    assert "sgd †" in text
    assert "2/5" in text
    assert "digits: diverged (not finite): 2 of 5 runs of sgd." in text


def test_the_best_is_bold_in_a_terminal(tmp_path):
    text = printed(sweep(tmp_path), force_terminal=True, color_system="truecolor", width=100)
    assert "\x1b[1;32m0.105 ± 0.012\x1b[0m" in text
    assert "*" not in text
    assert "\x1b[38;2;0;114;178m●" in text  # Adam's colour


def test_signs_that_an_encoding_lacks_are_replaced(tmp_path):
    runs = sweep(tmp_path, diverged=[("sgd", 0)])
    text = printed(runs, encoding="ascii")
    assert "0.105 +/- 0.012" in text
    assert "sgd !" in text
    assert "not finite (!)" in text
    assert printed(sweep(tmp_path, score="r2"), encoding="ascii", force_terminal=True).isascii()


def test_keys_of_a_group_have_a_column_each(tmp_path):
    runs = [
        run
        for rate in (0.1, 0.01)
        for run in sweep(
            tmp_path / f"{rate}", ("sgd", "adam"), range(2), settings={"optimizer": {"lr": rate}}
        )
    ]
    lines = printed(runs).splitlines()
    assert lines[0].split()[:2] == ["optimizer", "lr"]
    assert lines[1].split()[:2] in (["adam", "0.01"], ["adam", "0.1"])


def test_each_task_has_a_table(tmp_path):
    runs = sweep(tmp_path / "a") + sweep(
        tmp_path / "b", score="r2", choices={"dataset": "diabetes", "loss": "mse"}
    )
    text = printed(runs)
    first, second = text.split("\ndigits\n")
    assert first.startswith("diabetes\n")
    assert "val R²" in first
    assert "val R²" not in second
    assert "val accuracy" in second


def test_a_view_can_be_printed_twice(tmp_path):
    view = ComparisonView(analyse(sweep(tmp_path)))
    texts = []
    for _ in range(2):
        console = Console(file=io.StringIO(), width=80)
        console.print(view)
        texts.append(console.file.getvalue())
    assert texts[0] == texts[1]


def test_the_narrow_view_and_the_whole_study_show_the_same_numbers(tmp_path):
    runs = sweep(
        tmp_path, seeds=range(6), diverged=[("sgd", 1), ("sgd", 4), ("adam", 2)],
        failed=[("rmsprop", 5)],
    )  # fmt: skip
    study = analyse(runs)
    (part,) = study.parts
    narrow = {column.header: column.cells for column in narrow_columns(part)}
    whole = {column.header: column.cells for column in result_columns(part)}
    assert narrow["optimizer"] == whole["group"]
    for header in ("finished", "val loss", "val accuracy", "test accuracy", "diverged", "seeds"):
        assert narrow[header] == whole[header], header
    for entry, cell in zip(part.entries, narrow["test loss"], strict=True):
        written = cell.split("±")[0].strip()
        places = len(written.partition(".")[2])
        assert written == f"{entry.metrics['test/loss'].mean.value:.{places}f}"
    console = Console(file=io.StringIO(), width=100)
    print_comparison(study, console)
    print_study(study, console)
    text = " ".join(console.file.getvalue().split())
    (sentence,) = conclusions(study)
    assert text.count(sentence) == 2


def test_only_columns_that_are_shown_have_notes(tmp_path):
    study = analyse(sweep(tmp_path))
    texts = {}
    for width in (60, 200):
        console = Console(file=io.StringIO(), width=width)
        print_study(study, console)
        texts[width] = " ".join(console.file.getvalue().split())
    for note in ("IQM is the", "Seeds needed:"):
        assert (note in texts[60], note in texts[200]) == (False, True), note
    for text in texts.values():
        assert "Differences are paired" in text
        assert "µs/step" not in text


def test_a_star_is_explained_where_there_is_one(tmp_path):
    console = Console(file=io.StringIO(), width=100)
    print_study(analyse(sweep(tmp_path / "a")), console)
    assert "* best of its column" in console.file.getvalue()
    assert "*" not in printed(sweep(tmp_path / "b", ["adam"]))


def test_one_seed_each_shows_no_pairs_and_no_notes_about_them(tmp_path):
    console = Console(file=io.StringIO(), width=100)
    print_study(analyse(sweep(tmp_path, seeds=[0])), console)
    text = " ".join(console.file.getvalue().split())
    assert "separated" not in text
    assert "[95%]" not in text
    assert "at least 5" in text


def test_a_target_that_is_missed_is_never_reached_in_the_whole_table(tmp_path):
    console = Console(file=io.StringIO(), width=100)
    print_study(analyse(sweep(tmp_path)), console)
    text = console.file.getvalue()
    assert "never" in text
    assert "∞" not in text


@pytest.mark.parametrize("width", [1, 20, 39])
@pytest.mark.parametrize("terminal", [True, False])
def test_a_table_is_never_cut(tmp_path, width, terminal):
    study = analyse(sweep(tmp_path))
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, color_system=None)
    print_comparison(study, console)
    print_study(study, console)
    rows = [line for line in file.getvalue().splitlines() if "adagrad" in line]
    needed = [str(entry.metrics["test/loss"].mean.value)[:4] for entry in study.parts[0].entries]
    assert "…" not in file.getvalue()
    assert any(any(value in row for value in needed) for row in rows)


def test_slow_steps_are_in_a_unit_in_which_they_are_short(tmp_path):
    runs = sweep(tmp_path)
    for run in runs:
        run.data["summary"]["time/us_per_step"] = 150_000.0
    header, first, *_ = printed(runs, width=140).splitlines()
    assert "ms/step" in header
    assert " 150" in first
    assert "e5" not in first


def test_times_are_compared_in_numbers_that_people_write(tmp_path):
    runs = sweep(tmp_path)
    for run in runs:
        # As equal as rounded sums of many parts are.
        run.data["summary"]["time/us_per_step"] = 394_123.0 * (1 + 1e-12 * run.seed)
    study = analyse(runs, metric="time/us_per_step")
    console = Console(file=io.StringIO(), width=140)
    print_study(study, console)
    text = console.file.getvalue()
    assert "ms/step" in text
    assert "394.1" in text
    assert "e5" not in text
    assert "[394" not in text  # no seed differs, so there is no interval
