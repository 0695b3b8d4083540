"""The standings of a sweep on the terminal."""

import io
import math

import pytest
from rich.console import Console

from experiments.commands.standings import Standings

CLASSIC = ["sgd", "adagrad", "rmsprop", "adam"]


class Clock:
    """A clock that stands still unless it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def terminal(width: int = 80, height: int = 30) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=None
    )


def drawn(standings: Standings, console: Console) -> list[str]:
    with console.capture() as captured:
        console.print(standings._drawn())
    return captured.get().rstrip().splitlines()


def late(groups: list[str], console: Console) -> Standings:
    clock = Clock()
    standings = Standings(groups, 100, console, clock)
    clock.now = 10.0
    return standings


def test_the_best_mean_of_the_latest_losses_is_on_top() -> None:
    console = terminal()
    standings = late(["sgd", "sgd", "sgd", "adam", "adam", "adam"], console)
    standings.show(10, [0.9, 0.8, 0.7, 0.3, 0.2, 0.1])
    standings.show(20, [0.5, 0.8, 0.7, 0.4, 0.2, 0.0])
    standings.end(0, 0.45)
    standings.show(30, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0])  # none so far is no loss of zero
    adam, sgd = (line.split() for line in drawn(standings, console)[2:4])
    assert adam == ["●", "adam", "0.2333", "0.15", "–", "0.3", "3"]
    assert sgd == ["●", "sgd", "0.65", "0.575", "–", "0.75", "2"]


def test_what_a_record_says_counts_more_than_what_was_seen() -> None:
    console = terminal()
    standings = late(["adam"], console)
    standings.show(1, [0.1])
    standings.end(0, 0.5)
    standings.show(2, [0.01])
    assert drawn(standings, console)[2].split() == ["●", "adam", "0.5", "–"]


def test_runs_that_diverged_are_said_to_have() -> None:
    console = terminal()
    standings = late(["adam", "sgd", "sgd", "sgd", "lion"], console)
    for run, best in enumerate([0.5, math.inf, math.inf, 0.1]):
        standings.end(run, best)
    standings.show(1, [0, 0, 0, 0, math.nan])
    lines = drawn(standings, console)
    assert lines[2].split()[:3] == ["●", "adam", "0.5"]
    assert lines[3].split()[:3] == ["●", "sgd", "diverged"]
    assert lines[4].split() == ["●", "lion", "1"]


def test_nothing_but_a_bar_at_first() -> None:
    console = terminal()
    standings = Standings(CLASSIC, 100, console, Clock())
    standings.show(25, [0.1] * 4)
    (line,) = drawn(standings, console)
    assert "0/4 runs" in line
    assert "25%" in line


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("count", [2, 14, 200])
def test_no_line_is_broken_and_the_table_fits_the_terminal(width: int, count: int) -> None:
    console = terminal(width, height=24)
    groups = [f"a_long_optimizer{number}-lr{number / 1000}-width64x64" for number in range(count)]
    standings = late(groups * 3, console)
    standings.show(50, [0.123456789 * (run + 1) for run in range(3 * count)])
    lines = drawn(standings, console)
    assert len(lines) <= 23
    assert all(len(line) <= width for line in lines)
    assert len([line for line in lines if "●" in line]) == min(count, 18)
    assert (f"{count - 18} groups hidden" in "".join(lines)) == (count > 18)
    head = [line.split() for line in lines[:2]]
    assert head[0] == ["mean", "of"]
    assert head[1] == ["group", "losses", "middle", "half", "left"]


def test_nothing_is_shown_where_there_is_no_terminal() -> None:
    console = Console(file=io.StringIO(), force_terminal=False)
    with late(CLASSIC, console) as standings:
        standings.show(1, [0.1] * 4)
        standings.end(0, 0.1)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == ""
