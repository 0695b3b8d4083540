"""Progress bars: on a terminal only."""

import io

import pytest
from rich.console import Console

from experiments.commands.console import ProgressBar


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_run_shows_epoch_and_loss() -> None:
    console = terminal()
    with ProgressBar(20, console=console) as bar:
        bar.show_epoch(5, 0.123456)
    assert "epoch 5/20" in shown(console)
    assert "loss 0.1235" in shown(console)
    assert "25%" in shown(console)


def test_nothing_is_shown_where_there_is_no_terminal() -> None:
    console = Console(file=io.StringIO(), force_terminal=False)
    with ProgressBar(20, console=console) as bar:
        bar.show_epoch(5, 0.1)
    assert shown(console) == ""


def test_results_can_be_redirected_without_the_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar(3) as bar:
        bar.show_epoch(1, 0.1)
    assert capsys.readouterr() == ("", "")  # neither is a terminal here


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), 1e300, 0.0, -1e-12])
def test_any_loss_can_be_shown(loss: float) -> None:
    console = terminal()
    with ProgressBar(2, console=console) as bar:
        bar.show_epoch(1, loss)
    assert f"loss {loss:.4g}" in shown(console)


def test_the_bar_goes_when_the_work_fails() -> None:
    console = terminal()
    with pytest.raises(RuntimeError), ProgressBar(2, console=console):
        raise RuntimeError
    # The cursor is shown again, and what is printed next is not overwritten.
    assert "\x1b[?25h" in shown(console)
