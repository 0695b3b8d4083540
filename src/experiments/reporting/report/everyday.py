"""Write the files at the end of a sweep: a table for programs, a page for people, pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from experiments.analysis.study import Study
from experiments.errors import RecordError
from experiments.files.atomic import write_output
from experiments.files.paths import slug
from experiments.reporting.figures.comparison import plot_comparison
from experiments.reporting.figures.drawing import saved
from experiments.reporting.figures.looks import looks_of_entries
from experiments.reporting.figures.networks import networks_of
from experiments.reporting.figures.run import plot_run
from experiments.reporting.tables.markup import narrow_markdown
from experiments.reporting.tables.rows import narrow_csv
from experiments.runs.layout import LEARNING_CURVES
from experiments.runs.record import Record

MOST_PARTS: Final = 2
"""The parts of a study, each on other data or with another loss, whose networks a sweep draws."""


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


def write_networks(
    study: Study,
    folder: Path,
    *,
    trusted: frozenset[str],
    warn: Callable[[str], None],
    note: Callable[[str], None],
) -> list[Path]:
    """Draw what the networks of a sweep learnt into `pictures/`, as `descent pictures` does.

    Drawing takes half a second for each part of the study, so that at most `MOST_PARTS` are drawn.

    Parameters
    ----------
    study : Study
        The result of `analyse`.
    folder : Path
        The sweep's folder.
    trusted : frozenset of str
        The trusted packages (see `experiments.reporting.figures.networks.networks_of`).
    warn : callable
        A function that shows a warning to the user, about a picture that cannot be drawn.
    note : callable
        A function that shows the reason why there are no pictures.

    Returns
    -------
    list of Path
        The pictures.
    """

    def failed(error: Exception) -> None:
        warn(f"a picture of the networks cannot be drawn: {type(error).__name__}: {error}")

    written = []
    for part in study.parts[:MOST_PARTS]:
        entries = list(zip(part.entries, looks_of_entries(part.entries), strict=True))
        drawn, missing = networks_of(entries, trusted=trusted, failed=failed)
        if missing:
            note(f"There are no pictures of the networks: {missing}")
        prefix = f"{slug(part.name)}-" if len(study.parts) > 1 else ""
        for picture in drawn:
            path = folder / "pictures" / f"{prefix}{picture.name}.png"
            try:
                content = saved(picture.figure, "png")
                path.parent.mkdir(exist_ok=True)
                write_output(path, content)
            except Exception as error:  # noqa: BLE001 - whatever goes wrong, the sweep is done
                failed(error)
            else:
                written.append(path)
    return written


def write_learning_curves(record: Record) -> Path:
    """Draw the learning curves of a run into its folder; return the path of the picture."""
    path = record.folder / LEARNING_CURVES
    write_output(path, saved(plot_run(record), "svg"))
    return path
