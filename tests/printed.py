"""Blocks of the pages that show a command and what it prints, and the way to make them anew.

In Markdown a block begins with ```` ```console ````; each line that begins with ``$`` is a command,
and what follows is its output. A last line ``...`` stands for any further lines. A block marked
```` ```console slow ```` trains for long. Blocks such as ```` ```csv houses.csv ```` are files that
the commands read. The commands of a page run one after another in one folder.

    python -m tests.printed README.md docs/usage.md      # writes today's output into the pages
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.])[-−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")

# What differs from one day, folder or machine to another.
_MASKED = (
    (re.compile(r"\d{4}-\d\d-\d\d[/ ]\d\d[-:]\d\d[-:]\d\d(?:[-,]\d+)?"), "TIME"),
    (re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{12})\b"), "ID"),
    (re.compile(r"python scripts/ui.py --uri .*"), "python scripts/ui.py ..."),
    (re.compile(r"http://127\.0\.0\.1:5000/\S*"), "LINK"),
    (re.compile(r"[\d.]+ [µm]?s per step, [\d.]+ [µm]?s in total"), "SECONDS"),
)


@dataclass(frozen=True)
class Block:
    """A block of a page.

    Parameters
    ----------
    language : str
    info : str
        What follows the language: ``slow``, or the name of a file.
    text : str
    span : tuple of int
        Where the text stands in the page.
    """

    language: str
    info: str
    text: str
    span: tuple[int, int]

    @property
    def commands(self) -> list[tuple[str, str]]:
        """Each command and the output that is shown for it."""
        parts = re.split(r"^\$ (.*)\n", self.text, flags=re.MULTILINE)
        return list(zip(parts[1::2], parts[2::2], strict=True))


def blocks(page: Path) -> list[Block]:
    """Find the blocks of a page that matter here: commands, and files that they read."""
    found = [
        Block(match[1], match[2].strip(), match[3], match.span(3))
        for match in _FENCE.finditer(page.read_text(encoding="utf-8"))
    ]
    return [block for block in found if block.language == "console" or "." in block.info]


def printed(page: Path, folder: Path, *, slow: bool) -> Iterator[tuple[Block, list[str]]]:
    """Run the commands of a page in a folder; give each block with what its commands print."""
    for name in ("run.py", "scripts"):
        (folder / name).symlink_to(ROOT / name)
    for block in blocks(page):
        if block.language != "console":
            (folder / block.info).write_text(block.text, encoding="utf-8")
        elif slow or block.info != "slow":
            yield block, [_output(command, folder) for command, _ in block.commands]


def _output(command: str, folder: Path) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "HYDRA_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={
            **kept,
            "PATH": path,
            "PYTHONPATH": str(ROOT / "src"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        check=False,
    )
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def differences(shown: str, today: str) -> list[str]:
    """Compare a block with what its command prints today; say where they differ.

    Words and layout must agree. Times, paths and ids may differ, other numbers by rounding: by two
    units of the last digit that is shown, or by a hundredth.
    """
    expected, found = shown.rstrip("\n").split("\n"), today.rstrip("\n").split("\n")
    if expected[-1] == "...":
        expected = expected[:-1]
        found = found[: len(expected)]
    if len(expected) != len(found):
        return [f"{len(expected)} lines are shown, {len(found)} are printed:\n{today}"]
    pairs = zip(_without_times(expected), _without_times(found), strict=True)
    return [f"shown:   {a}\nprinted: {b}" for a, b in pairs if not _agree(a, b)]


def _without_times(lines: list[str]) -> list[str]:
    """Mask what differs from day to day, and the column of a table that is a time."""
    masked, end = [], 0
    for line in lines:
        for pattern, word in _MASKED:
            line = pattern.sub(word, line)
        if end and line:
            # A column ends where its head does; the mark of the best stands behind it.
            line = re.sub(r"\s+[\d.]+[* ]?$", " SECONDS ", line[: end + 1]) + line[end + 1 :]
        else:
            end = line.find("µs/step") + len("µs/step") if "µs/step" in line else 0
        masked.append(line.rstrip())
    return masked


def _agree(shown: str, today: str) -> bool:
    if _NUMBER.sub("0", shown) != _NUMBER.sub("0", today):
        return False
    numbers = zip(_NUMBER.findall(shown), _NUMBER.findall(today), strict=True)
    return all(_close(a.replace("−", "-"), b.replace("−", "-")) for a, b in numbers)


def _close(shown: str, today: str) -> bool:
    digits = len(shown.partition("e")[0].partition(".")[2])
    unit = 10.0**-digits if digits else 0.0  # counts are exact, but for a hundredth
    return abs(float(shown) - float(today)) <= max(2 * unit, 0.01 * abs(float(shown))) + 1e-12


def rewrite(page: Path) -> None:
    """Write what the commands of a page print today into its blocks."""
    with tempfile.TemporaryDirectory() as folder:
        made = list(printed(page, Path(folder).resolve(), slow=True))
    text = page.read_text(encoding="utf-8")
    for block, outputs in reversed(made):
        fresh = ""
        for (command, shown), output in zip(block.commands, outputs, strict=True):
            if shown.splitlines()[-1:] == ["..."]:
                lines = output.splitlines(keepends=True)
                output = "".join(lines[: len(shown.splitlines()) - 1]) + "...\n"
            fresh += f"$ {command}\n{output}"
        text = text[: block.span[0]] + fresh + text[block.span[1] :]
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        rewrite(Path(name).resolve())
