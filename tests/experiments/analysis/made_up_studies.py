"""Studies made up for tests: tuned, with default settings beside, or neither."""

import numpy as np

from experiments.analysis.analyse import analyse
from experiments.analysis.pairs import compare_pairs
from experiments.palette import color_of
from experiments.reporting.figures.looks import Look
from tests.experiments.analysis.made_up_sweeps import ALL, learn, make_run, sweep

LOOKS = {name: Look(name, color_of(name)) for name in ALL}
RATES = (0.0001, 0.001, 0.01, 0.1)


def tuned_runs(folder, optimizers=("sgd", "adam"), seeds=range(6), rates=RATES, **changes):
    """Runs of a tuned comparison: the best rate is 0.01, for SGD it is the highest."""
    runs = []
    for optimizer in optimizers:
        best = len(rates) - 1 if optimizer == "sgd" else len(rates) - 2
        for place, rate in enumerate(rates):
            for seed in (100, 101):
                diverges = place > best
                speed = 0.5 / (1 + abs(place - best))
                metrics, summary = learn(optimizer, seed, diverges=diverges, speed=speed)
                runs.append(
                    make_run(
                        folder / f"{len(runs)}",
                        optimizer,
                        seed,
                        status="diverged" if diverges else "done",
                        metrics=metrics,
                        summary=summary,
                        settings={"optimizer": {"lr": rate}},
                        labels={"stage": "tuning"},
                        **changes,
                    )
                )
        for setting, rate, speed in (("tuned", rates[best], 0.5), ("default", 0.001, 0.2)):
            for seed in seeds:
                metrics, summary = learn(optimizer, seed, speed=speed)
                runs.append(
                    make_run(
                        folder / f"{len(runs)}",
                        optimizer,
                        seed,
                        metrics=metrics,
                        summary=summary,
                        settings={"optimizer": {"lr": rate}},
                        labels={"stage": "reporting", "setting": setting},
                        **changes,
                    )
                )
    return runs


def tuned_study(folder, optimizers=("sgd", "adam"), **changes):
    return analyse(tuned_runs(folder, optimizers, **changes))


def plain_study(folder, optimizers=ALL, seeds=range(3), **changes):
    return analyse(sweep(folder, optimizers, seeds, **changes))


def pairs_of(names, gap=0.1, seeds=6):
    """Pairs of groups whose means are `gap` apart, in the order of their names."""
    noise = np.random.default_rng(3).normal(size=(len(names), seeds)) * 0.01
    values = {
        name: {seed: 1 + gap * place + noise[place, seed] for seed in range(seeds)}
        for place, name in enumerate(names)
    }
    return compare_pairs(values, metric="best/val_loss")
