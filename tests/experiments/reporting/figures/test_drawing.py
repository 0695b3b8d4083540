import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from experiments.reporting.figures.drawing import new_figure, readable, scale_loss, shades
from tests.experiments.analysis.made_up_sweeps import sweep


@pytest.mark.parametrize("color", ["#e69f00", "#56b4e9", "#000000", "#ffffff", "#f0e442"])
def test_names_are_readable_on_white(color):
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(readable(color))
    ]
    luminance = np.dot([0.2126, 0.7152, 0.0722], linear)
    assert 1.05 / (luminance + 0.05) >= 4.45


def test_shades_of_one_colour_differ():
    assert shades("#0072b2", 1) == ["#0072b2"]
    assert len(set(shades("#0072b2", 9))) == 9


def test_nothing_is_registered_globally(tmp_path):
    script = (
        "import sys\n"
        "import experiments.reporting.report.page, experiments.reporting.tables.terminal\n"
        "assert 'matplotlib' not in sys.modules\n"
        "from experiments.runs.record import Record\n"
        "from experiments.analysis.analyse import analyse\n"
        "from experiments.reporting.figures.comparison import plot_comparison\n"
        "from experiments.reporting.figures.drawing import saved\n"
        "import matplotlib\n"
        "matplotlib.rcParams['axes.linewidth'] = 7  # as a user may have it\n"
        "def settings():  # asking for the backend would import pyplot\n"
        "    names = set(matplotlib.rcParams) - {'backend'}\n"
        "    return {name: matplotlib.rcParams[name] for name in names}\n"
        "before = settings()\n"
        "saved(plot_comparison(analyse([Record.read(sys.argv[1])])), 'png')\n"
        "assert settings() == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    sweep(tmp_path, ["adam"], [0])
    subprocess.run([sys.executable, "-c", script, tmp_path / "0"], check=True)


@pytest.mark.parametrize(
    ("losses", "scale"),
    [([1.0, 5.0], "linear"), ([0.01, 5.0], "log"), ([0.0, 0.01, 5.0], "log"), ([0.0], "linear")],
)
def test_losses_far_apart_are_on_a_logarithmic_axis_even_beside_a_zero(losses, scale) -> None:
    axes = new_figure(2, 2).add_subplot()
    axes.plot(losses)
    scale_loss(axes, np.array(losses))
    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    assert low < min(loss for loss in losses if loss > 0 or scale == "linear")
    assert high > max(losses)
