"""The order in which stacks train, and what becomes of those whose workers die."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from experiments.workers.stack_queue import ALONE, TRIES, StackQueue


def test_stacks_come_in_order_while_there_is_room() -> None:
    queue = StackQueue([[0, 1], [2], [3]])
    first, second = queue.take(0, 2), queue.take(1, 2)
    assert first is not None
    assert second is not None
    assert (first.positions, second.positions) == ([0, 1], [2])
    assert queue.take(2, 2) is None
    third = queue.take(1, 2)
    assert third is not None
    assert third.positions == [3]
    assert queue.take(0, 2) is None


def test_a_run_that_always_kills() -> None:
    """Twice beside others, then three times when nothing else runs."""
    queue = StackQueue([[0], [1]])
    killer = queue.take(0, 4)
    assert killer is not None
    assert queue.blame(killer, [0]) != []
    other = queue.take(0, 4)
    assert other is not None
    assert other.positions == [1]  # the one that died goes to the end
    killer = queue.take(1, 4)
    assert killer is not None
    assert not killer.alone
    queue.blame(killer, [0])
    assert queue.take(1, 4) is None
    for _ in range(TRIES - 1):
        killer = queue.take(0, 4)
        assert killer is not None
        assert killer.alone
        assert queue.blame(killer, [0]) != []
    killer = queue.take(0, 4)
    assert killer is not None
    assert queue.blame(killer, [0]) == []
    assert queue.take(0, 4) is None


def test_one_that_was_not_to_blame_is_next() -> None:
    queue = StackQueue([[0], [1], [2]])
    stack = queue.take(0, 2)
    assert stack is not None
    queue.put_back(stack)
    again = queue.take(0, 2)
    assert again is stack
    assert again.deaths == 0


def test_what_an_engine_has_tried_often_is_alone_at_once() -> None:
    queue = StackQueue([[0, 1], [2]])
    stack = queue.take(0, 2)
    assert stack is not None
    (again,) = queue.blame(stack, [0, 1], deaths=4)
    assert again.alone
    half, other = queue.blame(again, [0, 1], deaths=4)
    assert (half.positions, other.positions) == ([0], [1])
    assert queue.blame(half, [0], deaths=4) == []


def test_nothing_starts_once_it_is_cleared() -> None:
    queue = StackQueue([[0], [1]])
    stack = queue.take(0, 1)
    assert stack is not None
    queue.blame(stack, [0])
    queue.clear()
    assert queue.take(0, 1) is None


@given(
    widths=st.lists(st.integers(1, 9), max_size=6),
    most=st.integers(1, 5),
    killers=st.sets(st.integers(0, 20)),
    data=st.data(),
)
def test_killers_are_given_up_and_all_others_end(
    widths: list[int], most: int, killers: set[int], data: st.DataObject
) -> None:
    """Whatever order they end in, each run ends once, and a suspect has nobody beside it."""
    runs = iter(range(sum(widths)))
    queue = StackQueue([[next(runs) for _ in range(width)] for width in widths])
    running, ended, given_up = [], [], []
    deaths: Counter[int] = Counter()
    while True:
        while (stack := queue.take(len(running), most)) is not None:
            running.append(stack)
        if not running:
            break
        assert len(running) <= most
        assert len(running) == 1 or not any(stack.alone for stack in running)
        stack = running.pop(data.draw(st.integers(0, len(running) - 1)))
        if not killers & set(stack.positions):
            ended += stack.positions
            continue
        # Some of those that kill nobody have ended before.
        left = [p for p in stack.positions if p in killers or data.draw(st.booleans())]
        ended += [p for p in stack.positions if p not in left]
        deaths.update(left)
        if not queue.blame(stack, left):
            given_up += left
    assert sorted(ended + given_up) == list(range(sum(widths)))
    assert set(given_up) == killers & set(range(sum(widths)))
    if deaths:
        halvings = 4  # of at most nine runs
        assert max(deaths.values()) <= ALONE + halvings + TRIES
