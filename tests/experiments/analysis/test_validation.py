from hypothesis import given
from hypothesis import strategies as st

from experiments.analysis.analyse import analyse
from experiments.analysis.pairs import compare_pairs
from experiments.analysis.validation import disagreement
from experiments.reporting.words.conclusions import conclusions
from tests.experiments.analysis.made_up_sweeps import make_run

NAMES = ("adam", "sgd", "lion")


def runs(folder, test, validation):
    return [
        make_run(
            folder / f"{name}{seed}",
            name,
            seed,
            summary={
                "test/loss": test[name] + 0.01 * seed + 0.001 * (seed % 3),
                "best/val_loss": validation[name] + 0.01 * seed,
            },
        )
        for name in test
        for seed in range(8)
    ]


def test_another_order_by_validation_is_in_the_first_paragraph(tmp_path):
    test = {"adam": 0.1, "sgd": 0.2, "lion": 0.3}
    (same,) = conclusions(analyse(runs(tmp_path / "a", test, test)))
    assert "Validation" not in same
    other = {"adam": 0.2, "sgd": 0.3, "lion": 0.1}
    (words,) = conclusions(analyse(runs(tmp_path / "b", test, other)))
    assert words.startswith("adam has the best test loss")
    assert (
        "Validation disagrees about the order: lion has the best validation loss at the reported "
        "epoch, and 2 of 3 separated pairs are the other way round."
    ) in words


@given(st.permutations(NAMES), st.permutations(NAMES))
def test_orders_agree_exactly_if_no_separated_pair_is_reversed_and_the_first_is_the_same(
    order, other
):
    test = {name: {s: place + 0.001 * s for s in range(8)} for place, name in enumerate(order)}
    test = {name: {s: v + 1e-5 * ((s * 7) % 5) for s, v in found.items()}
            for name, found in test.items()}  # fmt: skip
    pairs = compare_pairs(test, metric="test/loss")
    means = {name: float(place) for place, name in enumerate(other)}
    found = disagreement("best/val_loss", means, order, pairs)
    assert (found is None) == (list(order) == list(other))
    scores = disagreement("best/val_accuracy", means, order, pairs)
    assert (scores is None) == (list(order) == list(reversed(other)))
