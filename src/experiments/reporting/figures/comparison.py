"""Draw the summary picture of a comparison: curves of loss and score, and the final metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from experiments.analysis.groups import telling_keys
from experiments.analysis.study import Part, Study
from experiments.reporting.figures.curves import (
    Family,
    curves_panel,
    family_of,
    score_of,
    shown_part,
    units_of,
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
from experiments.reporting.figures.looks import (
    OTHERS_ARE_GREY,
    Look,
    context,
    emphasized,
    looks_of,
)
from experiments.reporting.figures.strips import Strip, strip_of, strip_panel
from experiments.reporting.words.formatting import span
from experiments.reporting.words.reported import about_test
from experiments.training.metrics import metric_named

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_ROWS: Final = 48


def plot_comparison(study: Study) -> Figure:
    """Draw a study: learning curves of all seeds, and the final metric of each run.

    Each seed has a thin curve. The bold curve is the median over a group's finished runs, within
    the band of its 95% interval, up to the last epoch that all of these runs reached (some may
    have stopped early). The curve of a diverged run ends in a cross and does not enter the
    median. The axis of the validation loss is logarithmic if it spans more than a decade. On the
    right each seed is a point; each group has its mean with the 95% interval, in which a diverged
    run counts as its untrained network. Each part of the study has a row of panels. Where a step
    takes more than one gradient in some groups, curves count gradients, with those of the loss by
    epoch beside them.

    Parameters
    ----------
    study : Study
        The result of `analyse`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, which is not registered with pyplot; save it with `savefig`.
    """
    parts = study.parts
    with style():
        looks = [looks_of([entry.group for entry in part.entries]) for part in parts]
        rows = [
            [
                family_of(entry.group, look)
                for entry, look in emphasized(list(zip(part.entries, own, strict=True)), part.pairs)
            ]
            for part, own in zip(parts, looks, strict=True)
        ]
        sides = [_strips(part, own) for part, own in zip(parts, looks, strict=True)]
        names = [one.look.label for row in rows for one in row if one.look.named]
        shown = [one for _, strips, _ in sides for one in strips]
        end, side = label_gutter(names), text_width([one.look.label for one in shown]) + 0.3
        notes = text_width([one.note for one in shown])
        heights = [max(2.9, min(len(row), _MOST_ROWS) * 0.22) for row in rows]
        units = units_of([one for row in rows for one in row])
        panels = len(units) + 1  # the loss over each, and the score
        width = (
            0.6
            + panels * (3.3 + end)
            + (panels - 1) * 0.6
            + side
            + 3.3
            + (notes + 0.2 if notes else 0)
            + 0.2
        )
        caption = wrapped(_caption(parts, rows), width - 0.6, 7.5)
        bottom = 0.2 + 0.14 * (caption.count("\n") + 1)
        heading = 0.3 if len(parts) > 1 else 0.0
        tall = sum(height + heading + 1.0 for height in heights)
        figure = new_figure(width, 0.35 + tall + bottom)
        write(figure, 0.15, 0.12, _title(parts), size=10.5, weight="bold")
        top = 0.35
        headings = [part.name if len(parts) > 1 else "" for part in parts]
        for row, (title, strips, higher), height, name in zip(
            rows, sides, heights, headings, strict=True
        ):
            write(figure, 0.15, top + 0.1, name, size=10, weight="bold")
            top += heading
            measured = [curves for one in row for curves in one.finished + one.diverged]
            score, shown_as = score_of(measured), shown_part(measured)
            left = 0.6
            for kind, unit in (*(("loss", unit) for unit in units), (score, units[0])):
                axes = panel(figure, left, top + 0.45, 3.3, height)
                title_panel(axes, metric_named(f"{shown_as}/{kind}").title)
                curves_panel(axes, row, f"{shown_as}/{kind}", unit)
                left += 3.3 + end + 0.6
            left += side - 0.6
            axes = panel(figure, left, top + 0.45, 3.3, height)
            title_panel(axes, title, below="")
            strip_panel(axes, strips, higher=higher)
            top += height + 1.0
        write(figure, 0.15, top + 0.1, caption, size=7.5, color=MUTED, linespacing=1.3)
    return figure


def _strips(part: Part, looks: Sequence[Look]) -> tuple[str, list[Strip], bool]:
    """Return the title of the final metric, its strips, and whether higher is better."""
    metric = part.metric
    described = metric_named(metric)
    pairs = list(zip(part.entries, looks, strict=True))[:_MOST_ROWS]
    strips = [strip_of(entry, look, metric) for entry, look in pairs]
    return described.title, strips, described.higher_is_better


def _title(parts: Sequence[Part]) -> str:
    groups = [entry.group for part in parts for entry in part.entries]
    counts = [len(entry.seeds) for part in parts for entry in part.entries if entry.seeds]
    seeds = "no finished runs"
    if counts:
        seeds = f"{span(counts)} seed{'' if max(counts) == 1 else 's'}"
    about = context([run for group in groups for run in group.runs])
    keys = telling_keys([entry.group for entry in parts[0].entries])
    noun = "optimizer" if keys == ["optimizer"] else "group"
    count = max(len(part.entries) for part in parts)
    return f"{about}: {count} {noun}{'' if count == 1 else 's'}, {seeds}"


def _caption(parts: Sequence[Part], rows: Sequence[Sequence[Family]]) -> str:
    drawn = [one for row in rows for one in row]
    words = []
    if any(len(one.finished) > 1 for one in drawn):
        words.append(
            "Curves: each seed is a thin line; the median is bold, with its 95% interval (the "
            "range for five seeds or fewer), up to the last epoch that all seeds reached. Right: "
            "each seed is a point; the bar is the mean, the line its 95% interval."
        )
    elif any(one.finished for one in drawn):
        words.append("One seed each; another seed may give a different order.")
    words += dict.fromkeys(text for part in parts for text in about_test(part.metric, part.entries))
    if any(one.diverged for one in drawn):
        words.append(
            "Curves of diverged runs end in × and do not enter the median; on the right such a "
            "run counts as its untrained network."
        )
    if any(not one.look.named for one in drawn):
        words.append(OTHERS_ARE_GREY)
    longest = max(len(row) for row in rows)
    if longest > _MOST_ROWS:
        words.append(f"The right side shows the best {_MOST_ROWS} of {longest} groups.")
    return " ".join(words)
