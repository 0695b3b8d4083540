"""`descent pictures`."""

from pathlib import Path

import pytest

from experiments.commands.pictures import main
from experiments.datasets.sources.xor import Xor
from tests.experiments.reporting.figures.networks.trained_sweeps import train_sweep


def test_it_draws_what_fits_the_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train_sweep(tmp_path / "multirun", Xor().load())
    assert main([str(tmp_path / "multirun"), "--format", "svg"]) == 0
    drawn = {"boundaries", "paths", "confusion", "hardest", "norms"}
    assert {file.stem for file in (tmp_path / "multirun" / "pictures").glob("*.svg")} == drawn
    assert "paths.svg: Paths on the loss surface. " in capsys.readouterr().out


def test_a_folder_without_runs_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 1
    assert "no finished runs here" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
