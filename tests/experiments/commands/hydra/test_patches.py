"""What is changed in Hydra still does what it is for."""

import subprocess
import sys
from pathlib import Path

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser

from experiments.commands.hydra.compose import Composer
from experiments.commands.hydra.locate import CONF
from experiments.commands.hydra.patches import grid_for_basic, unusable_sweeps_refused
from experiments.errors import ConfigError
from tests.end_to_end.command_line import NOT_TRACKED, plugin, run


def test_a_configuration_is_composed_before_an_interrupt_is_heard(tmp_path: Path) -> None:
    """Else OmegaConf would make an error of its own of it, which Hydra may go on after."""
    program = (
        "import os, signal\n"
        "from hydra._internal.config_loader_impl import ConfigLoaderImpl\n"
        "done = []\n"
        "def compose(loader, name, overrides):\n"
        "    for number in range(3):\n"
        "        if number == 1: os.kill(os.getpid(), signal.SIGINT)\n"
        "        done.append((name, overrides, number))\n"
        "    return 'composed'\n"
        "ConfigLoaderImpl.load_configuration = compose\n"
        "from experiments.commands.main import friendly_errors\n"
        "with friendly_errors():\n"
        "    try:\n"
        "        ConfigLoaderImpl.load_configuration(None, 'config', overrides=[])\n"
        "    except KeyboardInterrupt:\n"
        "        print(done)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    expected = [("config", [], number) for number in range(3)]
    assert done.stdout == f"{expected}\n", done.stderr


def test_hydra_composes_where_interrupts_are_held_back(tmp_path: Path) -> None:
    """Hydra's real composing, with an interrupt in its first of many merges."""
    program = (
        "import os, signal\n"
        "from omegaconf import DictConfig\n"
        "from experiments.commands.hydra.compose import Composer\n"
        "from experiments.commands.hydra.locate import CONF\n"
        "from experiments.commands.hydra.patches import hold_interrupts_while_composing\n"
        "hold_interrupts_while_composing()\n"
        "merge, merged = DictConfig.merge_with, []\n"
        "def interrupted(*configs):\n"
        "    if not merged: os.kill(os.getpid(), signal.SIGINT)\n"
        "    merged.append(configs)\n"
        "    return merge(*configs)\n"
        "DictConfig.merge_with = interrupted\n"
        "try:\n"
        "    Composer.load(CONF)\n"
        "except KeyboardInterrupt:\n"
        "    print(len(merged) > 3)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "True\n", done.stderr


BROKEN = {
    "lr: [1, 2\n": ("line 2, column 1: ", "expected ',' or ']'"),
    "lr: 1\nlr: 2\n": ("line 2, column 1: ", "found duplicate key lr"),
    "a: b: c\n": ("line 1, column 5: ", "mapping values are not allowed"),
    "a:\n\tlr: 1\n": ("line 2, column 1: ", "cannot start any token"),
    "lr: ${\n": (".yaml: ", "'${'"),
    "lr: 0x_\n": (".yaml: ", "invalid literal for int()"),
    "lr: \udcff\n": (".yaml: ", "can't decode byte 0xff"),
    "lr: \x01\n": (".yaml: ", "characters are not allowed"),
    # Without bounds, these fill the memory or the stack, or take minutes.
    "a: &a [1, 1]\n"
    + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)).replace("*a0", "*a"): (
        ".yaml: ",
        "more than 100,000 keys and values",
    ),
    "a: &a\n  b: *a\n": (".yaml: ", "nested more than 50 levels deep"),
    f"lr: {'[' * 5000}{']' * 5000}\n": (".yaml: ", "nested more than 50 levels deep"),
    "".join(f"k{n}: {n}\n" for n in range(60_000)): (".yaml: ", "more than 100,000 keys"),
    f"lr: {'9' * 10_000}\n": (".yaml: ", "an integer of 10000 digits"),
}

PROGRAM = """
import sys
from hydra import compose, initialize_config_dir
from experiments.errors import ConfigError
from experiments.commands.hydra.patches import name_broken_files

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


EMPTY = [
    ("optimizer=glob(zzz*)", "no choice of optimizer matches this pattern"),
    ("optimizer=glob(*,exclude=*)", "no choice of optimizer matches this pattern"),
    ("seed=range(0)", "this range has no values"),
    ("seed=range(5,3)", "this range has no values"),
    ("seed=shuffle(range(0))", "this range has no values"),
    ("optimizer.lr=range(0.1,0.1,0.1)", "this range has no values"),
]


@pytest.mark.parametrize(("override", "says"), EMPTY)
def test_an_override_that_sweeps_over_nothing_is_refused(override: str, says: str) -> None:
    parser = OverridesParser.create(config_loader=Composer.load(CONF)._loader)

    def expanded() -> list[list[list[str]]]:
        overrides = parser.parse_overrides(["optimizer=sgd,adam", override])
        return BasicSweeper.split_arguments(overrides, max_batch_size=None)

    with unusable_sweeps_refused(), pytest.raises(ConfigError) as refused:
        expanded()
    assert str(refused.value).startswith(f"{override}: {says}")
    assert expanded() == [[]]  # what Hydra makes of it, inside a user's own program too


@pytest.mark.parametrize(
    "override", ["seed=range(1000000000000)", "optimizer.lr=shuffle(range(0,1,1e-9))"]
)
def test_a_range_that_no_memory_holds_is_refused(override: str) -> None:
    says = "this range has more than 100,000 values"
    with unusable_sweeps_refused(), pytest.raises(ConfigError, match=says):
        OverridesParser.create().parse_overrides([override])


def test_optuna_is_given_no_empty_range() -> None:
    """It would try the end of the range, which Hydra's ranges leave out."""
    with unusable_sweeps_refused(), pytest.raises(ConfigError, match="this range has no values"):
        OverridesParser.create().parse_overrides(["seed=range(0)"])


def test_sweeps_over_something_are_expanded_as_ever() -> None:
    parser = OverridesParser.create(config_loader=Composer.load(CONF)._loader)
    with unusable_sweeps_refused():
        overrides = parser.parse_overrides(["optimizer=glob(sg*)", "seed=range(2)"])
        (batch,) = BasicSweeper.split_arguments(overrides, max_batch_size=None)
    assert batch == [["optimizer=sgd", "seed=0"], ["optimizer=sgd", "seed=1"]]


@pytest.mark.parametrize("setting", ["n_trials", "n_jobs"])
@pytest.mark.parametrize("count", [0, -1])
@plugin("hydra-optuna-sweeper")
def test_a_search_of_no_trials_is_refused(setting: str, count: int, tmp_path: Path) -> None:
    told = run(
        "-m", "hydra/sweeper=optuna", "optimizer.lr=interval(0.01,0.1)", NOT_TRACKED,
        f"hydra.sweeper.{setting}={count}", folder=tmp_path,
    )  # fmt: skip
    assert told.status == 1
    assert told.err.startswith(f"error: hydra.sweeper.{setting}={count} is not a number of ")
    assert told.err.count("\n") == 1
    assert not list(tmp_path.rglob("record.json"))


@plugin("hydra-optuna-sweeper")
def test_a_setting_that_optuna_refuses_is_no_traceback(tmp_path: Path) -> None:
    told = run(
        "-m", "hydra/sweeper=optuna", "optimizer.lr=interval(0.01,0.1)", NOT_TRACKED,
        "hydra.sweeper.direction=sideways", folder=tmp_path,
    )  # fmt: skip
    assert told.status == 1
    assert "error: Please set either 'minimize' or 'maximize'" in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize("count", [0, -1])
@pytest.mark.parametrize("launcher", ["stacked", "basic"])
def test_batches_of_no_runs_are_refused(count: int, launcher: str, tmp_path: Path) -> None:
    told = run(
        "-m", "seed=0,1", f"hydra/launcher={launcher}", NOT_TRACKED,
        f"hydra.sweeper.max_batch_size={count}", folder=tmp_path,
    )  # fmt: skip
    assert told.status == 1
    expected = f"hydra.sweeper.max_batch_size={count} is not a number of runs in a batch"
    assert told.err == f"error: {expected}: give 1 or more\n"


def test_basic_is_hydras_own_again_afterwards() -> None:
    def target() -> str:
        return str(ConfigStore.instance().load("hydra/sweeper/basic.yaml").node._target_)

    with grid_for_basic():
        assert target() == "hydra_plugins.descent.GridSweeper"
    assert target().endswith("BasicSweeper")
