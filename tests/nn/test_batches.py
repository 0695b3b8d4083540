"""Which rows a run sees at each step."""

import zlib
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.batches import Batches
from nn.orders import AsGiven, Order, Shuffled, ShuffledOnce, Streams, WithReplacement

SEEDS = st.lists(st.integers(0, 5), min_size=1, max_size=4)


def numbered(rows: int, batch_size: int, seeds: list[int]) -> Batches:
    """Batches whose inputs are their row numbers, and whose targets are those negated."""
    inputs = np.arange(rows, dtype=np.float32)[:, np.newaxis]
    return Batches(inputs, np.hstack([-inputs, -2 * inputs]), batch_size, seeds)


def orders(batches: Batches) -> list[list[list[int]]]:
    """One epoch as run → step → row numbers, with targets checked to belong to the inputs."""
    steps = []
    for inputs, targets in batches.epoch():
        assert (targets == np.concatenate([-inputs, -2 * inputs], axis=2)).all()
        steps.append(inputs[:, :, 0].astype(int).tolist())
    runs = len(batches.seeds)
    return [[step[run if len(step) > 1 else 0] for step in steps] for run in range(runs)]


@given(rows=st.integers(1, 30), batch_size=st.integers(1, 40), seeds=SEEDS)
def test_each_epoch_shows_each_row_once(rows: int, batch_size: int, seeds: list[int]) -> None:
    batches = numbered(rows, batch_size, seeds)
    for _ in range(3):
        epoch = orders(batches)
        assert len(epoch) == len(seeds)
        for run in epoch:
            assert sorted(chain.from_iterable(run)) == list(range(rows))
            assert len(run) == batches.steps == int(np.ceil(rows / batch_size))
            assert all(len(step) == min(batch_size, rows) for step in run[:-1])
            assert len(run[-1]) == rows - min(batch_size, rows) * (len(run) - 1)


KINDS = [Shuffled(), ShuffledOnce(), WithReplacement(), AsGiven()]


@pytest.mark.parametrize("order", KINDS, ids=lambda order: order.name)
@given(rows=st.integers(2, 30), batch_size=st.integers(1, 40), drops=st.booleans())
def test_an_order_and_what_happens_to_the_last_batch(
    order: Order, rows: int, batch_size: int, drops: bool
) -> None:
    inputs = np.arange(rows, dtype=np.float32)[:, np.newaxis]
    targets = np.hstack([-inputs, -2 * inputs])
    batches = Batches(inputs, targets, batch_size, [0, 7, 0], order=order, drop_last=drops)
    epochs = [orders(batches) for _ in range(2)]
    size = min(batch_size, rows)
    taken = rows // size * size if drops else rows
    assert batches.steps == -(-taken // size)
    for first, second in zip(*epochs, strict=True):
        for epoch in (first, second):
            flat = list(chain.from_iterable(epoch))
            assert len(flat) == taken
            if order.is_permutation:
                assert len(set(flat)) == taken
            if order.name == "as_given":
                assert flat == list(range(taken))
        if order.name in ("once", "as_given"):
            assert first == second
    assert epochs[0][0] == epochs[0][2]  # runs of one seed


def test_orders_differ_between_seeds_and_epochs() -> None:
    inputs, targets = np.arange(40.0)[:, np.newaxis], np.zeros((40, 2))
    for order in KINDS:
        batches = Batches(inputs, targets, 8, [0, 1], order=order)
        steps = [[batch[:, :, 0].copy() for batch, _ in batches.epoch()] for _ in range(2)]
        first, second = (np.concatenate(epoch, axis=1) for epoch in steps)
        assert (first == second).all() == (not order.renews)
        assert (len(first) == 2 and not (first[0] == first[1]).all()) == order.depends_on_seed
        batches.keep([1])
        (kept,) = [np.concatenate([batch[:, :, 0].copy() for batch, _ in batches.epoch()], axis=1)]
        if not order.renews:
            assert (kept[0] == first[-1]).all()


def test_rows_drawn_with_replacement_are_uniform() -> None:
    drawn = WithReplacement().draw(np.random.default_rng(0), 10_000, 32)
    # Each row is left out with probability 1/e.
    assert abs(len(set(drawn.tolist())) / 10_000 - (1 - np.exp(-1))) < 0.02


@given(rows=st.integers(3, 30), batch_size=st.integers(1, 29), seeds=SEEDS)
def test_only_the_seed_decides(rows: int, batch_size: int, seeds: list[int]) -> None:
    together = numbered(rows, batch_size, seeds)
    alone = [numbered(rows, batch_size, [seed]) for seed in seeds]
    for _ in range(3):
        assert orders(together) == [orders(batches)[0] for batches in alone]


def test_batch_size_does_not_change_the_order() -> None:
    ones, fives = numbered(20, 1, [3]), numbered(20, 5, [3])
    for _ in range(2):
        assert list(chain.from_iterable(orders(ones)[0])) == list(
            chain.from_iterable(orders(fives)[0])
        )


def test_seeds_and_epochs_differ() -> None:
    batches = numbered(50, 10, [0, 1, 2])
    seen = [run for _ in range(3) for run in orders(batches)]
    assert len({str(run) for run in seen}) == 9


def test_the_order_is_that_of_the_named_stream() -> None:
    # Written out, since records of earlier versions are compared with runs of this one.
    key = (zlib.crc32(b"batches"),)
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(7, spawn_key=key)))
    batches = numbered(12, 4, [7])
    for _ in range(2):
        assert list(chain.from_iterable(orders(batches)[0])) == generator.permutation(12).tolist()


@pytest.mark.parametrize("batch_size", [6, 7, 1000])
def test_the_whole_set_in_its_order(batch_size: int) -> None:
    batches = numbered(6, batch_size, [0, 1])
    assert batches.steps == 1
    assert orders(batches) == [[[0, 1, 2, 3, 4, 5]]] * 2
    (step,) = batches.epoch()
    assert step[0].shape == (1, 6, 1)
    assert step[1].shape == (1, 6, 2)


@given(
    seeds=st.lists(st.integers(0, 3), min_size=2, max_size=5),
    data=st.data(),
    rows=st.integers(4, 20),
)
def test_the_runs_kept_go_on_as_they_would_have(
    seeds: list[int], data: st.DataObject, rows: int
) -> None:
    kept = data.draw(st.lists(st.sampled_from(range(len(seeds))), min_size=1, unique=True))
    whole, reduced = numbered(rows, 3, seeds), numbered(rows, 3, seeds)
    assert orders(whole) == orders(reduced)
    reduced.keep(kept)
    for _ in range(2):
        expected = orders(whole)
        assert orders(reduced) == [expected[run] for run in kept]


def test_one_buffer_serves_all_steps_of_one_size() -> None:
    batches = numbered(10, 4, [0, 1])
    for _ in range(2):
        addresses = [x.__array_interface__["data"][0] for x, _ in batches.epoch()]
        assert addresses[0] == addresses[1]
    shapes = [x.shape for x, _ in batches.epoch()]
    assert shapes == [(2, 4, 1), (2, 4, 1), (2, 2, 1)]


def test_precision_is_that_of_the_data() -> None:
    batches = Batches(np.zeros((5, 2), np.float32), np.zeros((5, 1), np.float32), 2, [0])
    assert {a.dtype for step in batches.epoch() for a in step} == {np.dtype(np.float32)}


@given(rows=st.integers(1, 30), batch_size=st.integers(1, 40))
def test_streams_continue_from_batch_to_batch(rows: int, batch_size: int) -> None:
    inputs = np.arange(rows, dtype=np.float32)[:, np.newaxis]
    batches = Batches(
        inputs, np.hstack([-inputs, -2 * inputs]), batch_size, [0, 7], order=Streams()
    )
    size = min(batch_size, rows)
    assert batches.steps == rows // size
    for epoch in (orders(batches), orders(batches)):
        assert epoch[0] == epoch[1]
        assert all(len(step) == size for step in epoch[0])
        streams = list(zip(*epoch[0], strict=True))
        assert list(chain.from_iterable(streams)) == list(range(batches.steps * size))
