"""The everyday picture of a comparison: curves of loss and score, and the final metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from experiments.analysis.groups import Group, group_runs, scopes, telling_keys
from experiments.reporting.figures.curves import (
    Family,
    curve_title,
    curves_panel,
    family_of,
    score_of,
)
from experiments.reporting.figures.drawing import (
    MUTED,
    label_gutter,
    new_figure,
    panel,
    style,
    text_width,
    title_panel,
    wrapped,
    write,
)
from experiments.reporting.figures.looks import MOST_NAMED, Look, context, looks_of
from experiments.reporting.figures.strips import Strip, strip_of, strip_panel
from experiments.reporting.words.conclusions import scope_names
from experiments.runs.records import Record
from experiments.training.metrics import MAIN, metric_named

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_ROWS: Final = 48


def plot_comparison(records: Sequence[Record], by: Sequence[str] | None = None) -> Figure:
    """Draw a comparison: learning curves of all seeds, and the final metric of each run.

    Every seed is thin; the median over a group's finished runs is bold, in the band of its
    95% interval, as far as all of these runs went (some may have stopped
    early).
    Diverged runs end in a cross and are in no median. The validation loss is on a
    logarithmic axis where it spans more than a decade. On the right each run is a point, with
    the mean of each group and the 95% interval of that mean (Student's t). Each task
    (dataset and loss) has a row of its own.

    Parameters
    ----------
    records
        Runs of any status.
    by
        Grouping keys (see `experiments.reporting.tables.frames.comparison`).

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot; save it with `savefig`.

    Raises
    ------
    ConfigError
        Where there are no records, or no run has one of the keys.
    """
    parts = scopes(group_runs(records, by))
    with style():
        looks = [looks_of(part) for part in parts]
        rows = [
            [family_of(group.runs, look) for group, look in zip(part, own, strict=True)]
            for part, own in zip(parts, looks, strict=True)
        ]
        sides = [_strips(part, own) for part, own in zip(parts, looks, strict=True)]
        names = [look.label for own in looks for look in own if look.named]
        shown = [one for _, strips, _ in sides for one in strips]
        end, side = label_gutter(names), text_width([one.look.label for one in shown]) + 0.3
        notes = text_width([one.note for one in shown])
        heights = [max(2.9, min(len(row), _MOST_ROWS) * 0.22) for row in rows]
        width = 0.6 + 2 * (3.3 + end) + 0.6 + side + 3.3 + (notes + 0.2 if notes else 0) + 0.2
        caption = wrapped(_caption(rows), width - 0.3, 7.5)
        bottom = 0.2 + 0.14 * (caption.count("\n") + 1)
        heading = 0.3 if len(parts) > 1 else 0.0
        tall = sum(height + heading + 1.0 for height in heights)
        figure = new_figure(width, 0.35 + tall + bottom)
        write(figure, 0.15, 0.12, _title(parts), size=10.5, weight="bold")
        top = 0.35
        scope_titles = scope_names(parts) if len(parts) > 1 else [""]
        for row, (title, strips, higher), height, name in zip(
            rows, sides, heights, scope_titles, strict=True
        ):
            write(figure, 0.15, top + 0.1, name, size=10, weight="bold")
            top += heading
            score = score_of([curves for one in row for curves in one.finished + one.diverged])
            left = 0.6
            for kind in ("loss", score):
                axes = panel(figure, left, top + 0.45, 3.3, height)
                title_panel(axes, curve_title(f"val/{kind}"))
                curves_panel(axes, row, f"val/{kind}")
                left += 3.3 + end + 0.6
            left += side - 0.6
            axes = panel(figure, left, top + 0.45, 3.3, height)
            title_panel(axes, title, below="")
            strip_panel(axes, strips, higher=higher)
            top += height + 1.0
        write(figure, 0.15, top + 0.1, caption, size=7.5, color=MUTED, linespacing=1.3)
    return figure


def _strips(part: Sequence[Group], looks: Sequence[Look]) -> tuple[str, list[Strip], bool]:
    """Choose the final metric, the first that was measured, and make its strips."""
    # Test before validation, the score before the loss.
    found = (metric for metric in reversed(MAIN) if any(group.measured(metric) for group in part))
    metric = next(found, "")
    pairs = list(zip(part, looks, strict=True))[:_MOST_ROWS]
    strips = [strip_of(group, look, metric) for group, look in pairs]
    return curve_title(metric), strips, metric_named(metric).higher_is_better


def _title(parts: Sequence[Sequence[Group]]) -> str:
    groups = [group for part in parts for group in part]
    counts = sorted({len(group.seeds) for group in groups if group.finished})
    seeds = "no finished runs"
    if counts:
        span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        seeds = f"{span} seed{'' if counts[-1] == 1 else 's'}"
    about = context([run for group in groups for run in group.runs])
    noun = "optimizer" if telling_keys(parts[0]) == ["optimizer"] else "group"
    count = max(len(part) for part in parts)
    return f"{about}: {count} {noun}{'' if count == 1 else 's'}, {seeds}"


def _caption(rows: Sequence[Sequence[Family]]) -> str:
    drawn = [one for row in rows for one in row]
    words = []
    if any(len(one.finished) > 1 for one in drawn):
        words.append(
            "Curves: every seed thin, the median bold in its 95% interval (of five seeds or "
            "fewer: their range), as far as all seeds went. Right: every seed a point; the bar is "
            "the mean, the line its 95% interval (Student's t)."
        )
    elif any(one.finished for one in drawn):
        words.append("One seed each: another seed may give another order.")
    if any(one.diverged for one in drawn):
        words.append("Diverged runs end in × and are in no median, mean or interval.")
    if any(not one.look.named for one in drawn):
        words.append(f"The best {MOST_NAMED} groups are in colour and named.")
    longest = max(len(row) for row in rows)
    if longest > _MOST_ROWS:
        words.append(f"The best {_MOST_ROWS} of {longest} groups are on the right.")
    return " ".join(words)
