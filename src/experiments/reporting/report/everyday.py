"""Write the files at the end of a sweep: a table for programs, a page for people, a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.analysis.study import Study
from experiments.errors import RecordError
from experiments.files.atomic import write_output
from experiments.reporting.figures.comparison import plot_comparison
from experiments.reporting.figures.drawing import saved
from experiments.reporting.figures.run import plot_run
from experiments.reporting.tables.markup import narrow_markdown
from experiments.reporting.tables.rows import narrow_csv
from experiments.runs.layout import LEARNING_CURVES
from experiments.runs.record import Record


def write_comparison(
    study: Study, folder: Path, pictures: Sequence[str] = ("png", "svg")
) -> list[Path]:
    """Write `comparison.csv`, `comparison.md` and the picture in each requested format.

    The same records give the same bytes, regardless of their order.

    Parameters
    ----------
    study : Study
        The result of `analyse`.
    folder : Path
        The folder to write to, which is created if missing. Files of these names are replaced.
    pictures : sequence of {"png", "svg", "pdf"}, default ("png", "svg")
        The formats of the picture.

    Returns
    -------
    list of Path
        The files, in the order above.

    Raises
    ------
    RecordError
        If the folder cannot be written.
    """
    figure = plot_comparison(study)
    contents = {
        "comparison.csv": narrow_csv(study).encode(),
        "comparison.md": narrow_markdown(study, "comparison.png").encode(),
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


def write_learning_curves(record: Record) -> Path:
    """Draw the learning curves of a run into its folder; return the path of the picture."""
    path = record.folder / LEARNING_CURVES
    write_output(path, saved(plot_run(record), "svg"))
    return path
