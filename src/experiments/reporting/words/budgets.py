"""Put into words what a comparison would have found with fewer trials."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from experiments.analysis.budgets import Budget
from experiments.reporting.words.formatting import listing


def verdict_at(budget: Budget) -> str:
    """Write which optimizers are best with a budget: one, or those not separated from it."""
    best = next(iter(budget.expected))
    behind = budget.behind(best)
    close = [name for name in budget.expected if name != best and name not in behind]
    if not close:
        return f"{best} is best"
    if not behind and len(close) > 1:
        return f"no optimizer is separated from {best}"
    return f"{best} is not separated from {listing(close)}"


def about_budgets(budgets: Sequence[Budget]) -> str:
    """Write the verdicts by the number of trials; budgets of equal verdicts share a sentence."""
    said = []
    for verdict, run in groupby(budgets, key=verdict_at):
        first, *rest = [budget.trials for budget in run]
        trials = f"{first} to {rest[-1]} settings" if rest else f"{first} setting"
        said.append(f"with {trials}{'s' if not rest and first > 1 else ''}, {verdict}")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}."
