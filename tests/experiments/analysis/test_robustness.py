import numpy as np

from experiments.analysis.analyse import analyse
from experiments.analysis.robustness import AS_CONFIGURED, Flip, flips
from experiments.reporting.words.conclusions import conclusions
from tests.experiments.analysis.made_up_sweeps import make_run

MEANS = {
    AS_CONFIGURED: {"sgd": 0.3, "adam": 0.2},
    "training.batch_size=8": {"sgd": 0.1, "adam": 0.2},
    "training.batch_size=128": {"sgd": 0.4, "adam": 0.2},
}


def study_of(folder):
    runs = []
    for task, means in MEANS.items():
        for optimizer, mean in means.items():
            for seed in range(6):
                loss = mean + 0.001 * np.random.default_rng([seed, len(runs)]).normal()
                size = 32 if task == AS_CONFIGURED else int(task.partition("=")[2])
                runs.append(
                    make_run(
                        folder / f"{len(runs)}",
                        optimizer,
                        seed,
                        summary={"test/loss": loss, "best/val_loss": loss},
                        metrics={"epoch": [0.0, 1.0], "val/loss": [2.3, loss]},
                        settings={"training": {"batch_size": size}},
                        labels={"stage": "reporting", "setting": "tuned", "task": task},
                    )
                )
    return analyse(runs)


def test_where_the_order_is_reversed(tmp_path):
    study = study_of(tmp_path)
    assert flips(study.parts) == [Flip("training.batch_size=8", "adam", "sgd")]
    assert conclusions(study)[0] == (
        "adam has the best mean in 1 of 2 variations. The order is reversed in some: adam does "
        "better than sgd as configured, and worse with training.batch_size=8."
    )
