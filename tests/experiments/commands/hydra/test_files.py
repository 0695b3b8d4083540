"""A configuration file that cannot be read is one message with its place."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.command_line import NOT_TRACKED, run

BROKEN = {
    "lr: [1, 2\n": ("line 2, column 1: ", "expected ',' or ']'"),
    "lr: 1\nlr: 2\n": ("line 2, column 1: ", "found duplicate key lr"),
    "a: b: c\n": ("line 1, column 5: ", "mapping values are not allowed"),
    "a:\n\tlr: 1\n": ("line 2, column 1: ", "cannot start any token"),
    "lr: ${\n": (".yaml: ", "'${'"),
    "lr: 0x_\n": (".yaml: ", "invalid literal for int()"),
    "lr: \udcff\n": (".yaml: ", "can't decode byte 0xff"),
    "lr: \x01\n": (".yaml: ", "characters are not allowed"),
}

PROGRAM = """
import sys
from hydra import compose, initialize_config_dir
from experiments.errors import ConfigError
from experiments.commands.hydra.files import name_broken_files

name_broken_files()
with initialize_config_dir(sys.argv[1], version_base="1.3"):
    for name in sys.argv[2:]:
        try:
            compose(name)
        except ConfigError as error:
            print(error)
"""


def test_every_kind_of_broken_file(tmp_path: Path) -> None:
    """In a process of its own: it is the classes of Hydra that are changed."""
    names = [f"broken{number}" for number in range(len(BROKEN))]
    for name, text in zip(names, BROKEN, strict=True):
        (tmp_path / f"{name}.yaml").write_bytes(text.encode(errors="surrogateescape"))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), *names],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(BROKEN), done.stderr
    for line, name, (place, problem) in zip(lines, names, BROKEN.values(), strict=True):
        assert line.startswith(str(tmp_path / f"{name}.yaml")), line
        assert place in line
        assert problem in line
        assert line.endswith("). Correct the file.")


@pytest.mark.parametrize(
    "command",
    [("optimizer=mine",), pytest.param(("-m", "optimizer=sgd,mine"), marks=pytest.mark.slow)],
)
def test_as_a_user_sees_it(tmp_path: Path, command: tuple[str, ...]) -> None:
    file = tmp_path / "own" / "optimizer" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("_target_: nn.optimizers.SGD\nlr: [0.1\n")
    done = run("--config-dir", "own", *command, NOT_TRACKED, folder=tmp_path)
    assert done.status == 1
    assert f"{file}, line 3, column 1: cannot be read as YAML" in done.err
    assert done.err.startswith("error: ")
    assert done.err.count("error: ") == 1
    assert "Traceback" not in done.err
    assert not done.records()
