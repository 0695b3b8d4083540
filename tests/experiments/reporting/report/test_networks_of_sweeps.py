"""What networks learnt, drawn at the end of a sweep."""

from pathlib import Path
from unittest import mock

from experiments.analysis.analyse import analyse
from experiments.datasets.sources.xor import Xor
from experiments.reporting.figures.looks import looks_of_entries
from experiments.reporting.figures.networks import confusion
from experiments.reporting.report.everyday import MOST_PARTS, write_networks
from experiments.reporting.report.figures import pictures_of
from experiments.runs.record import Record
from tests.experiments.analysis.made_up_sweeps import make_run
from tests.experiments.reporting.figures.networks.trained_sweeps import train_sweep

FITTING = ["boundaries", "paths", "confusion", "hardest", "norms"]


def drawn(records: list[Record], folder: Path) -> tuple[list[str], list[str]]:
    """The names of the pictures in a sweep's folder, and what is said."""
    said: list[str] = []
    written = write_networks(
        analyse(records), folder, trusted=frozenset(), warn=said.append, note=said.append
    )
    assert sorted(written) == sorted(folder.glob("pictures/*"))
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
    return [path.stem for path in written], said


def test_what_fits_is_drawn_and_by_the_code_of_the_report(tmp_path: Path) -> None:
    records = train_sweep(tmp_path, Xor().load(), seeds=[0, 1])
    assert drawn(records, tmp_path) == (FITTING, [])
    (part,) = analyse(records).parts
    of_report = pictures_of(part, looks_of_entries(part.entries), "", trusted=frozenset()).networks
    assert [picture.name for picture in of_report] == FITTING
    for picture in of_report:
        assert (tmp_path / "pictures" / f"{picture.name}.png").read_bytes() == picture.png


def test_a_picture_that_fails_costs_a_line(tmp_path: Path) -> None:
    records = train_sweep(tmp_path, Xor().load())
    with mock.patch.object(confusion, "plot_confusion", side_effect=ZeroDivisionError("of rows")):
        names, warnings = drawn(records, tmp_path)
    assert names == [name for name in FITTING if name != "confusion"]
    assert warnings == ["a picture of the networks cannot be drawn: ZeroDivisionError: of rows"]


def test_so_does_one_that_cannot_be_written(tmp_path: Path) -> None:
    records = train_sweep(tmp_path, Xor().load())
    (tmp_path / "pictures" / "paths.png").mkdir(parents=True)
    warnings: list[str] = []
    written = write_networks(
        analyse(records), tmp_path, trusted=frozenset(), warn=warnings.append, note=warnings.append
    )
    assert [path.stem for path in written] == [name for name in FITTING if name != "paths"]
    assert len(warnings) == 1
    assert "paths.png" in warnings[0]


def test_of_runs_that_did_not_finish_it_is_said_why_there_are_none(tmp_path: Path) -> None:
    records = [make_run(tmp_path / f"{seed}", "sgd", seed, status="diverged") for seed in range(2)]
    expected = "There are no pictures of the networks: no run finished."
    assert drawn(records, tmp_path) == ([], [expected])


def test_a_setting_switches_them_off_in_the_report(tmp_path: Path) -> None:
    records = train_sweep(tmp_path, Xor().load(), comparison={"pictures": False})
    (part,) = analyse(records).parts
    found = pictures_of(part, looks_of_entries(part.entries), "", trusted=frozenset())
    assert found.networks == ()
    assert found.missing == "comparison.pictures=false."


def noisy(folder: Path, seed: int = 0, noise: float = 0.1) -> list[Record]:
    """A sweep on points around the corners of the square, some of them held out."""
    return train_sweep(
        folder,
        Xor(seed=seed, noise=noise, rows=40).load(),
        seeds=[seed],
        dataset__seed=seed,
        dataset__noise=noise,
        dataset__rows=40,
    )


def test_of_many_splits_one_is_drawn(tmp_path: Path) -> None:
    """A set for each seed's own split would cost as much again for each."""
    records = [record for seed in range(3) for record in noisy(tmp_path / f"{seed}", seed)]
    assert len({record.dataset["digest"] for record in records}) == 3
    assert drawn(records, tmp_path) == (FITTING, [])


def test_of_many_tasks_two_are_drawn(tmp_path: Path) -> None:
    records = [
        record for noise in (0.1, 0.2, 0.3) for record in noisy(tmp_path / f"{noise}", noise=noise)
    ]
    assert len(analyse(records).parts) == 3 > MOST_PARTS
    names, warnings = drawn(records, tmp_path)
    assert len(names) == MOST_PARTS * len(FITTING)
    assert warnings == []
