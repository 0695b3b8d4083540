"""What a command line does before Hydra sees it."""

import importlib
import signal
from pathlib import Path

import pytest

from experiments.commands.entry import (
    COMMANDS,
    _offered,
    _only_prints,
    no_such_command,
    run_command,
)
from experiments.commands.parsing import carry_out, command_parser
from experiments.errors import UserError


@pytest.mark.parametrize("command", COMMANDS)
def test_an_interrupt_ends_every_command_without_a_traceback(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(arguments: object) -> int:
        raise KeyboardInterrupt

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    module = importlib.import_module(f"experiments.commands.{command}")
    monkeypatch.setattr(module, "main", interrupted)
    try:
        with pytest.raises(SystemExit) as ended:
            run_command(command, [])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert ended.value.code == 128 + signal.SIGINT
    assert capsys.readouterr().err == ""


def test_a_mistake_is_one_message_with_the_name_of_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(_: object) -> None:
        raise UserError("no such thing. Give another.")

    assert carry_out("ui", command_parser("ui", ""), refuse, []) == 1
    assert capsys.readouterr().err == "ui: no such thing. Give another.\n"
    assert carry_out("ui", command_parser("ui", ""), lambda _: None, []) == 0
    assert carry_out("ui", command_parser("ui", ""), lambda _: 3, []) == 3


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["run", "optimizer=sgd"], "optimizer=sgd`"),
        (["sweep", "seed=range(3)"], "-m 'seed=range(3)'`"),
        (["publsh", "outputs"], "publish outputs`"),
        (["help"], "--help`"),
    ],
)
def test_words_that_are_no_commands_suggest_one(typed: list[str], meant: str) -> None:
    assert f"{meant}?" in no_such_command(typed)


def test_a_word_like_no_command_suggests_none() -> None:
    assert "Did you mean" not in no_such_command(["optimizers"])


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("descent ", list(COMMANDS)),
        ("descent p", ["predict", "publish", "pictures"]),
        ("descent compare mul", []),
        ("python run.py co", []),
        ("", []),
    ],
)
def test_commands_complete_the_first_word(line: str, offered: list[str]) -> None:
    assert _offered(line) == offered


def test_fish_is_offered_paths_behind_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "multirun").mkdir()
    (tmp_path / "mul.csv").touch()
    assert _offered("descent compare mu", paths=True) == ["mul.csv", "multirun/"]
    assert _offered("descent compare --csv mul.", paths=True) == ["mul.csv"]
    assert _offered("descent optimizer=sgd mu", paths=True) == []


@pytest.mark.parametrize(
    ("line", "prints"),
    [
        ("--help", True),
        ("optimizer=sgd --cfg job", True),
        ("--cfg=job", True),
        ("-m --info", True),
        ("compare multirun", True),
        ("predict run table.csv", True),
        ("publish outputs", False),
        ("pictures outputs", False),
        ("optimizer=sgd", False),
        ("-m optimizer=sgd,adam --config-dir mine", False),
    ],
)
def test_commands_that_do_nothing_but_print(line: str, prints: bool) -> None:
    assert _only_prints(line.split()) is prints
