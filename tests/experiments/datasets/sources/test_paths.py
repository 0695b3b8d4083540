"""Where relative paths of a configuration lead."""

from pathlib import Path

import pytest

from experiments.datasets.sources.paths import relative_paths_start_at, user_path


def test_a_relative_path_starts_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert user_path("data") == tmp_path / "data"
    assert user_path(str(tmp_path.parent)) == tmp_path.parent
    assert user_path("~/data") == Path.home() / "data"


def test_it_may_start_where_the_command_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "outputs"
    output.mkdir()
    monkeypatch.chdir(output)
    with relative_paths_start_at(tmp_path):
        assert user_path("data") == tmp_path / "data"
        assert user_path("/data") == Path("/data")
    assert user_path("data") == output / "data"
