"""Escape names and messages from files for the medium that shows them.

A class, a column, a run or an error may be called anything. What is shown must not move a
terminal's cursor, hide or reorder other text, or be read as markup.
"""

from __future__ import annotations

import html
import re
from typing import Final

# Control characters, marks that reorder text, line and paragraph separators, the byte order mark,
# lone surrogates (which cannot be encoded), and invisible tags.
_HIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)

_MARKDOWN: Final = re.compile(
    r"[\\|*_`<~$]"  # these anywhere
    r"|\](?=[(\[:])"  # a link or its definition
    r"|&(?=#?\w+;)"  # an entity
    r"|^(?:[#>+=-](?!\d)|\d+(?=[.)](?:\s|$)))"  # a heading, a quotation, a list
)

_LATEX: Final = {
    "\\": r"\textbackslash{}",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "∞": r"$\infty$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "×": r"$\times$",
    "²": r"\textsuperscript{2}",
    "µ": r"\textmu{}",
    "†": r"\textdagger{}",
    "–": "--",
}


def visible(text: str) -> str:
    r"""Replace characters that have an effect instead of a shape by their escape sequences.

    Every other function of this module does so, too. Nothing else needs it but pictures, and
    plain text on one line.

    Examples
    --------
    >>> visible("a\nb\x1b[31m")
    'a\\nb\\x1b[31m'
    """
    return _HIDDEN.sub(lambda found: repr(found[0])[1:-1], text)


def for_terminal(message: str) -> str:
    """Escape a message, which may have several lines, for a terminal, a log or a tracker."""
    return "\n".join(map(visible, message.split("\n")))


def for_html(text: str) -> str:
    """Escape text for HTML, in elements and in attributes with quotes."""
    return html.escape(for_terminal(text))


def for_markdown(text: str) -> str:
    """Escape text for a paragraph, a heading or a cell of a table in Markdown."""
    return _MARKDOWN.sub(lambda found: _backslashed(found[0]), visible(text))


def for_latex(text: str) -> str:
    """Escape text for LaTeX; a leading bracket would be read as an optional argument."""
    written = "".join(_LATEX.get(sign, sign) for sign in visible(text))
    return f"{{}}{written}" if written.startswith("[") else written


def _backslashed(found: str) -> str:
    if found == "<":
        return "&lt;"  # MLflow's pages would show the backslash
    # The number of a list's item becomes text if its dot is escaped, which follows it.
    return f"{found}\\" if found.isdigit() else f"\\{found}"
