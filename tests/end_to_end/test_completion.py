"""Completion in the shells themselves, installed as `--help` says."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.command_line import environment, python, succeeded

START = {
    "bash": ["bash", "--norc", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
# What fish asks a terminal before it shows its prompt, and the answers.
ANSWERS = {b"\x1b[6n": b"\x1b[1;1R", b"\x1b[0c": b"\x1b[?62;c", b"\x1b[c": b"\x1b[?62;c"}


class Terminal:
    """A shell in a terminal of its own."""

    def __init__(self, shell: str, folder: Path) -> None:
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        (bin_folder / "descent").write_text(
            f"#!{sys.executable}\nfrom experiments.commands.entry import run\n\nrun()\n"
        )
        (bin_folder / "descent").chmod(0o755)
        path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
        env = environment(PATH=path, TERM="xterm", HOME=str(folder))
        self._pid, self._screen = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.execvpe(START[shell][0], START[shell], env)

    def type(self, text: str, until: str) -> str:
        """Type a text, and return what is shown from then on until a pattern is."""
        os.write(self._screen, text.encode())
        shown, end = b"", time.monotonic() + 60
        while not re.search(until, shown.decode(errors="replace")):
            assert time.monotonic() < end, shown.decode(errors="replace")
            if select.select([self._screen], [], [], 0.1)[0]:
                new = os.read(self._screen, 65536)
                shown += new
                for question, answer in ANSWERS.items():
                    if question in new:
                        os.write(self._screen, answer)
        return shown.decode(errors="replace")

    def close(self) -> None:
        os.close(self._screen)
        os.kill(self._pid, 9)
        os.waitpid(self._pid, 0)


def installing(shell: str, page: str) -> str:
    """The line that `--help` gives for a shell."""
    lines = dict(re.findall(r"^\s+(bash|zsh|fish): +(.*)$", page, re.MULTILINE))
    return lines[shell].replace("then the line for bash", lines["bash"])


@pytest.mark.slow
@pytest.mark.parametrize("shell", START)
def test_a_shell_completes_settings_and_commands(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    page = succeeded(python("-m", "descent", "--help", folder=tmp_path)).out
    terminal = Terminal(shell, tmp_path)
    try:
        line = installing(shell, page).replace("compinit;", "compinit -u;", 1)
        terminal.type(f"{line}; echo rea''dy\n", "ready")
        terminal.type("descent optimizer=rms\t", "optimizer=rmsprop")
        terminal.type("\x15descent predi\t", "descent predict|ct ")
    finally:
        terminal.close()
