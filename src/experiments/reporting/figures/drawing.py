"""The building blocks of figures: panels placed in inches, direct labels, scales.

Figures are built without pyplot, so that nothing is registered globally and no memory leaks. The
user's matplotlib settings do not affect them.
"""

from __future__ import annotations

import colorsys
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.escape import for_terminal
from experiments.reporting.figures.spreading import spread
from experiments.reporting.words.formatting import compact

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Figure  # exported: commands may not import matplotlib

INK: Final = "#222222"
MUTED: Final = "#555555"  # legible on white, unlike PALE
GRID: Final = "#e6e6e6"
REST: Final = "#c8c8c8"  # curves in the background
ALARM: Final = "#b00020"
PALE: Final = "#8a8a8a"
FONT_SIZE: Final = 8.5
LINE_HEIGHT: Final = 11.5 / 72  # inches from one label to the next

_STYLE: Final[dict[str, Any]] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib, so figures look the same everywhere
    "font.size": FONT_SIZE,
    "axes.labelsize": FONT_SIZE,
    "axes.labelcolor": INK,
    "axes.edgecolor": PALE,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titley": 1.0,  # no automatic distance: there are no ticks above a panel
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": PALE,
    "ytick.color": PALE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "text.parse_math": False,  # names may contain dollar signs
    "svg.hashsalt": "descent",  # otherwise the ids in an SVG are random
    "svg.fonttype": "path",
}

_SAVING: Final[dict[str, dict[str, Any]]] = {
    # A quarter faster than the default compression, for files a tenth larger.
    "png": {"pil_kwargs": {"compress_level": 1}},
    "svg": {"metadata": {"Date": None}},
    "pdf": {"metadata": {"CreationDate": None}},
}


def prepare() -> None:
    """Import matplotlib in advance, which takes a fifth of a second."""
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401


@contextmanager
def style() -> Iterator[None]:
    """Use only this project's matplotlib settings, regardless of the user's."""
    import matplotlib.style

    with matplotlib.style.context(["default", _STYLE]), _letters_may_be_missing():
        yield


@contextmanager
def _letters_may_be_missing() -> Iterator[None]:
    """Draw a box for a letter that the font lacks, as in Chinese names, without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def saved(figure: Figure, kind: str) -> bytes:
    """Render a figure as `png`, `svg` or `pdf`, without a date in the metadata."""
    buffer = io.BytesIO()
    with style():
        drawable(figure).savefig(buffer, format=kind, **_SAVING[kind])
    return buffer.getvalue()


def drawable(figure: Figure) -> Figure:
    """Escape the texts of a figure, which otherwise may contain what no SVG may; return it."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_text(for_terminal(text.get_text()))
    return figure


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure of `width` × `height` inches with a canvas."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150)
    FigureCanvasAgg(figure)
    # A notebook shows what has this method; figures of pyplot it knows without.
    figure._repr_png_ = partial(saved, figure, "png")  # type: ignore[attr-defined]
    return figure


def panel(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes of `width` × `height` inches, `left` and `top` inches from the figure's edges."""
    full_width, full_height = figure.get_size_inches()
    bottom = full_height - top - height
    return figure.add_axes(
        (left / full_width, bottom / full_height, width / full_width, height / full_height)
    )


def write(
    figure: Figure, left: float, top: float, text: str, size: float = FONT_SIZE, **kinds: Any
) -> None:
    """Write text; `left` and `top` are inches from the upper left corner of the figure."""
    full_width, full_height = figure.get_size_inches()
    figure.text(
        left / full_width, 1 - top / full_height, text, va="top", ha="left", size=size, **kinds
    )


def text_width(texts: Sequence[str], size: float = FONT_SIZE) -> float:
    """Return the width of the widest text, in inches."""
    return max((_text_width(text, size) for text in texts if text), default=0.0)


@lru_cache(maxsize=1024)
def _text_width(text: str, size: float) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    font = FontProperties(family="DejaVu Sans", size=size)
    with _letters_may_be_missing():
        width, _, _ = TextToPath().get_text_width_height_descent(for_terminal(text), font, False)
    return float(width) / 72


def wrapped(text: str, width: float, size: float = FONT_SIZE) -> str:
    """Break text into lines at most `width` inches wide."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width([longer], size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def label_ends(
    axes: Axes,
    ends: Sequence[tuple[float, float]],
    texts: Sequence[str],
    colors: Sequence[str],
) -> None:
    """Label curves at the right edge, next to their ends, without overlaps.

    Parameters
    ----------
    axes : Axes
        The axes, with final limits and scales.
    ends : sequence of (float, float)
        The last point of each curve, in data coordinates.
    texts, colors : sequence of str
        The text and colour of each label.
    """
    if not ends:
        return
    box = axes.get_window_extent()
    dpi = axes.figure.dpi
    width, height = box.width / dpi, box.height / dpi
    to_axes = axes.transData + axes.transAxes.inverted()
    points = [to_axes.transform(end) for end in ends]
    wanted = [float(np.clip(point[1], 0, 1)) for point in points]
    placed = spread(wanted, LINE_HEIGHT / height)
    near, far = 1 + 0.04 / width, 1 + 0.16 / width
    for (x, _), own, place, text, color in zip(points, wanted, placed, texts, colors, strict=True):
        line: dict[str, Any] = {"transform": axes.transAxes, "color": color, "clip_on": False}
        axes.plot([1, near, far], [own, own, place], linewidth=0.7, **line)
        if x < 0.995:  # connect a curve that ended early to the edge
            axes.plot([x, 1], [own, own], linewidth=0.7, linestyle=(0, (1, 3)), **line)
        axes.text(
            far + 0.04 / width,
            place,
            text,
            transform=axes.transAxes,
            color=readable(color),
            va="center_baseline",
            ha="left",
        )


def label_gutter(texts: Sequence[str]) -> float:
    """Return the space in inches that `label_ends` needs to the right of a panel."""
    return 0.2 + text_width(texts) + 0.1


def readable(color: str) -> str:
    """Darken a colour, keeping its hue, until its text is legible on white (contrast 4.5:1)."""
    from matplotlib.colors import to_hex, to_rgb

    hue, lightness, saturation = colorsys.rgb_to_hls(*to_rgb(color))
    color = to_hex(to_rgb(color))
    while contrast(color, "#ffffff") < 4.5:
        lightness -= 0.01
        color = to_hex(colorsys.hls_to_rgb(hue, lightness, saturation))
    return color


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours, from 1 to 21 (WCAG 2)."""
    low, high = sorted(map(_luminance, (first, second)))
    return (high + 0.05) / (low + 0.05)


def shades(color: str, count: int) -> list[str]:
    """Return `count` shades of a colour, from dark to light; the colour itself for a count of 1."""
    from matplotlib.colors import to_hex, to_rgb

    if count == 1:
        return [color]
    hue, lightness, saturation = colorsys.rgb_to_hls(*to_rgb(color))
    dark, light = min(lightness, 0.25), 0.7
    return [
        to_hex(colorsys.hls_to_rgb(hue, float(level), saturation))
        for level in np.linspace(dark, light, count)
    ]


def scale_loss(axes: Axes, values: NDArray[np.float64]) -> None:
    """Set limits around losses, on a logarithmic axis if they span more than a decade.

    A loss of exactly 0, which a logarithmic axis cannot show, is drawn at its lower edge.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    finite = values[np.isfinite(values)]
    if not finite.size:
        return
    low, high = float(finite.min()), float(finite.max())
    if low == 0 and high > 0:
        low = float(finite[finite > 0].min())
    if low > 0 and high / low > 10:
        axes.set_yscale("log", nonpositive="clip")
        room = (high / low) ** 0.04
        axes.set_ylim(low / room, high * room)
        marks = (1.0, 2.0, 5.0) if high / low < 300 else (1.0,)
        axes.yaxis.set_major_locator(LogLocator(subs=marks, numticks=12))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        limit(axes, low, high)


def scale_score(axes: Axes, values: NDArray[np.float64], ends: Sequence[float]) -> None:
    """Set limits around scores (accuracy, R²) whose last values are `ends`.

    R² before training can be far below 0 and is cut off there. If there are more than two curves,
    the lowest scores, those of the first epochs, are cut off too, so that the ends of the curves
    can be distinguished; at most two thirds of the range are cut off.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return
    low, high = float(finite.min()), float(finite.max())
    if ends:
        low = max(low, min(-0.25, min(ends) - 0.25))
    if len(ends) > 2:
        low = max(low, min(high - 3 * (high - min(ends)), high - (high - low) / 3))
    limit(axes, low, high)


def count_epochs(axes: Axes) -> None:
    """Mark whole epochs on the x axis."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))


def limit(axes: Axes, low: float, high: float) -> None:
    """Set the limits of the y axis, with a margin."""
    room = 0.04 * (high - low) or 0.05 * abs(high) or 1.0
    axes.set_ylim(low - room, high + room)


def title_panel(axes: Axes, title: str, below: str = "epoch", pad: float = 8) -> None:
    """Write the title of a panel, and the label of its x axis."""
    axes.set_title(title, loc="left", size=9, weight="bold", pad=pad)
    axes.set_xlabel(below)


def say_unmeasured(axes: Axes) -> None:
    """Write "not measured" in a panel that is otherwise empty."""
    axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=PALE)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("")


def _luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
