"""The board on which workers write."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import experiments
from experiments.workers.shared_board import SharedBoard


def test_a_new_board_is_empty(tmp_path: Path) -> None:
    board = SharedBoard(tmp_path / "board", 3, create=True)
    assert board.epochs.tolist() == board.losses.tolist() == [0, 0, 0]
    assert not board.stopping


@given(
    runs=st.integers(1, 6),
    notes=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 100), st.floats())),
)
def test_the_last_note_of_each_run_is_read_by_others(
    tmp_path: Path, runs: int, notes: list[tuple[int, int, float]]
) -> None:
    reader = SharedBoard(tmp_path / "board", runs, create=True)
    writer = SharedBoard(tmp_path / "board", runs)
    epochs, losses = np.zeros(runs), np.zeros(runs)
    for run, epoch, loss in notes:
        if run < runs:
            writer.write(run, epoch, loss)
            epochs[run], losses[run] = epoch, loss
    np.testing.assert_array_equal(reader.epochs, epochs)
    np.testing.assert_array_equal(reader.losses, losses)
    assert not reader.stopping


def test_the_wish_to_stop_touches_no_run(tmp_path: Path) -> None:
    launcher = SharedBoard(tmp_path / "board", 2, create=True)
    worker = SharedBoard(tmp_path / "board", 2)
    worker.write(0, 4, 0.5)
    launcher.stop()
    launcher.stop()
    assert worker.stopping
    worker.write(1, 7, 0.25)
    assert launcher.stopping
    assert launcher.epochs.tolist() == [4, 7]
    assert launcher.losses.tolist() == [0.5, 0.25]


def test_what_was_read_does_not_change_later(tmp_path: Path) -> None:
    board = SharedBoard(tmp_path / "board", 1, create=True)
    before = board.epochs
    board.write(0, 9, 1.0)
    assert before.tolist() == [0]


def test_another_process_writes(tmp_path: Path) -> None:
    board = SharedBoard(tmp_path / "board", 2, create=True)
    code = (
        "import sys; from pathlib import Path;"
        "from experiments.workers.shared_board import SharedBoard;"
        "SharedBoard(Path(sys.argv[1]), 2).write(1, 3, 0.125)"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "board")],
        env={"PYTHONPATH": str(Path(experiments.__file__).parents[1])},
        check=True,
    )
    assert board.epochs.tolist() == [0, 3]
    assert board.losses.tolist() == [0, 0.125]


def test_making_a_board_forgets_an_older_one(tmp_path: Path) -> None:
    old = SharedBoard(tmp_path / "board", 2, create=True)
    old.write(1, 3, 0.5)
    old.stop()
    new = SharedBoard(tmp_path / "board", 2, create=True)
    assert new.epochs.tolist() == [0, 0]
    assert not new.stopping
