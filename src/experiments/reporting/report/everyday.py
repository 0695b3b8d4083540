"""What every sweep ends with: a table for programs, a page for people, and the picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.analysis.groups import group_runs, scopes
from experiments.errors import RecordError
from experiments.files.atomic import write_output
from experiments.reporting.figures.comparison import plot_comparison
from experiments.reporting.figures.drawing import saved
from experiments.reporting.figures.run import plot_run
from experiments.reporting.tables.layout import columns
from experiments.reporting.tables.markup import markdown_table, markdown_text
from experiments.reporting.tables.rows import comparison_csv
from experiments.reporting.words.conclusions import headline, remarks, scope_names
from experiments.runs.layout import LEARNING_CURVES
from experiments.runs.record import Record


def write_comparison(
    records: Sequence[Record],
    folder: Path,
    by: Sequence[str] | None = None,
    pictures: Sequence[str] = ("png", "svg"),
) -> list[Path]:
    """Write `comparison.csv`, `comparison.md`, and the picture of each kind that is asked for.

    The same records give the same bytes, in whatever order they come.

    Parameters
    ----------
    records
        Runs of any status.
    folder
        Made if it is missing. Older files of these names are replaced.
    by
        Grouping keys (see `experiments.reporting.tables.frames.comparison`).
    pictures : sequence of {"png", "svg", "pdf"}, default ("png", "svg")

    Returns
    -------
    list of Path
        The files, in the order above.

    Raises
    ------
    ConfigError
        Where there are no records, or no run has one of the keys.
    RecordError
        Where the folder cannot be written.
    """
    figure = plot_comparison(records, by)
    contents = {
        "comparison.csv": comparison_csv(group_runs(records, by)).encode(),
        "comparison.md": markdown(records, by).encode(),
        **{f"comparison.{kind}": saved(figure, kind) for kind in pictures},
    }
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(
            f"{folder}: cannot be made: {error.strerror}. Choose another folder."
        ) from error
    for name, content in contents.items():
        write_output(folder / name, content)
    return [folder / name for name in contents]


def markdown(
    records: Sequence[Record], by: Sequence[str] | None = None, picture: str = "comparison.png"
) -> str:
    """Write the comparison as Markdown: the headline, the table, its limits and the picture.

    Parameters
    ----------
    records, by
        As in `write_comparison`.
    picture
        Where the picture is; empty for none.
    """
    records = list(records)
    groups = group_runs(records, by)
    parts = scopes(groups)
    blocks = ["# Comparison", f"**{markdown_text(headline(groups))}**"]
    for part, name in zip(parts, scope_names(parts), strict=True):
        if len(parts) > 1:
            blocks.append(f"## {markdown_text(name)}")
        blocks.append(markdown_table(columns(part)))
    blocks += [f"- {markdown_text(remark)}" for remark in remarks(records, groups)]
    text = "\n\n".join(blocks).replace("\n\n- ", "\n- ").replace("|\n- ", "|\n\n- ")
    if picture:
        text += f"\n\n![Learning curves and final metrics by group]({picture})"
    return text + "\n"


def write_learning_curves(record: Record) -> Path:
    """Draw a run's learning curves into its folder, and return the picture's path."""
    path = record.folder / LEARNING_CURVES
    write_output(path, saved(plot_run(record), "svg"))
    return path
