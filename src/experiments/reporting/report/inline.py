"""Embed pictures in a page, as SVG with selectable text and colours that follow the page.

A colour such as `#0072b2` becomes the style `var(--x0072b2)`, which the page defines: as the
colour itself on a white page, and as an equally legible one on a dark page.
"""

from __future__ import annotations

import base64
import colorsys
import io
import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree

from experiments.escape import for_html, visible
from experiments.reporting.figures.drawing import contrast, drawable, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DARK: Final = "#15181c"  # the background of a dark page
_SVG: Final = "{http://www.w3.org/2000/svg}"
_COLOR: Final = re.compile(r"#[0-9a-f]{6}\b")
_DECIMALS: Final = re.compile(r"(\.\d\d)\d+")
_REFERENCE: Final = re.compile(r"#([\w.-]+)")


def inline_svg(figure: Figure, name: str, description: str) -> str:
    """Render a figure as an SVG element for an HTML page.

    Parameters
    ----------
    figure : Figure
        A figure of lines and text; use `inline_png` for one that contains images.
    name : str
        A prefix that makes the ids of this picture unique in the page.
    description : str
        The text alternative for people who cannot see the figure.

    Returns
    -------
    str
        The SVG element.
    """
    import matplotlib

    buffer = io.BytesIO()
    with style(), matplotlib.rc_context({"svg.fonttype": "none"}):
        drawable(figure).savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    root = ElementTree.fromstring(buffer.getvalue())
    _clean(root, name)
    size = root.get("viewBox", "").split()[2:]
    root.attrib = {
        "viewBox": root.get("viewBox", ""),
        "role": "img",
        "aria-label": visible(description),
        # Black is SVG's default, which matplotlib therefore does not write.
        "style": f"max-width:{float(size[0]) * 1.5:.0f}px;fill:var(--x000000)",
    }
    return ElementTree.tostring(root, encoding="unicode")


def inline_png(png: bytes, width: float, description: str) -> str:
    """Make an image element that contains its data.

    Parameters
    ----------
    png : bytes
        The image, shown unchanged on white.
    width : float
        The width in inches.
    description : str
        The text alternative for people who cannot see the image.

    Returns
    -------
    str
        The HTML element.
    """
    data = base64.b64encode(png).decode()
    return (
        f'<img src="data:image/png;base64,{data}" alt="{for_html(description)}" '
        f'style="width:{108 * width:.0f}px">'
    )


def colors_in(text: str) -> list[str]:
    """List the colours that embedded pictures need from the page."""
    return sorted({f"#{found}" for found in re.findall(r"var\(--x([0-9a-f]{6})\)", text)})


def on_dark(color: str) -> str:
    """Return the equivalent of a colour on a dark page.

    Greys are inverted, and white becomes the background. Other colours keep their hue and become
    lighter until they are legible. The contrast of 5.5:1 makes up for thin and translucent lines.
    """
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    if saturation < 0.05:
        # Pale grid lines stay close to the background, and black becomes nearly white.
        shade = 0.12 + 0.82 * (1 - lightness)
        return DARK if lightness == 1 else _hex(colorsys.hls_to_rgb(0.58, shade, 0.06))
    while contrast(color, DARK) < 5.5:
        lightness += 0.01
        color = _hex(colorsys.hls_to_rgb(hue, lightness, saturation))
    return color


def _clean(root: ElementTree.Element, name: str) -> None:
    """Remove what an embedded picture does not need, and make its ids unique."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{_SVG}metadata", f"{_SVG}style"):
                parent.remove(child)
    referred = {
        found
        for element in root.iter()
        for value in element.attrib.values()
        for found in _REFERENCE.findall(value)
    }
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        element.tail = None
        if element.tag != "text":
            element.text = None
        element.attrib = {
            key.rsplit("}", 1)[-1]: _attribute(key, value, name)
            for key, value in element.attrib.items()
            if not (key == "id" and value not in referred)
            and not (key == "transform" and value.startswith("rotate(-0 "))
        }


def _attribute(key: str, value: str, name: str) -> str:
    if key == "style":
        value = re.sub(r"font-family: [^;]*;? ?", "", value)
        return _COLOR.sub(lambda found: f"var(--x{found[0][1:]})", value)
    if key == "id":
        return f"{name}-{value}"
    if key.endswith("href") or value.startswith("url("):
        return _REFERENCE.sub(rf"#{name}-\1", value)
    return _DECIMALS.sub(r"\1", value.replace("\n", "")) if key in ("d", "x", "y") else value


def _hex(rgb: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(min(part, 1.0) * 255):02x}" for part in rgb)
