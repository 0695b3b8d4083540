"""The made-up sequences read back by the rules of their papers."""

import numpy as np
import pytest

from experiments.datasets import Adding, Copy, EmbeddedReber, TemporalOrder
from experiments.datasets.sources.embedded_reber import SYMBOLS, WrongStrings
from experiments.errors import ConfigError, DataError
from nn.lengths import lengths_of
from nn.metrics import Predictions


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


@pytest.mark.parametrize("delay", [1, 7])
def test_copy(delay: int) -> None:
    dataset = Copy(delay=delay, rows=200).load()
    assert not dataset.samples.padded
    seen = set()
    for row, target in read(dataset):
        text = "".join("abcdefgh_!"[symbol] for symbol in row.argmax(axis=0))
        asked = "".join("abcdefgh_"[symbol] for symbol in target)
        assert text[10:] == "_" * (delay - 1) + "!" + "_" * 10
        assert asked == "_" * (delay + 10) + text[:10]
        seen |= set(text[:10])
    assert seen == set("abcdefgh")


# The graph of Hochreiter & Schmidhuber (1997, figure 3), read by hand: what may follow the shortest
# ways to all its places.
AFTER = {
    "": "B", "B": "TP", "BT": "SX", "BTS": "SX", "BTX": "XS", "BTXS": "E", "BTXX": "TV",
    "BTXXV": "PV", "BTXXVP": "XS", "BTXXVV": "E", "BP": "TV", "BPT": "TV", "BPV": "PV",
    "BPVV": "E", "BPVP": "XS", "BPVPX": "TV", "BPVPS": "E",
}  # fmt: skip


def reber_strings(dataset):
    for row, target in read(dataset):
        text = "".join(SYMBOLS[symbol] for symbol in row.argmax(axis=0))
        assert target[: len(text) - 1].tolist() == [SYMBOLS.index(symbol) for symbol in text[1:]]
        assert (target[len(text) :] == -1).all()
        yield text + SYMBOLS[target[len(text) - 1]]


def test_embedded_reber() -> None:
    dataset = EmbeddedReber(rows=2000, longest=30).load()
    strings = list(reber_strings(dataset))
    lengths = set()
    for string in strings:
        assert string[0] == "B"
        assert string[1] == string[-2] in "TP"
        assert string[-1] == "E"
        inner = string[2:-2]
        assert (inner[0], inner[-1]) == ("B", "E")
        for end, after in AFTER.items():  # the same choices at the beginning
            if inner.startswith(end) and len(end) > 0:
                assert inner[len(end)] in after
        lengths.add(len(string))
    assert min(lengths) == 9
    assert max(lengths) <= 30
    inner = [string[2:-2] for string in strings]
    # Two symbols that may follow are equally likely.
    for prefix, symbol in (("B", "T"), ("BT", "S"), ("BPV", "P"), ("BTX", "X")):
        following = [one[len(prefix)] for one in inner if one.startswith(prefix)]
        assert abs(following.count(symbol) / len(following) - 0.5) < 0.08
    assert abs(sum(string[1] == "T" for string in strings) / len(strings) - 0.5) < 0.05


def test_wrong_strings() -> None:
    strings = ["BTBTXSETE", "BPBPVVEPE"]
    may_follow = [
        ["TP", "B", "TP", "SX", "XS", "E", "T", "E"],
        ["TP", "B", "TP", "TV", "PV", "E", "P", "E"],
    ]
    right = np.array([[[symbol in m for symbol in SYMBOLS] for m in each] for each in may_follow])
    right = right.reshape(-1, 7) * 1.0
    targets = np.eye(7)[[SYMBOLS.index(symbol) for string in strings for symbol in string[1:]]]
    outputs = np.stack([right] * 5)
    outputs[1] = targets  # at a choice, the other symbol must be among the largest too
    outputs[2, 6, SYMBOLS.index("P")] = 2  # the wrong one of T and P before the last symbol
    outputs[3, 4, SYMBOLS.index("V")] = 1  # a tie with a symbol that may not follow
    outputs[4, 8:] += np.linspace(0, 5, 8)[:, np.newaxis]
    predictions = Predictions("multiclass", outputs, targets, np.repeat([0, 1], 8))
    assert WrongStrings().value(predictions).tolist() == [0, 2, 1, 1, 0]


@pytest.mark.parametrize("kind", [Adding, TemporalOrder, EmbeddedReber])
def test_seed_counts_and_parts(kind) -> None:
    one, same, other = (kind(seed=seed, counts=(40, 0, 30)).load() for seed in (1, 1, 2))
    assert {name: len(part) for name, part in one.parts.items()} == {"train": 40, "test": 30}
    assert one.digest == same.digest != other.digest
    np.testing.assert_array_equal(one.train.inputs, same.train.inputs)
    assert one.samples.padded
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
