from pathlib import Path

import pytest

from experiments.commands.describe import main


def test_settings(capsys: pytest.CaptureFixture[str], monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["dataset=xor", "loss=binary_cross_entropy", "model.hidden=[5]"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["input", "2"] in lines
    assert ["dense1", "5", "15"] in lines
    assert ["total", "21"] in lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dataset=irs"], "did you mean 'iris'"),
        (["dataset=iris", "model=cnn"], r"model: it takes samples of shape (channels, height"),
        (["nowhere"], "'nowhere' is not a setting"),
    ],
)
def test_mistakes_are_one_message_each(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch, tmp_path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    assert message in capsys.readouterr().err


def test_a_folder_that_is_no_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 1
    assert "record.json" in capsys.readouterr().err
