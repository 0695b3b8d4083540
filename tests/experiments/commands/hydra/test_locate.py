"""Where the configuration files are found."""

from pathlib import Path

import pytest

from experiments.commands.hydra import locate
from experiments.commands.hydra.locate import CONF, config_folder, locate_conf


def test_a_checkout_has_them_beside_src() -> None:
    assert Path(__file__).resolve().parents[4] / "conf" == CONF
    assert (CONF / "config.yaml").is_file()


def test_an_installed_package_has_them_in_it(tmp_path: Path) -> None:
    packed = tmp_path / "lib" / "experiments" / "conf"
    packed.mkdir(parents=True)
    (tmp_path / "conf").mkdir()
    assert locate_conf(packed.parent) == packed


def test_a_folder_called_conf_in_the_working_directory_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf").mkdir()
    monkeypatch.chdir(tmp_path)
    assert config_folder(None) == CONF


def test_another_path_starts_at_the_checkout_or_else_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert config_folder("conf") == CONF
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(locate, "CONF", Path(locate.__file__).resolve().parents[2] / "conf")
    assert config_folder("mine") == tmp_path / "mine"
