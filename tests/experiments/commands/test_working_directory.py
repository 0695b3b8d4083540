"""Working directories that no run can be trained in."""

import os
from pathlib import Path

import pytest

from experiments.commands.working_directory import check_can_be_recorded, check_exists
from experiments.errors import UserError


def test_a_usual_one_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "größe 日").mkdir()
    monkeypatch.chdir(tmp_path / "größe 日")
    check_can_be_recorded()


@pytest.mark.parametrize("check", [check_exists, check_can_be_recorded])
def test_one_that_was_deleted(check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(UserError, match="was deleted"):
        check()


def test_one_whose_path_is_not_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    monkeypatch.chdir(folder)
    check_exists()
    with pytest.raises(UserError, match="not text in this terminal's encoding"):
        check_can_be_recorded()
