"""Simulate comparisons on results that are made up, so that the truth is known.

Each simulation makes many families of results, judges them with the code of a comparison, and
counts how often a verdict is wrong. Nothing is trained. `scripts/validate_protocol.py` prints them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.pairs import compare_pairs
from experiments.analysis.statistics.studentized import mean
from experiments.sweeps.tuning.looks import looks, undecided

Values = NDArray[np.float64]

SEEDS: Final = 10
GROUPS: Final = ("adagrad", "adam", "rmsprop", "sgd")


def rare(generator: np.random.Generator, shape: Sequence[int]) -> Values:
    """Draw noise of which one value in ten is far off."""
    noise = generator.normal(size=shape)
    return noise + np.where(generator.random(shape) < 0.1, 20.0, 0.0) - 2.0


NOISE: Final[dict[str, Callable[[np.random.Generator, Sequence[int]], Values]]] = {
    "normal": lambda generator, shape: generator.normal(size=shape),
    "gamma (shape 4)": lambda generator, shape: generator.gamma(4, size=shape) / 2 - 2,
    "exponential": lambda generator, shape: generator.exponential(size=shape) - 1,
    "Student's t (4)": lambda generator, shape: generator.standard_t(4, size=shape) / math.sqrt(2),
    "rounded": lambda generator, shape: np.round(generator.normal(size=shape) * 2) / 2,
    "one in ten far off": rare,
}
"""Noise of mean 0 and, except where values are far off, standard deviation 1, by name."""


def made_up(
    means: Sequence[float],
    noise: str,
    families: int,
    seed: int,
    seeds: int = SEEDS,
    scales: Sequence[float] = (1.0,),
) -> Values:
    """Make up results: a mean, what a seed does to all groups, and noise of some scale.

    Returns
    -------
    float64 ndarray of shape (families, groups, seeds)
    """
    generator = np.random.default_rng(seed)
    shared = generator.normal(size=(families, 1, seeds))
    own = NOISE[noise](generator, (families, len(means), seeds))
    results = np.asarray(means)[:, np.newaxis] + shared + own * np.asarray(scales)[:, np.newaxis]
    return np.asarray(results, np.float64)


def by_group(results: Values, first: int = 0) -> dict[str, dict[int, float]]:
    """Name the groups of one family and number its seeds."""
    return {
        group: dict(enumerate(map(float, own), start=first))
        for group, own in zip(GROUPS, results, strict=False)
    }


def share(count: int, of: int) -> dict[str, Any]:
    """Describe a rate in percent, and the most that 5% may reach by chance (two errors)."""
    return {
        "percent": round(100 * count / of, 2),
        "of": of,
        "5% and two standard errors": round(100 * (0.05 + 2 * math.sqrt(0.05 * 0.95 / of)), 2),
    }


def equivalence(families: int = 2000, margin: float = 1.0) -> dict[str, Any]:
    """Count how often two groups that are a margin apart are called equivalent, which is wrong.

    The noise of one is four times that of the other, so that their differences are skewed where
    the noise is; the rate is that of the worse direction. Beside it stands how often two groups of
    one mean are called equivalent.
    """
    found = {}
    for place, noise in enumerate(NOISE):
        wrong = []
        for scales in ((1.0, 0.25), (0.25, 1.0)):
            apart = made_up([0.0, margin], noise, families, place, scales=scales)
            wrong.append(_equivalent(apart, margin))
        alike = made_up([0.0, 0.0], noise, families, 100 + place, seeds=4 * SEEDS)
        found[noise] = {
            "a margin apart": share(max(wrong), families),
            "of one mean, 40 seeds, in percent": round(
                100 * _equivalent(alike, margin) / families, 1
            ),
        }
    return found


def _equivalent(results: Values, margin: float) -> int:
    return sum(
        compare_pairs(by_group(one), metric="m", margin=margin)[0].equivalent for one in results
    )


def separation(families: int = 2000) -> dict[str, Any]:
    """Count how often four groups of one mean have a separated pair, which is wrong."""
    found = {}
    for place, noise in enumerate(NOISE):
        results = made_up([0.0] * 4, noise, families, 200 + place)
        wrong = sum(
            any(pair.separated for pair in compare_pairs(by_group(one), metric="m"))
            for one in results
        )
        found[noise] = share(wrong, families)
    return found


def tuned_studies(
    generator: np.random.Generator, families: int, studies: int, rates: int = 9
) -> Values:
    """Tune one optimizer again and again, on losses that are made up, and report its winners.

    The loss is a parabola over the logarithm of the rate, so that neighbouring rates really differ.
    Each tuning chooses by the mean of three noisy seeds, on a grid that is shifted for each study,
    and is reported on ten other seeds.

    Returns
    -------
    float64 ndarray of shape (families, studies, seeds)
    """
    shifts = np.array([(k + 1) // 2 * (1 if k % 2 else -1) / studies for k in range(studies)])
    places = np.linspace(-2, 2, rates) + shifts[:, np.newaxis] * 4 / (rates - 1)
    truth = 1 + 0.4 * places**2  # (studies, rates)
    scores = truth + generator.normal(size=(families, studies, rates, 3)).mean(axis=-1)
    best = scores.argmin(axis=-1)[..., np.newaxis]
    chosen = np.take_along_axis(np.broadcast_to(truth, scores.shape), best, axis=-1)
    return np.asarray(chosen + 0.3 * generator.normal(size=(families, studies, SEEDS)))


def studies(families: int = 2000) -> dict[str, Any]:
    """Count how often two tunings of one optimizer are separated, which is wrong.

    With one study, verdicts are over the ten seeds that the winners were reported on. With five,
    they are over the means of studies.
    """
    found = {}
    for count in (1, 5):
        generator = np.random.default_rng(300 + count)
        one, other = (tuned_studies(generator, families, count) for _ in range(2))
        values = np.stack([one, other], axis=1)  # (families, 2, studies, seeds)
        values = values[:, :, 0] if count == 1 else values.mean(axis=-1)
        wrong = sum(compare_pairs(by_group(own), metric="m")[0].separated for own in values)
        found[f"{count} {'study' if count == 1 else 'studies'}"] = share(wrong, families)
    return found


def overlapping_splits(families: int = 1000, rows: int = 300) -> dict[str, Any]:
    """Count how often two learners that are equally good are separated, with splits by seed.

    Each family has one set of data. Two least-squares regressions see different columns, which are
    as informative. Each seed trains on three fifths of the rows and tests on a fifth.
    """
    generator = np.random.default_rng(400)
    train, test, columns = 3 * rows // 5, rows // 5, 8
    wrong = {"corrected": 0, "not corrected": 0}
    for _ in range(families):
        x = generator.normal(size=(2, rows, columns))
        y = (x.sum(axis=(0, 2)) + generator.normal(size=rows))[:, np.newaxis]
        losses = np.empty((2, SEEDS))
        for seed in range(SEEDS):
            order = generator.permutation(rows)
            own, held_out = order[:train], order[train : train + test]
            weights = np.linalg.pinv(x[:, own]) @ y[own]
            losses[:, seed] = ((x[:, held_out] @ weights - y[held_out]) ** 2).mean(axis=(1, 2))
        for name, overlap in (("corrected", test / train), ("not corrected", 0.0)):
            (pair,) = compare_pairs(by_group(losses), metric="m", overlap=overlap)
            wrong[name] += pair.separated
    return {name: share(count, families) for name, count in wrong.items()}


def added_seeds(families: int = 2000, most: int = 40) -> dict[str, Any]:
    """Count how often four groups of one mean have a separated pair where seeds are added.

    The result also has the rate without the correction for looks, and how many seeds were used.
    """
    counts = looks(most)
    found: dict[str, Any] = {}
    for noise in ("normal", "exponential", "rounded"):
        results = made_up([0.0] * 4, noise, families, 500, most)
        for name, number in (("corrected", len(counts)), ("not corrected", 1)):
            wrong = used = 0
            for one in results:
                for count in counts:
                    pairs = compare_pairs(by_group(one[:, :count]), metric="m", looks=number)
                    if any(pair.separated for pair in pairs) or not undecided(pairs, most):
                        break
                wrong += any(pair.separated for pair in pairs)
                used += count
            found[f"{noise}, {name}"] = share(wrong, families)
            found[f"{noise}, {name}"]["seeds"] = round(used / families, 1)
    return found


def coverage(families: int = 2000) -> dict[str, Any]:
    """Count how often the 95% interval of a mean over ten seeds holds the truth."""
    found = {}
    for place, (noise, draw) in enumerate(NOISE.items()):
        values = draw(np.random.default_rng(600 + place), (families, SEEDS))
        held = sum(mean(one).sample_interval().covers(0.0) for one in values)
        found[noise] = round(100 * held / families, 1)
    return found


SIMULATIONS: Final[dict[str, Callable[[int], dict[str, Any]]]] = {
    "pairs of four equal groups are separated": separation,
    "two tunings of one optimizer are separated": studies,
    "a pair is called equivalent": equivalence,
    "four equal groups are separated where seeds are added": added_seeds,
    "two equal learners are separated, each seed with its split": overlapping_splits,
    "intervals of means that hold the truth, in percent": coverage,
}
"""What is counted, by name; each takes the number of families."""
