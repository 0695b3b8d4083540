"""ASCII in place of the characters that our tables and messages use beyond it."""

from __future__ import annotations

from typing import Final

PLAIN: Final = {
    "±": "+/-",
    "†": "!",
    "µ": "u",
    "²": "2",
    "–": "-",
    "−": "-",
    "─": "-",
    "·": "-",
    "…": "~",
    "→": "->",
    "●": "*",
    "’": "'",
    "≥": ">=",
    "≤": "<=",
    "∞": "inf",
    "×": "x",
    "α": "alpha",
    "λ": "lambda",
    "θ": "theta",
    "‖": "|",
    "½": "1/2",
}
"""The replacements by character; some are longer than it, so tables are replaced before layout."""
