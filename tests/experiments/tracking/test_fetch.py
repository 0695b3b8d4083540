import pytest

from experiments.errors import TrackingError
from experiments.tracking.fetch import fetch_records
from experiments.tracking.runs import Tracker
from tests.experiments.record_factory import make_record


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Two sweeps in one experiment and a run in another."""
    top = tmp_path_factory.mktemp("published")
    uri = f"sqlite:///{top / 'runs.db'}"
    runs = [
        make_record(
            top / f"{sweep}-{optimizer}-{seed}",
            sweep=sweep,
            optimizer=optimizer,
            seed=seed,
            experiment=experiment,
        )
        for sweep, optimizer, seed, experiment in (
            ("first", "adam", 0, "animals"),
            ("first", "sgd", 0, "animals"),
            ("second", "adam", 1, "animals"),
            ("third", "adam", 0, "plants"),
        )
    ]
    for run in runs:
        Tracker(uri, run.experiment).publish(run)
    return uri, runs


def uids(found):
    return sorted(run.uid for run in found)


def test_runs_come_back_as_they_were(published, tmp_path):
    uri, runs = published
    found = fetch_records(uri, tmp_path)
    assert uids(found) == uids(runs)
    by_uid = {run.uid: run for run in runs}
    for run in found:
        assert run.data == by_uid[run.uid].data
        assert run.config_yaml == by_uid[run.uid].config_yaml
        assert run.measurements() == by_uid[run.uid].measurements()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"sweep": "first"}, [0, 1]),
        ({"experiment": "animals"}, [0, 1, 2]),
        ({"where": "params.optimizer = 'adam'"}, [0, 2, 3]),
        ({"experiment": "animals", "where": "params.optimizer = 'adam'"}, [0, 2]),
        ({"sweep": "first", "where": "metrics.\"test/loss\" < 1 and params.seed = '0'"}, [0, 1]),
    ],
)
def test_only_the_runs_that_fit_are_fetched(published, tmp_path, asked, expected):
    uri, runs = published
    assert uids(fetch_records(uri, tmp_path, **asked)) == uids([runs[i] for i in expected])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"sweep": "none such"}, "no runs of the sweep none such"),
        ({"experiment": "anmals"}, "no experiment 'anmals'. Its experiments: .*animals.*plants"),
        ({"where": "params.optimizer == adam"}, "Check --filter"),
        ({"where": "params.optimizer = 'lion'"}, "no runs that match"),
    ],
)
def test_what_is_not_there_is_told_in_one_message(published, tmp_path, asked, message):
    uri, _ = published
    with pytest.raises(TrackingError, match=message):
        fetch_records(uri, tmp_path, **asked)


def test_no_database_is_made_by_looking(tmp_path):
    with pytest.raises(TrackingError, match="database does not exist"):
        fetch_records(f"sqlite:///{tmp_path / 'none.db'}", tmp_path / "out")
    assert not (tmp_path / "none.db").exists()
