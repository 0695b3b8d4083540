"""The unit of a comparison: seeds, or the studies of a tuning that was repeated."""

import pytest

from experiments.analysis.studies import studies_by_seed
from experiments.errors import ConfigError
from tests.experiments.analysis.made_up_sweeps import make_run


def runs_of(folder, studies):
    """A run for each pair of a seed and a study, which may be None."""
    return [
        make_run(
            folder / str(number),
            "sgd",
            seed,
            labels={"stage": "reporting"} | ({} if study is None else {"study": study}),
        )
        for number, (seed, study) in enumerate(studies)
    ]


def test_seeds_belong_to_studies(tmp_path):
    assert studies_by_seed(runs_of(tmp_path, [(1, "0"), (2, "0"), (3, "1")])) == {1: 0, 2: 0, 3: 1}
    assert studies_by_seed(runs_of(tmp_path / "one", [(1, "0"), (2, "0")])) == {}
    assert studies_by_seed(runs_of(tmp_path / "none", [(1, None), (2, None)])) == {}


@pytest.mark.parametrize(
    ("studies", "message"),
    [
        ([(1, "0"), (2, "1"), (3, None)], "Runs of seed 3 belong to none of a repeated tuning"),
        ([(1, "0"), (2, "1"), (1, "1")], "Runs of seed 1 belong to different studies"),
        ([(1, "0"), (2, "1"), (2, None)], "Runs of seed 2 belong to none"),
    ],
)
def test_runs_outside_of_the_studies_are_not_mixed_with_them(tmp_path, studies, message):
    with pytest.raises(ConfigError, match=message):
        studies_by_seed(runs_of(tmp_path, studies))
