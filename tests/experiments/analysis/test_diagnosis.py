import pytest

from experiments.analysis.analyse import analyse
from experiments.reporting.words.limits import limits_of
from tests.experiments.analysis.made_up_sweeps import make_run

FALLING = [2.0, 1.0, 0.6, 0.5, 0.45, 0.42, 0.4, 0.39, 0.38, 0.37, 0.3]
SETTLED = [2.0, 1.0, 0.5, 0.31, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3]
STOPPED = [2.0, 1.0, 0.6, 0.5, 0.45, 0.42, 0.4, 0.39, 0.38, 0.301, 0.3]  # but for the last epoch
RISING = [2.0, 1.0, 0.3, 0.31, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.6]


def study_of(folder, curves, optimizers=("momentum",), diverged=()):
    """A tuned comparison whose reporting runs have these validation losses by epoch."""
    runs = []
    for optimizer in optimizers:
        for rate in (0.001, 0.01, 0.1, 1.0):
            bad = rate in diverged
            runs.append(run(folder, runs, optimizer, 100, rate, SETTLED, "tuning", bad=bad))
        for seed in range(6):
            worse = 0.1 * optimizers.index(optimizer) + 0.001 * seed
            runs.append(run(folder, runs, optimizer, seed, 0.01, curves, "reporting", worse))
    return analyse(runs)


def run(folder, runs, optimizer, seed, rate, losses, stage, worse=0.0, *, bad=False):
    return make_run(
        folder / f"{len(runs)}",
        optimizer,
        seed,
        status="diverged" if bad else "done",
        summary={"best/val_loss": min(losses) + worse, "test/loss": min(losses) + worse},
        metrics={"epoch": list(map(float, range(len(losses)))), "val/loss": losses},
        settings={"optimizer": {"lr": rate}},
        labels={"stage": stage, **({"setting": "tuned"} if stage == "reporting" else {})},
    )


@pytest.mark.parametrize(
    ("curves", "said"),
    [
        (FALLING, "still improve at the last epoch"),
        (RISING, "end with a validation loss that has risen again"),
        (SETTLED, ""),
        (STOPPED, ""),
    ],
)
def test_curves_say_what_is_wrong_with_the_length(tmp_path, curves, said):
    limits = [text for text in limits_of(study_of(tmp_path, curves)) if "most runs" in text]
    assert len(limits) == bool(said)
    assert said in "".join(limits)


def test_a_quarter_of_infeasible_settings_is_said(tmp_path):
    limits = "".join(limits_of(study_of(tmp_path, SETTLED, diverged=(1.0,))))
    assert "because a run diverged or failed: 1 of 4 of momentum" in limits


def test_an_optimizer_that_is_outdone_by_one_that_it_contains(tmp_path):
    study = study_of(tmp_path, SETTLED, ("sgd", "momentum"))
    (outdone,) = [text for text in limits_of(study) if "contains" in text]
    assert "contains sgd and yet does worse" in outdone
    turned = study_of(tmp_path / "turned", SETTLED, ("momentum", "sgd"))
    assert not any("contains" in text for text in limits_of(turned))
