"""Variations around a comparison, to see whether its order holds: one thing changed at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, get_args

Varied = Literal["batch_size", "width", "length", "initializer"]
ALL: Final[tuple[Varied, ...]] = get_args(Varied)

_INITIALIZERS: Final = ("xavier", "pytorch_uniform")


def variations(config: Mapping[str, Any], what: Varied) -> Iterator[str]:
    """Yield the overrides that vary one thing of a run's configuration.

    The batch size is divided by and multiplied with four; widths and length with two; weights are
    drawn by other initializers. What a configuration does not have is not varied.
    """
    training, model = config["training"], config["model"]
    if what == "batch_size" and isinstance(size := training.get("batch_size"), int):
        yield from (f"training.batch_size={new}" for new in (size // 4, 4 * size) if new)
    elif what == "length":
        unit = next((one for one in ("evaluations", "steps") if training.get(one)), "epochs")
        if isinstance(count := training.get(unit), int):
            yield from (f"training.{unit}={new}" for new in (count // 2, 2 * count) if new)
    elif what == "width":
        name = next((name for name in ("hidden", "channels", "units") if model.get(name)), None)
        if name is not None and all(isinstance(width, int) for width in model[name]):
            for half, times in ((2, 1), (1, 2)):
                widths = [max(1, width * times // half) for width in model[name]]
                yield f"model.{name}=[{','.join(map(str, widths))}]"
    elif what == "initializer" and "initializer" in model:
        for name in _INITIALIZERS:
            yield f"model.initializer={name}"
