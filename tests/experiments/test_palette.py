import itertools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments import palette
from experiments.palette import color_of

ROOT = Path(__file__).resolve().parents[2]
MOST_COMPARED = ("adam", "sgd", "rmsprop", "adagrad", "momentum", "adamw", "nesterov")
OPTIMIZERS = sorted(path.stem for path in (ROOT / "conf" / "optimizer").glob("*.yaml"))

# Machado, Oliveira & Fernandes 2009: what an eye without one kind of cone sees, on linear RGB.
SIMULATED = {
    "normal": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
}


def linear(color: str) -> np.ndarray:
    values = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB, in which a distance of some 10 is seen at a glance."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    ratios = (to_xyz @ np.clip(rgb, 0, 1)) / [0.9505, 1.0, 1.089]
    f = np.where(ratios > 0.008856, np.cbrt(ratios), 7.787 * ratios + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", SIMULATED)
def test_the_optimizers_most_compared_are_told_apart(vision: str) -> None:
    seen = {name: lab(SIMULATED[vision] @ linear(color_of(name))) for name in MOST_COMPARED}
    for (one, a), (other, b) in itertools.combinations(seen.items(), 2):
        assert np.linalg.norm(a - b) > 10, (one, other)


def test_every_optimizer_has_a_colour_of_its_own() -> None:
    assert set(palette._COLORS) == set(OPTIMIZERS)
    colors = {color_of(name) for name in OPTIMIZERS}
    assert len(colors) == len(OPTIMIZERS)
    assert all(re.fullmatch(r"#[0-9a-f]{6}", color) for color in colors)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_colour_is_seen_on_white(name: str) -> None:
    luminance = linear(color_of(name)) @ [0.2126, 0.7152, 0.0722]
    assert 1.05 / (luminance + 0.05) > 2


def test_case_does_not_matter() -> None:
    assert color_of("AMSGrad") == color_of("amsgrad")


def test_other_names_keep_their_colour_in_every_process() -> None:
    code = "from experiments.palette import color_of; print(color_of('mine.Newton'))"
    source = Path(palette.__file__).parents[1]
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": str(source), "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in "12"
    }
    assert printed == {color_of("mine.Newton") + "\n"}
    assert color_of("mine.Newton") != color_of("mine.Halley")
