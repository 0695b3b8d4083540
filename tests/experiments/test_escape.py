"""Names are escaped for each medium; what reads it back finds no markup and the name's letters."""

import html
import re
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from experiments.escape import for_html, for_latex, for_markdown, for_terminal, visible

TEXTS = st.text(st.characters(codec=None), max_size=20)


@given(TEXTS)
def test_nothing_hidden_is_left(text: str) -> None:
    shown = visible(text)
    kinds = {unicodedata.category(sign) for sign in shown}
    assert not kinds & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(shown) & set(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"
    )
    assert visible(shown) == shown
    shown.encode()


def test_letters_of_all_languages_stay() -> None:
    text = "Größe, größer als 5 µm; 中文, नमस्ते, می‌خواهم, 👩‍🔬"
    assert visible(text) == text


def test_lines_of_a_message_stay() -> None:
    assert for_terminal("a\nb\x1b[2J\r\n") == "a\nb\\x1b[2J\\r\n"
    assert visible("a\nb") == r"a\nb"


class Reader(HTMLParser):
    """Collects elements and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(TEXTS)
@example('<b title="x">&amp;</b>')
def test_html_reads_back(text: str) -> None:
    reader = Reader()
    reader.feed(f"<p>{for_html(text)}</p>")
    reader.close()
    assert (reader.tags, reader.text) == (["p"], for_terminal(text))
    assert '"' not in for_html(text)


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("my_adam", r"my\_adam"),
        ("a|b", r"a\|b"),
        ("[x](http://evil)", r"[x\](http://evil)"),
        ("![x][y]", r"![x\][y]"),
        ("0.01 [0.009, 0.011]", "0.01 [0.009, 0.011]"),
        ("<script>", "&lt;script>"),
        ("&lt;b&gt; & c", r"\&lt;b\&gt; & c"),
        ("# heading", r"\# heading"),
        ("> quoted", r"\> quoted"),
        ("- item", r"\- item"),
        ("-1.5", "-1.5"),
        ("1. item", r"1\. item"),
        ("1.5", "1.5"),
        ("$x$ ~~y~~ `z`", r"\$x\$ \~\~y\~\~ \`z\`"),
        ("a\n\n# b", r"a\\n\\n# b"),
    ],
)
def test_markdown(text: str, markdown: str) -> None:
    assert for_markdown(text) == markdown


@given(st.text("ab *_#[]()<>!|\\`~$&;-1.\n", max_size=15))
def test_markdown_reads_back(text: str) -> None:
    commonmark = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable("table")
    rendered = commonmark.render(f"| {for_markdown(text)} |\n|---|\n")
    inner = re.fullmatch(
        r"(?s)<table>\n<thead>\n<tr>\n<th>(.*)</th>\n</tr>\n</thead>\n</table>\n", rendered
    )
    assert inner is not None
    assert html.unescape(inner[1]) == visible(text).strip()


def test_latex() -> None:
    assert for_latex("50% of a_b & {c} #1 $x$ ~^\\") == (
        r"50\% of a\_b \& \{c\} \#1 \$x\$ \textasciitilde{}\textasciicircum{}\textbackslash{}"
    )
    assert for_latex("[1, 2]") == "{}[1, 2]"
    assert for_latex("a\n\\input{x}") == r"a\textbackslash{}n\textbackslash{}input\{x\}"
