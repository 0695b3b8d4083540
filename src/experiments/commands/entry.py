"""The entry point of `descent ARGUMENTS` and of `python run.py ARGUMENTS`."""

from __future__ import annotations

import glob
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

from experiments.commands.interrupts import interrupts_deferred, interrupts_end_the_program
from experiments.commands.startup import started_ahead
from experiments.commands.streams import standard_streams
from experiments.commands.working_directory import check_exists
from experiments.errors import UserError
from experiments.program import VERSION, program
from experiments.workers.garbage import garbage_left

COMMANDS: Final = (
    "compare", "describe", "predict", "sample", "publish", "pictures", "reproduce", "ui",
)  # fmt: skip
"""What can be done beside training; each is a module of `experiments.commands` with a `main`."""

_OTHER_WORDS: Final = {
    **dict.fromkeys(("run", "train", "fit", "start"), ""),
    **dict.fromkeys(("sweep", "multirun"), "-m"),
    **dict.fromkeys(("help", "usage"), "--help"),
    "version": "--version",
    **dict.fromkeys(("report", "comparison", "results"), "compare"),
    **dict.fromkeys(("summary", "model", "architecture", "layers"), "describe"),
    **dict.fromkeys(("plot", "draw", "picture", "figures"), "pictures"),
    **dict.fromkeys(("evaluate", "inference", "test"), "predict"),
    **dict.fromkeys(("generate", "write", "complete"), "sample"),
    **dict.fromkeys(("upload", "push", "sync"), "publish"),
    **dict.fromkeys(("repeat", "replicate", "published"), "reproduce"),
    **dict.fromkeys(("serve", "show", "view", "browse", "mlflow"), "ui"),
}
"""Words that people try, with the command that does what they want; options train, or help."""


_PRINTING: Final = (
    *("-h", "--help", "--hydra-help", "--version", "-c", "--cfg", "-i", "--info"),
    *("-sc", "--shell-completion"),
)
"""The options with which nothing is trained."""


def run(command: str | None = None) -> None:
    """Run the command line of this process; exit with an error status if it fails.

    Parameters
    ----------
    command : str, optional
        One of `COMMANDS`, for a program that runs only this; by default the first argument says it.
    """
    arguments = [*([command] if command else []), *sys.argv[1:]]
    with standard_streams(only_prints=_only_prints(arguments)):
        try:
            check_exists()
        except UserError as error:
            sys.exit(f"error: {error}")
        if arguments and arguments[0] in COMMANDS:
            sys.exit(run_command(arguments[0], arguments[1:]))
        if arguments and arguments[0].isidentifier() and arguments[1:2] != ["="]:
            sys.exit(f"error: {no_such_command(arguments)}")
        if arguments == ["--version"]:
            print(f"descent {VERSION}")
            return
        if arguments[:1] in (["-sc"], ["--shell-completion"]) and _completes(arguments[1:]):
            return
        repeated = _published(arguments)
        if repeated is not None:
            sys.exit(run_command("reproduce", repeated))
        _train(arguments)


def run_command(command: str, arguments: Sequence[str]) -> int:
    """Run a command other than training, and return its exit status."""
    with interrupts_end_the_program():
        main: Callable[..., int] = import_module(f"experiments.commands.{command}").main
        return main(arguments)


def _published(arguments: Sequence[str]) -> list[str] | None:
    """Return the arguments of `reproduce` for a command that is about a published result alone.

    The command may also say where the data are. With any other setting beside
    ``experiment=published/NAME``, it trains, as with any other experiment.
    """
    settings = dict(argument.partition("=")[::2] for argument in arguments)
    name = settings.pop("experiment", "").removeprefix("published/")
    folder = settings.pop("dataset.dir", None)
    if settings or f"experiment=published/{name}" not in arguments:
        return None
    return [name, *(["--data", folder] if folder is not None else [])]


def _train(arguments: Sequence[str]) -> None:
    with interrupts_end_the_program(), garbage_left(), started_ahead(arguments):
        with interrupts_deferred():  # while compiled modules are imported
            from experiments.commands.main import main

        main()


def _only_prints(arguments: Sequence[str]) -> bool:
    """Return whether a command line does nothing but print."""
    options = {argument.partition("=")[0] for argument in arguments}
    return arguments[:1] in (["compare"], ["predict"], ["sample"]) or not options.isdisjoint(
        _PRINTING
    )


def no_such_command(arguments: Sequence[str]) -> str:
    """Explain a command line that begins with an unknown command, and suggest a known one."""
    import difflib  # takes some time, like every import here

    word, *rest = arguments
    near = difflib.get_close_matches(word, [*COMMANDS, *_OTHER_WORDS], n=1, cutoff=0.7)
    cure = ""
    if near:
        meant = _OTHER_WORDS.get(near[0], near[0])
        typed = [program(meant)] if meant in COMMANDS else [program(), *meant.split()]
        cure = f" Did you mean `{' '.join([*typed, *map(shlex.quote, rest)])}`?"
    return (
        f"{word!r} is neither a command nor a setting.{cure} The commands are "
        f"{', '.join(COMMANDS)}; settings, NAME=VALUE or GROUP=CHOICE, train."
    )


def _completes(asked: Sequence[str]) -> bool:
    """Print what a shell may complete a line to; return whether that is all, without Hydra's."""
    line = os.environ.get("COMP_LINE", "")
    for word in _offered(line, paths="query=fish" in asked):
        print(word)
    _, *words = line.split(" ")
    return len(words) > 1 and words[0] in COMMANDS


def _offered(line: str, *, paths: bool = False) -> list[str]:
    """Return what a shell may complete a line to, beside what Hydra offers: commands and paths.

    Paths are for fish, which offers none where there is a function that completes.
    """
    program, *words = line.split(" ")
    if program.endswith(".py") or Path(program).name.startswith("python"):
        return []  # which train only
    if len(words) == 1:
        return [command for command in COMMANDS if command.startswith(words[0])]
    if not paths or not words or words[0] not in COMMANDS:
        return []
    found = [Path(path) for path in glob.glob(f"{glob.escape(words[-1])}*")]
    return sorted(f"{path}/" if path.is_dir() else str(path) for path in found)
