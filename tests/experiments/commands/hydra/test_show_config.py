"""When and how the identity stands below the configuration."""

from pathlib import Path

import pytest

from experiments.commands.hydra.show_config import asks_for_config, identity_added


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--cfg", "job"], True),
        (["-c", "job", "seed=1"], True),
        (["--cfg=job"], True),
        (["seed=1", "--cfg", "job", "--resolve"], True),
        ([], False),
        (["seed=1"], False),
        (["--cfg", "hydra"], False),
        (["--cfg", "all"], False),
        (["--cfg"], False),
        (["--cfg", "job", "--package", "optimizer"], False),
        (["--cfg", "job", "-p", "optimizer"], False),
        (["--cfg=job", "--package=optimizer"], False),
        (["--help"], False),
    ],
)
def test_who_asks_for_it(arguments: list[str], expected: bool) -> None:
    assert asks_for_config(arguments) == expected


@pytest.mark.parametrize("shown", ["lr: ${nowhere}", "no: {yaml", "words alone"])
def test_a_page_that_is_no_configuration_is_shown_all_the_same(
    shown: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with identity_added():
        print(shown)
    page, comment = capsys.readouterr().out.splitlines()
    assert page == shown
    assert comment.startswith("# identity: unknown: ")


def test_an_error_within_is_not_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        print("half a page")
        raise SystemExit(1)

    with pytest.raises(SystemExit), identity_added():
        fail()
    assert capsys.readouterr().out == "half a page\n"
