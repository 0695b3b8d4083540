import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.reporting.figures.drawing import contrast, new_figure, panel, write
from experiments.reporting.report.inline import DARK, colors_in, inline_svg, on_dark


def picture(text="a < b & c"):
    figure = new_figure(3, 2)
    write(figure, 0.1, 0.1, text, color="#0072b2")
    panel(figure, 0.5, 0.5, 2, 1).plot([0, 1], [0, 1], "o-", color="#d55e00")
    return figure


def test_text_is_text_and_colours_are_the_pages():
    svg = inline_svg(picture(), "one", 'the "first"')
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == 'the "first"'
    assert any(element.text == "a < b & c" for element in root.iter("text"))
    assert {"#0072b2", "#d55e00"} <= set(colors_in(svg))
    assert not re.search(r"(?:fill|stroke): #", svg)
    assert "DejaVu" not in svg


def test_black_follows_the_page_although_svg_leaves_it_out():
    figure = new_figure(3, 2)
    write(figure, 0.1, 0.1, "muon", color="#000000")
    svg = inline_svg(figure, "one", "")
    (text,) = (one for one in ElementTree.fromstring(svg).iter("text") if one.text == "muon")
    assert "fill" not in text.get("style", "")
    assert "fill:var(--x000000)" in ElementTree.fromstring(svg).get("style")
    assert "#000000" in colors_in(svg)


def test_two_pictures_share_no_names():
    ids = [set(re.findall(r' id="([^"]+)"', inline_svg(picture(), name, ""))) for name in "ab"]
    assert ids[0]
    assert not ids[0] & ids[1]


@given(st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06x}"))
def test_any_colour_can_be_read_on_dark(color):
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    if max(red, green, blue) - min(red, green, blue) > 30:
        assert contrast(on_dark(color), DARK) >= 5.45


@pytest.mark.parametrize("color", ["#000000", "#222222", "#555555"])
def test_what_is_dark_becomes_light(color):
    assert contrast(on_dark(color), DARK) > 7


def test_white_becomes_the_page_and_the_grid_stays_pale():
    assert on_dark("#ffffff") == DARK
    assert 1.1 < contrast(on_dark("#e6e6e6"), DARK) < 2


def test_contrast_is_that_of_the_guidelines():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    # Worked by hand: grey 0x77 has a luminance of 0.1845.
    assert contrast("#777777", "#ffffff") == pytest.approx(1.05 / (0.1845 + 0.05), abs=0.01)
