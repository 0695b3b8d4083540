"""docs/comparison.md has all optimizers, and its tables can be put there again."""

import importlib.util
import re
from pathlib import Path

import pytest

from experiments.analysis.analyse import analyse
from nn.optimizers import Optimizer
from tests.experiments.analysis.made_up_studies import tuned_runs

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script():
    path = ROOT / "scripts" / "comparison_page.py"
    spec = importlib.util.spec_from_file_location("comparison_page", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def between_marks(page, name):
    (found,) = re.findall(f"<!-- {name} -->\n(.*?)\n<!-- end of {name} -->", page, re.DOTALL)
    return found


def test_the_page_has_every_optimizer_in_all_four_tables(script):
    page = script.PAGE.read_text(encoding="utf-8")
    names = {path.stem for path in (ROOT / "conf" / "optimizer").glob("*.yaml")}
    on_batches = {name for name in names if not Optimizer.class_named(name).full_batch}
    for experiment, expected in (
        ("compare_all", on_batches),
        ("compare_full_batch", names - on_batches),
    ):
        rows = re.findall(r"^\| ([a-z_\\]+) \|", between_marks(page, experiment), re.MULTILINE)
        counted = [row.replace("\\", "") for row in rows if row != "optimizer"]
        for name in expected:
            assert counted.count(name) == 4, (experiment, name)


def test_only_what_is_between_the_marks_is_replaced(script):
    marked = "<!-- {0} -->\n{1}\n<!-- end of {0} -->\n"
    page = "before\n" + marked.format("a", "old") + "after\n" + marked.format("b", "kept")
    expected = page.replace("old", "\nnew \\1\n")
    assert script.replaced(page, "a", r"new \1") == expected
    assert script.replaced(expected, "a", r"new \1") == expected


def test_a_table_has_the_tuned_groups_in_order_and_how_far_behind_they_are(script, tmp_path):
    records = tuned_runs(tmp_path, ("sgd", "adam", "rmsprop"), range(10))
    (part,) = analyse(records).parts
    optimizers, rates, tuned, behind, verdicts, default, *_ = script.of_part(part)
    assert optimizers.cells == tuple(one.base for one in part.focus)
    assert behind.cells[0] == verdicts.cells[0] == ""
    means = [one.metrics["test/loss"].mean.value for one in part.focus]
    assert [float(cell) for cell in behind.cells[1:]] == pytest.approx(
        [mean - means[0] for mean in means[1:]], rel=0.1
    )
    assert set(verdicts.cells[1:]) <= {"separated", "not separated"}
    assert float(tuned.cells[0].split()[0]) == pytest.approx(means[0], rel=0.1)
    assert len(default.cells) == len(rates.cells) == 3
