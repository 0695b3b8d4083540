"""The made-up sequences read back by the rules of their papers."""

import numpy as np
import pytest

from experiments.datasets import Adding, TemporalOrder
from experiments.errors import ConfigError, DataError
from nn.lengths import lengths_of


def read(dataset):
    """Each sequence (channels, steps) without what is after its end, and its target."""
    for part in dataset.parts.values():
        lengths = lengths_of(part.inputs, dataset.shape)
        for row, length, target in zip(part.inputs, lengths, part.targets, strict=True):
            yield row.reshape(dataset.shape)[:, :length], target


@pytest.mark.parametrize("length", [20, 33, 100])
def test_adding(length: int) -> None:
    dataset = Adding(length=length, rows=3000, seed=length).load()
    seen = {"length": set(), "first": set(), "second": set()}
    for (numbers, markers), [target] in read(dataset):
        last = len(numbers) - 1
        assert set(markers) <= {-1, 0, 1}
        assert markers[0] == markers[last] == -1
        marked = np.flatnonzero(markers == 1)
        assert len(marked) in (1, 2)  # one if the other mark fell on the first pair
        assert np.flatnonzero(markers == -1).tolist() == [0, last]
        assert target == pytest.approx(0.5 + numbers[marked].sum() / 4, abs=1e-9)
        assert np.abs(numbers).max() <= 1
        if len(marked) == 2:
            assert marked.min() < 10
            seen["second"].add(int(marked.max()))
        seen["first"].add(int(marked.min()))
        seen["length"].add(len(numbers))
    assert seen["length"] == set(range(length, length + length // 10 + 1))
    assert seen["first"] >= set(range(1, 10))
    # One of the first T/2 - 1 pairs that are not marked: at most one further than those.
    assert max(seen["second"]) in (length // 2 - 1, max(9, length // 2 - 1))


ORDERS = {
    2: {"XX": "Q", "XY": "R", "YX": "S", "YY": "U"},
    3: {"XXX": "Q", "XXY": "R", "XYX": "S", "XYY": "U", "YXX": "V", "YXY": "A", "YYX": "B",
        "YYY": "C"},
}  # fmt: skip
PLACES = {2: [range(10, 21), range(50, 61)], 3: [range(10, 21), range(33, 44), range(66, 77)]}


@pytest.mark.parametrize("relevant", [2, 3])
def test_temporal_order(relevant) -> None:
    dataset = TemporalOrder(relevant=relevant, rows=3000).load()
    names = dataset.target_names
    places = [set() for _ in range(relevant)]
    lengths, symbols = set(), set()
    for row, target in read(dataset):
        assert set(row.ravel()) == {0, 1}
        assert (row.sum(axis=0) == 1).all()
        text = "".join("EBabcdXY"[symbol] for symbol in row.argmax(axis=0))
        assert (text[0], text[-1]) == ("E", "B")
        found = [place for place, symbol in enumerate(text) if symbol in "XY"]
        assert ORDERS[relevant]["".join(text[place] for place in found)] == names[target]
        for place, one in zip(found, places, strict=True):
            one.add(place)
        lengths.add(len(text))
        symbols |= set(text[1:-1])
    assert lengths == set(range(100, 111))
    assert symbols == set("abcdXY")
    assert places == [set(one) for one in PLACES[relevant]]


@pytest.mark.parametrize("kind", [Adding, TemporalOrder])
def test_seed_counts_and_parts(kind) -> None:
    one, same, other = (kind(seed=seed, counts=(40, 0, 30)).load() for seed in (1, 1, 2))
    assert {name: len(part) for name, part in one.parts.items()} == {"train": 40, "test": 30}
    assert one.digest == same.digest != other.digest
    np.testing.assert_array_equal(one.train.inputs, same.train.inputs)
    rows = [row.tobytes() for part in one.parts.values() for row in part.inputs]
    assert len(set(rows)) == 70
    assert one.padded
    assert np.isnan(one.train.inputs).any()


@pytest.mark.parametrize("scaling", ["standard", "channel", "max"])
def test_scaling_is_refused(scaling) -> None:
    with pytest.raises(DataError, match=r"dataset\.scaling=none"):
        Adding(scaling=scaling, rows=20).load()


@pytest.mark.parametrize(("kind", "options"), [(Adding, {"length": 19}), (Adding, {"rows": 5}),
                                               (TemporalOrder, {"relevant": 4})])  # fmt: skip
def test_options_out_of_range(kind, options) -> None:
    with pytest.raises(ConfigError, match=f"dataset.{next(iter(options))}"):
        kind(**options)
