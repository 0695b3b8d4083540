"""Progress bars: on a terminal only."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from experiments.commands.console import ProgressBar, SlowLoop, bar


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_run_shows_epoch_and_loss() -> None:
    console = terminal()
    with ProgressBar(20, console=console) as progress:
        progress.show_epoch(5, 0.123456)
    assert "epoch 5/20" in shown(console)
    assert "loss 0.1235" in shown(console)
    assert "25%" in shown(console)


def test_nothing_is_shown_where_there_is_no_terminal() -> None:
    console = Console(file=io.StringIO(), force_terminal=False)
    with ProgressBar(20, console=console) as progress:
        progress.show_epoch(5, 0.1)
    assert shown(console) == ""


def test_results_can_be_redirected_without_the_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar(3) as progress:
        progress.show_epoch(1, 0.1)
    assert capsys.readouterr() == ("", "")  # neither is a terminal here


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), 1e300, 0.0, -1e-12])
def test_any_loss_can_be_shown(loss: float) -> None:
    console = terminal()
    with ProgressBar(2, console=console) as progress:
        progress.show_epoch(1, loss)
    assert f"loss {loss:.4g}" in shown(console)


def test_the_bar_goes_when_the_work_fails() -> None:
    console = terminal()
    with pytest.raises(RuntimeError), ProgressBar(2, console=console):
        raise RuntimeError
    # The cursor is shown again, and what is printed next is not overwritten.
    assert "\x1b[?25h" in shown(console)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def text_of(bar: Progress) -> str:
    console = terminal()
    console.print(bar)
    return shown(console)


def test_the_time_left_is_known_after_the_first_step() -> None:
    clock = Clock()
    progress = bar(terminal())
    progress.get_time = clock
    task = progress.add_task("training", total=10)
    assert "left" not in text_of(progress)
    clock.now = 60.0  # longer than Rich remembers
    progress.update(task, completed=1)
    assert "9 min 0 s left" in text_of(progress)
    clock.now = 130.0
    progress.update(task, completed=2)
    assert "9 min 20 s left" in text_of(progress)
    progress.update(task, completed=10)
    assert "left" not in text_of(progress)


def test_the_time_left_of_a_resumed_run_counts_what_it_trains_now() -> None:
    clock = Clock()
    progress = bar(terminal())
    progress.get_time = clock
    task = progress.add_task("training", total=100)
    for clock.now, epoch in ((1.0, 51), (2.0, 52), (3.0, 53)):
        progress.update(task, completed=epoch)
    assert "47 s left" in text_of(progress)


def test_a_loop_shows_its_progress_if_it_is_slow() -> None:
    console, clock = terminal(), Clock()
    with SlowLoop("composing", console, clock) as loop:
        for done in range(11):
            loop.show(done, 10)
            clock.now += 0.3
    assert "composing" in shown(console)
    assert "\x1b[?25h" in shown(console)


def test_a_quick_loop_shows_nothing() -> None:
    console, clock = terminal(), Clock()
    with SlowLoop("composing", console, clock) as loop:
        for _ in range(2):  # a sweep may have several
            for done in range(11):
                loop.show(done, 10)
            clock.now += 5
    assert shown(console) == ""


def test_the_bar_of_a_loop_goes_when_it_fails() -> None:
    console, clock = terminal(), Clock()
    with (  # noqa: PT012
        pytest.raises(RuntimeError),
        SlowLoop("composing", console, clock) as loop,
    ):
        loop.show(0, 10)
        clock.now = 5
        loop.show(1, 10)
        raise RuntimeError
    assert "\x1b[?25h" in shown(console)
