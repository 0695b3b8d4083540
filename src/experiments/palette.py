"""The colour of each optimizer, the same in the tracker, the pictures and the report."""

from __future__ import annotations

import colorsys
import hashlib
from typing import Final

# Okabe and Ito's palette for the optimizers compared most often, Paul Tol's muted palette for the
# rest. Colour-blind readers can distinguish the first seven; all are dark enough on white.
_COLORS: Final = {
    "adam": "#0072b2",
    "sgd": "#e69f00",
    "rmsprop": "#009e73",
    "adagrad": "#cc79a7",
    "momentum": "#d55e00",
    "adamw": "#56b4e9",
    "nesterov": "#882255",
    "muon": "#000000",
    "lion": "#999933",
    "radam": "#332288",
    "nadam": "#44aa99",
    "adadelta": "#117733",
    "amsgrad": "#cc6677",
    "adamax": "#aa4499",
    "ademamix": "#661100",
    "adopt": "#6699cc",
    "adabelief": "#888888",
    "adan": "#a50026",
    "yogi": "#b8860b",
    "rprop": "#4a6741",
    "signum": "#7b3fbf",
    "lars": "#8c510a",
    "lamb": "#bf812d",
    "novograd": "#5e8c00",
    "adafactor": "#c51b7d",
    "mars": "#d73027",
    "prodigy": "#2166ac",
    "d_adaptation": "#4393c3",
    "shampoo": "#01665e",
    "soap": "#35978f",
    "schedule_free_sgd": "#a6761d",
    "schedule_free_adamw": "#225ea8",
    "lbfgs": "#1b7837",
}


def color_of(name: str) -> str:
    """Return the colour of an optimizer.

    Parameters
    ----------
    name : str
        Name of the optimizer in the configuration, in upper or lower case: `adam`, `AMSGrad`.

    Returns
    -------
    str
        The colour as `#rrggbb`. For an optimizer from outside this project it is derived from
        the name, and so is the same in every process and on every machine.

    Examples
    --------
    >>> color_of("adam")
    '#0072b2'
    """
    known = _COLORS.get(name.lower())
    if known is not None:
        return known
    digest = hashlib.sha256(name.lower().encode()).digest()
    hue, lightness = digest[0] / 256, 0.35 + 0.2 * digest[1] / 256
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.6)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
