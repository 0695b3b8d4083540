"""Write studies and tables as Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from experiments.analysis.study import Study
from experiments.escape import for_latex, for_markdown, visible
from experiments.reporting.tables.layout import (
    Column,
    narrow_columns,
    notes_of,
    overall_columns,
    pair_columns,
    result_columns,
)
from experiments.reporting.words.conclusions import conclude, conclusions, how
from experiments.reporting.words.limits import limits_of, warnings_of


def study_markdown(study: Study) -> str:
    """Write a study as Markdown: the conclusions, the tables and the limits."""
    blocks = ["# Comparison", *(f"**{for_markdown(text)}**" for text in conclusions(study))]
    tables = list(_tables(study))
    for title, laid in tables:
        blocks += [f"## {for_markdown(title)}", markdown_table(laid)]
    explained = [*notes_of(one for _, laid in tables for one in laid), *how(study)]
    blocks += ["## Methods and limits", for_markdown(" ".join(explained))]
    warnings = warnings_of(study)
    if warnings:
        blocks.append(_bullets(warnings))
    if study.commands:
        blocks += [
            "The runs were made by:",
            "\n".join(f"    {visible(command)}" for command in study.commands),
        ]
    return "\n\n".join(blocks) + "\n"


def narrow_markdown(study: Study, picture: str = "") -> str:
    """Write the narrow view of a study as Markdown.

    Parameters
    ----------
    study : Study
        The result of `analyse`.
    picture : str, default ""
        The path of the picture; empty for none.

    Returns
    -------
    str
    """
    blocks = ["# Comparison", *(f"**{for_markdown(text)}**" for text in conclusions(study))]
    shown: list[Column] = []
    for part in study.parts:
        if len(study.parts) > 1:
            blocks.append(f"## {for_markdown(part.name)}")
        laid = narrow_columns(part)
        blocks.append(markdown_table(laid))
        shown += laid
    explained = [*notes_of(shown), *how(study, in_full=False)]
    blocks.append(_bullets([" ".join(explained), *limits_of(study)]))
    if picture:
        blocks.append(f"![Learning curves and final metrics by group]({picture})")
    return "\n\n".join(blocks) + "\n"


def markdown_table(laid: Sequence[Column]) -> str:
    """Write columns as a Markdown table, with the best values in bold."""
    lines = [
        [for_markdown(one.header) for one in laid],
        [":--" if one.is_text else "--:" for one in laid],
    ]
    for row in range(len(laid[0].cells)):
        cells = [for_markdown(one.cells[row].strip()) for one in laid]
        lines.append(
            [
                f"**{cell}**" if row in one.best else cell
                for one, cell in zip(laid, cells, strict=True)
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _bullets(texts: Sequence[str]) -> str:
    return "\n".join(f"- {for_markdown(text)}" for text in texts)


def study_latex(study: Study) -> str:
    """Write the tables of a study as LaTeX for `booktabs`, with the conclusions as comments."""
    lines = ["% Needs \\usepackage{booktabs}."]
    lines += [visible(f"% {part.name}: {conclude(part)}") for part in study.parts]
    for title, laid in _tables(study):
        lines += ["", visible(f"% {title}"), latex_table(laid)]
    return "\n".join(lines) + "\n"


def latex_table(laid: Sequence[Column]) -> str:
    """Write columns as a `tabular` with `booktabs` rules, with the best values in bold."""
    lines = [
        f"\\begin{{tabular}}{{{''.join('l' if one.is_text else 'r' for one in laid)}}}",
        "\\toprule",
        " & ".join(for_latex(one.header) for one in laid) + r" \\",
        "\\midrule",
    ]
    for row in range(len(laid[0].cells)):
        cells = [for_latex(one.cells[row].strip()) for one in laid]
        bold = [
            rf"\textbf{{{cell}}}" if row in one.best else cell
            for one, cell in zip(laid, cells, strict=True)
        ]
        lines.append(" & ".join(bold) + r" \\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"])


def _tables(study: Study) -> Iterator[tuple[str, list[Column]]]:
    for part in study.parts:
        yield part.name, result_columns(part)
        if part.separable_pairs:
            yield f"{part.name}: differences", pair_columns(part, part.separable_pairs)
    if study.overall:
        yield "All datasets (0 is the untrained network, 1 the best group)", overall_columns(study)
