"""Put into words whether an order holds where something beside the optimizers is varied."""

from __future__ import annotations

from experiments.analysis.robustness import AS_CONFIGURED, flips, is_varied
from experiments.analysis.study import Study
from experiments.reporting.words.formatting import listing


def about_robustness(study: Study) -> list[str]:
    """Write where the order is reversed; nothing unless something is varied."""
    if not is_varied(study.parts):
        return []
    others = [part for part in study.parts if part.name != AS_CONFIGURED]
    (base,) = (part for part in study.parts if part.name == AS_CONFIGURED)
    best = base.focus[0].base if base.focus else ""
    stays = sum(bool(part.focus) and part.focus[0].base == best for part in others)
    words = f"{best} has the best mean in {stays} of {len(others)} variations."
    reversed_in: dict[tuple[str, str], list[str]] = {}
    for one in flips(study.parts):
        reversed_in.setdefault((one.better, one.worse), []).append(one.variation)
    reversals = [
        f"{better} does better than {worse} as configured, and worse with {listing(where)}"
        for (better, worse), where in reversed_in.items()
    ]
    return [
        f"{words} The order is reversed in some: {'; '.join(reversals)}."
        if reversals
        else f"{words} The order of no separated pair is reversed."
    ]
