"""The measurements as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarking.measurements import OURS, Measurement, counted_cores, middle, ratio, select
from benchmarking.report import names
from benchmarking.steps import BOUND, NUMPY_ALONE
from benchmarking.sweeps import EXISTING, EXTRAPOLATED, PEER, PHASES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette, which colour-blind readers can distinguish.
_COLORS: Final = {
    OURS: "#0072b2",
    NUMPY_ALONE: "#56b4e9",
    BOUND: "#7f7f7f",
    "scikit-learn": "#e69f00",
    "PyTorch": "#d55e00",
    "PyTorch, sparse gradients": "#cc79a7",
    "JAX": "#009e73",
    PEER: "#d55e00",
}
_MARKERS: Final = {"adam": ("o", True), "sgd": ("s", False), "adagrad": ("^", True)}
_PHASE_COLORS: Final = (
    "#bbbbbb",
    "#56b4e9",
    "#f0e442",
    "#cc79a7",
    "#0072b2",
    "#44aa99",
    "#009e73",
    "#e69f00",
    "#666666",
)


def draw(found: Sequence[Measurement], path: Path, caption: str) -> None:
    """Draw the measurements of steps and sweeps.

    Parameters
    ----------
    found : sequence of Measurement
        The measurements.
    path : Path
        The PNG file to write.
    caption : str
        A description of the machine.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cases = names(found, "case", part="step")
    has_sweeps = bool(select(found, part="sweep"))
    heights = [2.6] * bool(cases) + [3.4] * has_sweeps
    figure = Figure(figsize=(14, sum(heights) + 0.9), layout="constrained", dpi=130)
    FigureCanvasAgg(figure)
    rows = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    if cases:
        rows[0].suptitle(
            "Training step: microseconds per run and step (less is better; × as long as Descent)",
            fontsize=11,
        )
        panels = rows[0].subplots(1, len(cases), sharey=True, squeeze=False)[0]
        for axes, case in zip(panels, cases, strict=True):
            _steps(axes, select(found, part="step", case=case), case)
        _legend(panels[-1], found)
    if has_sweeps:
        left, right = rows[-1].subplots(1, 2)
        _sweeps(left, found)
        _where(right, found)
    figure.supxlabel(caption, fontsize=8, color="#555555")
    figure.savefig(path)


def _steps(axes: Axes, here: Sequence[Measurement], case: str) -> None:
    contestants = names(here, "contestant")
    lengths = []
    for optimizer in names(here, "optimizer"):
        marker, filled = _MARKERS[optimizer]
        ours = select(here, contestant=OURS, optimizer=optimizer)
        for name in names(here, "contestant", optimizer=optimizer):
            theirs = select(here, contestant=name, optimizer=optimizer)
            values = [m.value for m in theirs]
            value, height = middle(theirs), contestants.index(name)
            # The two optimizers are drawn slightly above and below the contestant's line.
            height_of = height + (-0.16 if filled else 0.16)
            color = _COLORS[name]
            axes.plot([min(values), max(values)], [height_of] * 2, color=color, lw=1.2)
            axes.plot(value, height_of, marker, color=color, mfc=color if filled else "white")
            if name != OURS:
                axes.annotate(
                    _times(theirs, ours),
                    (max(values), height_of),
                    (5, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=7.5,
                    color="#333333",
                )
            lengths += values
    _log_axis(axes, min(lengths) / 1.6, max(lengths) * 4)
    axes.set_ylim(len(contestants) - 0.5, -0.5)
    axes.set_yticks(range(len(contestants)), contestants)
    axes.grid(axis="x", color="#e5e5e5")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(case, fontsize=10)
    axes.set_xlabel("µs")


def _legend(axes: Axes, found: Sequence[Measurement]) -> None:
    for optimizer in names(found, "optimizer", part="step"):
        marker, filled = _MARKERS[optimizer]
        face = "black" if filled else "white"
        label = {"adam": "Adam", "sgd": "SGD", "adagrad": "Adagrad"}[optimizer]
        axes.plot([], [], marker, color="black", mfc=face, label=label)
    axes.legend(fontsize=8, loc="upper right", frameon=False)


def _sweeps(axes: Axes, found: Sequence[Measurement]) -> None:
    """Draw a bar for each sweep with an existing database, and a line for a fresh one."""
    labels: list[str] = []
    longest = 0.0
    for case in names(found, "case", part="sweep"):
        whole = select(found, part="sweep", case=case)
        for cores in sorted({m.cores for m in whole}, reverse=True):
            for name in names(whole, "contestant"):
                here = select(whole, contestant=name, cores=cores)
                existing = select(here, database=EXISTING)
                value, height = middle(existing), len(labels)
                guessed = existing[0].detail == EXTRAPOLATED
                axes.barh(
                    height,
                    value,
                    color="white" if guessed else _COLORS[name],
                    edgecolor=_COLORS[name],
                    hatch="///" if guessed else None,
                )
                fresh = middle([m for m in here if m.database != EXISTING])
                axes.plot([fresh] * 2, [height - 0.4, height + 0.4], color="black", lw=1.5)
                ours = select(whole, contestant=OURS, cores=cores, database=EXISTING)
                times = "" if name == OURS else f"  ({_times(existing, ours)})"
                text = f"{value:.1f} s{times}" + (f", {EXTRAPOLATED}" if guessed else "")
                axes.annotate(
                    text,
                    (max(value, fresh), height),
                    (5, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8,
                )
                who = "PyTorch + Hydra\n+ MLflow" if name == PEER else name
                labels.append(f"{case}, {who}, {counted_cores(cores)}")
                longest = max(longest, value, fresh)
    _log_axis(axes, 1, longest * 5)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_yticks(range(len(labels)), labels, fontsize=7.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title("Whole sweeps: existing database (black line: a fresh one)", fontsize=11)
    axes.set_xlabel("seconds from command to comparison")


def _times(theirs: Sequence[Measurement], ours: Sequence[Measurement]) -> str:
    """Format a ratio with three significant digits: × 1.00, × 15.4, × 203."""
    return f"× {ratio(theirs, ours):#.3g}".rstrip(".")


def _log_axis(axes: Axes, low: float, high: float) -> None:
    """Make the x axis logarithmic, with few enough labels that they do not overlap."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def _where(axes: Axes, found: Sequence[Measurement]) -> None:
    labels: list[str] = []
    for case in names(found, "case", part="phase"):
        for cores in sorted({m.cores for m in select(found, part="phase")}, reverse=True):
            here = select(found, part="phase", case=case, cores=cores, database=EXISTING)
            begin = 0.0
            for phase, color in zip(PHASES, _PHASE_COLORS, strict=True):
                value = middle(select(here, detail=phase))
                label = phase if not labels else None
                axes.barh(
                    len(labels), value, left=begin, color=color, edgecolor="white", label=label
                )
                begin += value
            labels.append(f"{case},\n{counted_cores(cores)}")
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title("Where Descent's time goes (existing database)", fontsize=11)
    axes.set_xlabel("seconds")
    axes.legend(
        fontsize=7.5, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.18), frameon=False
    )
