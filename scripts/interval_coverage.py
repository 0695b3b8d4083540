#!/usr/bin/env python3
"""Simulate how often the 95% intervals of a comparison contain the true value.

    scripts/interval_coverage.py                # the tables of docs/protocol.md; takes a minute
    scripts/interval_coverage.py --draws 500 --seeds 10
    scripts/interval_coverage.py --runs FOLDER  # draw from the losses of a sweep over many seeds

The script draws samples, one value for each seed, from distributions whose mean, interquartile mean
and median are known, and counts the intervals that contain them: ours, Student's and those of the
percentile bootstrap. Its last column counts the samples with a seed far off, of which a comparison
warns. The last table repeats a comparison of four optimizers, two of which are
identical.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from experiments.analysis.pairs import compare_pairs
from experiments.analysis.statistics.estimate import Estimate
from experiments.analysis.statistics.far_off import far_off
from experiments.analysis.statistics.interquartile import interquartile_mean
from experiments.analysis.statistics.median import median
from experiments.analysis.statistics.studentized import drawn, mean

Interval = Callable[[NDArray[np.float64]], Estimate]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--draws", type=int, default=2000, help="samples for each number in a table (2000)"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[3, 5, 10, 20],
        help="numbers of seeds, one table each (3 5 10 20)",
    )
    parser.add_argument(
        "--runs",
        type=Path,
        metavar="FOLDER",
        help="draw from the test losses of the runs in this folder",
    )
    options = parser.parse_args(arguments)
    drawn_from = (
        {**distributions(), **rare_values()} if options.runs is None else losses(options.runs)
    )
    for seeds in options.seeds:
        _print_coverage(drawn_from, seeds, options.draws)
    print(f"Four optimizers, 10 seeds, {options.draws} comparisons:")
    for name, share in repeated_comparisons(options.draws).items():
        print(f"  {name:<44} {100 * share:5.1f}%")


def distributions() -> dict[str, Any]:
    """Return distributions by name: symmetric, skewed like losses, and with long or no tails."""
    from scipy import stats

    return {
        "normal": stats.norm(1, 0.1),
        "gamma (shape 4)": stats.gamma(4),
        "lognormal (0.5)": stats.lognorm(0.5),
        "exponential": stats.expon(),
        "Student's t (4)": stats.t(4),
        "Laplace": stats.laplace(),
        "uniform": stats.uniform(),
    }


def rare_values() -> dict[str, Any]:
    """Return distributions by name whose mean depends on values that ten seeds may not show."""
    from scipy import stats

    return {
        "lognormal (1)": stats.lognorm(1),
        "lognormal (1.5)": stats.lognorm(1.5),
        "one in ten far off": FarOff(),
    }


@dataclass(frozen=True)
class FarOff:
    """A mixture: a standard normal, which is shifted by `shift` with probability `share`."""

    share: float = 0.1
    shift: float = 20.0

    def rvs(self, size: tuple[int, int], random_state: np.random.Generator) -> Any:
        """Draw an array of values."""
        shifted = random_state.random(size) < self.share
        return random_state.normal(size=size) + self.shift * shifted

    def mean(self) -> float:
        """Return the true mean."""
        return self.share * self.shift

    def median(self) -> float:
        """Return the true median."""
        return self.ppf(0.5)

    def ppf(self, share: float) -> float:
        """Return a true quantile."""
        from scipy import optimize, stats

        def excess(value: float) -> float:
            below, above = stats.norm.cdf([value, value - self.shift])
            return float((1 - self.share) * below + self.share * above - share)

        return float(optimize.brentq(excess, -10, self.shift + 10))


@dataclass(frozen=True)
class Measured:
    """An empirical distribution: the losses of many seeds, drawn with replacement."""

    values: NDArray[np.float64]

    def rvs(self, size: tuple[int, int], random_state: np.random.Generator) -> Any:
        """Draw an array of losses."""
        return random_state.choice(self.values, size)

    def mean(self) -> float:
        """Return the true mean."""
        return float(self.values.mean())

    def median(self) -> float:
        """Return the true median."""
        return float(np.median(self.values))

    def ppf(self, share: float) -> float:
        """Return a true quantile."""
        return float(np.quantile(self.values, share, method="inverted_cdf"))


def losses(folder: Path) -> dict[str, Measured]:
    """Read the best validation losses of the runs in a folder, by optimizer."""
    from experiments.runs.find import find_records

    found: dict[str, list[float]] = {}
    for record in find_records(folder):
        value = record.summary.get("test/loss")
        if value is not None:
            found.setdefault(record.choices.get("optimizer", "?"), []).append(value)
    return {name: Measured(np.array(values)) for name, values in found.items()}


def warned(distribution: Any, seeds: int, draws: int) -> float:
    """Return the share of samples with a seed far off, as in `coverage`."""
    samples = distribution.rvs(size=(draws, seeds), random_state=np.random.default_rng(20))
    return float(np.mean([bool(far_off(dict(enumerate(sample)))) for sample in samples]))


def coverage(distribution: Any, truth: float, interval: Interval, seeds: int, draws: int) -> float:
    """Return the share of samples whose interval contains the true value."""
    samples = distribution.rvs(size=(draws, seeds), random_state=np.random.default_rng(20))
    return float(np.mean([interval(sample).covers(truth) for sample in samples]))


def interquartile_mean_of(distribution: Any, seeds: int) -> float:
    """Return the mean of a distribution, trimmed by the same share as a sample of `seeds` seeds."""
    from scipy import integrate

    cut = (seeds // 4) / seeds
    if isinstance(distribution, Measured):
        shares = cut + (np.arange(10_000) + 0.5) / 10_000 * (1 - 2 * cut)
        return float(np.mean([distribution.ppf(share) for share in shares]))
    total, _ = integrate.quad(distribution.ppf, cut, 1 - cut)
    return float(total / (1 - 2 * cut))


def repeated_comparisons(count: int) -> Mapping[str, float]:
    """Repeat a comparison of a good optimizer, its copy, a slower one and a harmful one."""
    generator = np.random.default_rng(1)
    copies, harmed = [], []
    for _ in range(count):
        values = four_optimizers(generator)
        separated = {
            frozenset((pair.first, pair.second)): pair.separated
            for pair in compare_pairs(values, metric="loss")
        }
        copies.append(separated[frozenset(("adam", "copy"))])
        harmed.append(
            all(separated[frozenset(("harmful", other))] for other in ("adam", "copy", "sgd"))
        )
    return {
        "two copies are separated": float(np.mean(copies)),
        "a harmful setting is separated from all three": float(np.mean(harmed)),
    }


def four_optimizers(generator: np.random.Generator) -> dict[str, dict[int, float]]:
    """Draw the losses of ten seeds, with an effect common to all optimizers and individual ones."""
    common = generator.gamma(4, 0.01, size=10)
    return {
        name: dict(enumerate(base + common + scale * generator.gamma(4, 0.01, size=10)))
        for name, base, scale in (
            ("adam", 0.0, 1.0),
            ("copy", 0.0, 1.0),
            ("sgd", 0.06, 1.0),
            ("harmful", 0.5, 8.0),
        )
    }


def _percentile(sample: NDArray[np.float64]) -> Estimate:
    means = drawn(sample.size) @ sample / sample.size
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(sample.mean()), float(low), float(high))


def _student(sample: NDArray[np.float64]) -> Estimate:
    from scipy import stats

    found = stats.ttest_1samp(sample, 0).confidence_interval(0.95)
    return Estimate(float(sample.mean()), float(found.low), float(found.high))


def _print_coverage(drawn_from: Mapping[str, Any], seeds: int, draws: int) -> None:
    print(f"{seeds} seeds, {draws} draws: percentage of 95% intervals that contain the true value")
    print(
        f"{'':<18}{'percentile':>12}{'Student':>9}{'mean':>8}{'IQM':>8}{'median':>8}{'far off':>9}"
    )
    for name, distribution in drawn_from.items():
        truth = float(distribution.mean())
        middle = interquartile_mean_of(distribution, seeds)
        found = [
            coverage(distribution, truth, _percentile, seeds, draws),
            coverage(distribution, truth, _student, seeds, draws),
            coverage(distribution, truth, lambda x: mean(x.tolist()).interval(), seeds, draws),
            coverage(
                distribution,
                middle,
                lambda x: interquartile_mean(x.tolist()).interval(),
                seeds,
                draws,
            ),
            coverage(
                distribution,
                float(distribution.median()),
                lambda x: median(x.tolist()),
                seeds,
                draws,
            ),
            warned(distribution, seeds, draws),
        ]
        widths = (12, 9, 8, 8, 8, 9)
        cells = [f"{100 * one:.1f}".rjust(width) for one, width in zip(found, widths, strict=True)]
        print(f"{name:<18}{''.join(cells)}")
    print()


if __name__ == "__main__":
    main()
