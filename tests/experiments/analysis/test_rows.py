import math

import numpy as np
import pytest

from experiments.analysis.analyse import analyse
from experiments.analysis.groups import group_runs
from experiments.analysis.rows import difference_error
from experiments.reporting.words.conclusions import conclusions
from experiments.training.row_losses import MOST, TEST_LOSSES, in_groups
from tests.experiments.record_factory import make_record, record_data

DATA = record_data()["dataset"]
RULE = {"final/val_loss": 0.5, "best/val_loss": 0.5}


def runs(folder, seeds=range(8), rows=20, spread=0.0, shift=0.1, **changes):
    """Two optimizers of which one is better by `shift`, on average over rows that differ."""
    noise = np.random.default_rng(0)
    hard = np.abs(noise.normal(size=rows))  # for both
    own = spread * noise.normal(size=rows)
    own -= own.mean()
    found = []
    for name, add in (("sgd", 0.0), ("adam", shift + own)):
        for seed in seeds:
            losses = hard + add + 0.001 * noise.normal(size=rows)
            found.append(
                make_record(
                    folder / f"{name}{seed}",
                    optimizer=name,
                    seed=seed,
                    summary={**RULE, "test/loss": float(losses.mean())},
                    dataset={**DATA, "rows": {**DATA["rows"], "test": rows}},
                    weights={TEST_LOSSES: losses},
                    **changes,
                )
            )
    return found


def test_the_error_is_that_of_the_differences_by_row(tmp_path):
    noise = np.random.default_rng(0)
    noise.normal(size=20)
    own = noise.normal(size=20)
    groups = group_runs(runs(tmp_path, spread=1.0))
    expected = own.std(ddof=1) / math.sqrt(20)
    assert difference_error("test/loss", *groups) == pytest.approx(expected, rel=0.01)


def test_rows_that_are_equally_hard_for_both_tell_a_small_difference(tmp_path):
    (part,) = analyse(runs(tmp_path)).parts
    assert part.pairs[0].separated
    assert part.few_rows is None


def test_too_few_rows_are_named_in_the_first_paragraph(tmp_path):
    study = analyse(runs(tmp_path, spread=1.0))
    found = study.parts[0].few_rows
    assert (found.part, found.rows) == ("test", 20)
    (words,) = conclusions(study)
    assert "separated from adam" in words
    assert "But 20 test rows are too few to tell sgd from adam on other data" in words


def test_accuracies_have_the_error_of_independent_rows(tmp_path):
    made = [
        make_record(
            tmp_path / f"{name}{seed}", optimizer=name, seed=seed, summary={"test/accuracy": share}
        )
        for name, share in (("sgd", 0.8), ("adam", 0.9))
        for seed in range(3)
    ]
    expected = math.sqrt((0.8 * 0.2 + 0.9 * 0.1) / 15)
    assert difference_error("test/accuracy", *group_runs(made)) == pytest.approx(expected)


def test_nothing_is_known_of_old_records_and_of_splits_by_seed(tmp_path):
    old = [make_record(tmp_path / f"old{name}", optimizer=name) for name in ("sgd", "adam")]
    assert difference_error("test/loss", *group_runs(old)) is None
    splits = runs(tmp_path / "a", [0]) + [
        run
        for run in runs(tmp_path / "b", [1])
        if run.data["dataset"].update(digest="another") is None
    ]
    assert difference_error("test/loss", *group_runs(splits)) is None


@pytest.mark.parametrize("rows", [1, 20, MOST, MOST + 1, 10 * MOST, 10 * MOST + 7])
def test_groups_of_rows_are_few_and_have_the_mean_of_all(rows):
    losses = np.random.default_rng(0).random(rows)
    found = in_groups(losses)
    assert found.size <= MOST
    assert found.mean() == pytest.approx(losses.mean(), rel=0.05)
    if rows <= MOST:
        assert found.tolist() == losses.tolist()


def test_groups_give_the_standard_error_of_the_rows():
    losses = np.random.default_rng(0).gamma(1, size=20 * MOST)
    found = in_groups(losses)
    expected = losses.std(ddof=1) / math.sqrt(losses.size)
    assert found.std(ddof=1) / math.sqrt(found.size) == pytest.approx(expected, rel=0.1)
