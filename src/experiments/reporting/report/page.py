"""Write the report: one page that contains everything, with tables and pictures as files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from experiments.analysis.robustness import is_varied
from experiments.analysis.study import Study
from experiments.errors import RecordError
from experiments.escape import for_terminal
from experiments.files.atomic import write_output
from experiments.files.csv import csv_text
from experiments.files.paths import slug
from experiments.reporting.figures.drawing import saved
from experiments.reporting.figures.looks import looks_of_entries
from experiments.reporting.report import tables
from experiments.reporting.report.figures import Picture, pictures_of, profiles_of
from experiments.reporting.report.inline import colors_in, inline_png, inline_svg, on_dark
from experiments.reporting.tables.frames import pairs_table, study_table
from experiments.reporting.tables.markup import study_latex, study_markdown
from experiments.reporting.words.citing import BIBTEX, methods_paragraph
from experiments.reporting.words.conclusions import conclusions
from experiments.reporting.words.formatting import listing
from experiments.reporting.words.limits import warnings_of
from experiments.reporting.words.protocol import protocol_of
from experiments.runs.record import Record

if TYPE_CHECKING:
    from jinja2 import Template

REPORT: Final = "report.html"
_KINDS: Final = ("png", "svg", "pdf")


def write_report(
    study: Study, records: Sequence[Record], folder: Path, *, trusted: frozenset[str]
) -> list[Path]:
    """Write the report of a study, and its tables and pictures as separate files.

    `report.html` is self-contained: it works without other files and without a network. The same
    folder gets `comparison.csv` and `pairs.csv` for programs, `comparison.md`, `comparison.tex`,
    and in `pictures/` each picture as PNG, SVG and PDF. The same study gives the same bytes.

    Parameters
    ----------
    study : Study
        The result of `analyse`.
    records : sequence of Record
        All runs, which the report lists.
    folder : Path
        The folder to write to, which is created if missing. Files of these names are replaced.
    trusted : frozenset of str
        The packages, besides this project's, whose classes may be used for pictures of networks;
        see `experiments.config.trust.allowed_packages`.

    Returns
    -------
    list of Path
        The files written, the page first.

    Raises
    ------
    RecordError
        If the folder cannot be written.
    """
    page, pictures = compose(study, records, trusted=trusted)
    folder = Path(folder)
    beside = folder / "pictures"
    try:
        beside.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(
            f"{folder}: cannot be made: {error.strerror}. Choose another folder."
        ) from error
    texts = {
        REPORT: page,
        "comparison.csv": csv_text(study_table(study)),
        "pairs.csv": csv_text(pairs_table(study)),
        "comparison.md": study_markdown(study),
        "comparison.tex": study_latex(study),
    }
    for name, text in texts.items():
        write_output(folder / name, text.encode())
    written = [folder / name for name in texts]
    for picture in pictures:
        for kind in _KINDS:
            written.append(beside / f"{picture.name}.{kind}")
            content = picture.png if kind == "png" else saved(picture.figure, kind)
            write_output(written[-1], content)
    return written


def compose(
    study: Study, records: Sequence[Record], *, trusted: frozenset[str]
) -> tuple[str, list[Picture]]:
    """Compose the page.

    Parameters
    ----------
    study : Study
        The result of `analyse`.
    records : sequence of Record
        All runs, which the report lists.
    trusted : frozenset of str
        The trusted packages (see `write_report`).

    Returns
    -------
    str
        The page as HTML.
    list of Picture
        The pictures in the page.
    """
    looks = [looks_of_entries(part.entries) for part in study.parts]
    names = {
        entry.name: look
        for part, own in zip(study.parts, looks, strict=True)
        for entry, look in zip(part.entries, own, strict=True)
    }
    across = profiles_of(study, names)
    found = [
        pictures_of(
            part, own, f"{slug(part.name)}-" if len(study.parts) > 1 else "", trusted=trusted
        )
        for part, own in zip(study.parts, looks, strict=True)
    ]
    pictures = [
        *across,
        *(one for part in found for one in part.all),
    ]
    drawn = {
        one.name: (
            inline_png(one.png, one.figure.get_figwidth(), one.description)
            if one.on_white
            else inline_svg(one.figure, one.name, one.description)
        )
        for one in pictures
    }
    colors = {look.color for look in names.values()}.union(*map(colors_in, drawn.values()))
    page = _template().render(
        title=_title(study),
        css=_style_sheet(sorted(colors)),
        facts=_facts(records),
        conclusion=conclusions(study),
        warnings=warnings_of(study),
        overall=tables.overall(study, names) if study.overall else None,
        robustness=tables.robustness(study) if is_varied(study.parts) else None,
        across=across,
        parts=[
            {
                "title": f"On {part.name}" if len(study.parts) > 1 else "Results",
                "results": tables.results(part, own),
                "more_results": tables.more_results(part, own),
                "pairs": tables.pairs(part, own) if part.separable_pairs else None,
                "settings": tables.settings(part),
                "pictures": own_pictures,
            }
            for part, own, own_pictures in zip(study.parts, looks, found, strict=True)
        ],
        drawn=drawn,
        protocol=protocol_of(study),
        paragraph=methods_paragraph(study),
        bibtex=BIBTEX,
        commands=study.commands,
        versions=_versions(study),
        runs=tables.runs(records, study.metrics),
    )
    return page, pictures


def _title(study: Study) -> str:
    optimizers = list(dict.fromkeys(e.optimizer for part in study.parts for e in part.entries))
    what = listing(optimizers) if len(optimizers) <= 6 else f"{len(optimizers)} optimizers"
    return f"{what} on {listing([part.name for part in study.parts])}"


def _facts(records: Sequence[Record]) -> str:
    """Return what was run and when: the time of the last run, so that the page is reproducible."""
    words = [f"{len(records)} runs"]
    for key in ("model", "loss"):
        found = sorted({run.choices[key] for run in records if key in run.choices})
        words += [", ".join(found)] if 0 < len(found) <= 3 else []
    if records:
        words.append(f"finished {max(run.finished for run in records):%Y-%m-%d %H:%M} UTC")
    return " · ".join(words)


def _versions(study: Study) -> list[tuple[str, str]]:
    versions = {name: ", ".join(found) for name, found in study.versions.items()}
    if "True" in versions.pop("dirty", ""):
        versions["commit"] = f"{versions.get('commit', '')} (with uncommitted changes)"
    return list(versions.items())


def _style_sheet(colors: Sequence[str]) -> str:
    """Return the style sheet with the colours of the pictures, for a white and a dark page."""
    light = "".join(f"--x{color[1:]}:{color};" for color in colors)
    dark = "".join(f"--x{color[1:]}:{on_dark(color)};" for color in colors)
    own = files(__package__).joinpath("report.css").read_text(encoding="utf-8")
    return (
        f"{own}:root{{{light}}}\n@media screen and (prefers-color-scheme: dark) {{:root{{{dark}}}}}"
    )


def _plain(value: object) -> object:
    """Escape what the template inserts, unless it is HTML; Jinja then escapes the markup."""
    return value if hasattr(value, "__html__") else for_terminal(str(value))


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, finalize=_plain,
    )  # fmt: skip
    return environment.get_template("report.html.jinja")
