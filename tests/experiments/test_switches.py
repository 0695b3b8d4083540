"""One variable switches off what only saves time."""

import numpy as np
import pytest

from experiments import switches
from experiments.errors import ConfigError
from experiments.training.widths import tile_width
from nn import speed
from tests.end_to_end.command_line import NOT_TRACKED, run
from tests.experiments.small_runs import make_dataset, make_run


@pytest.mark.parametrize(
    ("setting", "off"),
    [
        ("", set()),
        ("0", set()),
        ("fork", {"fork"}),
        (" fork , tiles,", {"fork", "tiles"}),
        ("1", set(switches.PARTS)),
    ],
)
def test_what_a_setting_switches_off(setting, off, monkeypatch) -> None:
    monkeypatch.setenv(switches.VARIABLE, setting)
    switches.check()
    assert {part for part in switches.PARTS if not switches.is_on(part)} == off


def test_the_parts_of_nn_are_known() -> None:
    assert set(switches.PARTS) >= speed.PARTS
    assert speed.switched_off("fork,replay") == {"replay"}


def test_an_unknown_part_is_refused(monkeypatch) -> None:
    monkeypatch.setenv(switches.VARIABLE, "fork,frok")
    with pytest.raises(ConfigError, match=r"no part 'frok'.* some of ahead, bulk, compile, fork"):
        switches.check()


def test_without_tiles_a_stack_takes_its_steps_together(monkeypatch) -> None:
    from experiments.training import widths

    monkeypatch.setattr(widths, "_NEAR_BYTES", 1)
    runs, dataset = [make_run()] * 5, make_dataset()
    monkeypatch.setattr(widths, "_TILE_BYTES", 10**5)
    assert tile_width(runs, dataset) != 5
    monkeypatch.setenv(switches.VARIABLE, "tiles")
    assert tile_width(runs, dataset) == 5


@pytest.mark.slow
def test_a_sweep_is_the_same_with_everything_switched_off(tmp_path, monkeypatch) -> None:
    command = ("-m", "optimizer=sgd,adam", "dataset=xor", "loss=binary_cross_entropy", NOT_TRACKED)
    fast = run(*command, folder=tmp_path / "fast").records()
    monkeypatch.setenv(switches.VARIABLE, "1")
    plain = run(*command, folder=tmp_path / "plain").records()
    assert len(fast) == len(plain) == 2
    for one, other in zip(fast, plain, strict=True):
        for name, array in one.weights().items():
            np.testing.assert_array_equal(array, other.weights()[name])


def test_a_command_says_what_is_wrong_with_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(switches.VARIABLE, "frok")
    done = run("dataset=xor", NOT_TRACKED, folder=tmp_path)
    assert done.status == 1
    assert done.err.startswith("error: DESCENT_PLAIN=frok: there is no part 'frok'")
