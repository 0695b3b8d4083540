import io
import math
import random
import statistics
from itertools import combinations

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from experiments.analysis.analyse import analyse
from experiments.analysis.groups import EPOCHS
from experiments.analysis.study import TIME
from experiments.errors import ConfigError
from experiments.reporting.tables.terminal import print_study
from experiments.reporting.words.conclusions import conclude, conclusions
from experiments.reporting.words.limits import limits_of, warnings_of
from tests.experiments.analysis.made_up_studies import RATES, tuned_runs
from tests.experiments.analysis.made_up_sweeps import learn, make_run, sweep


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tuned_runs(tmp_path_factory.mktemp("runs"), ("sgd", "adam"), range(10))


@pytest.fixture(scope="module")
def part(runs):
    (part,) = analyse(runs).parts
    return part


def entry(part, name):
    (found,) = [one for one in part.entries if one.name == name]
    return found


def values_of(runs, optimizer, setting, metric):
    return [
        run.summary[metric]
        for run in runs
        if run.choices["optimizer"] == optimizer and run.labels.get("setting") == setting
    ]


def test_only_reporting_runs_are_compared(runs, part):
    assert {one.name for one in part.entries} == {
        "adam (tuned)",
        "adam (default)",
        "sgd (tuned)",
        "sgd (default)",
    }
    assert all(one.seeds == tuple(range(10)) for one in part.entries)
    study = analyse(runs)
    assert study.tuning_seeds == (100, 101)
    assert study.reporting_seeds == tuple(range(10))
    assert study.metrics == ("test/loss",)


def test_labels_tell_what_tuning_chose(part):
    assert entry(part, "adam (tuned)").label == "adam (tuned, lr 0.01)"
    assert entry(part, "adam (tuned)").tuned == {"lr": 0.01}
    assert entry(part, "sgd (tuned)").label == "sgd (tuned, lr 0.1)"
    assert entry(part, "sgd (default)").label == "sgd (default)"


def test_the_numbers_are_those_of_the_runs(runs, part):
    for name, optimizer, setting in (
        ("adam (tuned)", "adam", "tuned"),
        ("sgd (default)", "sgd", "default"),
    ):
        for metric in ("best/val_loss", "test/accuracy"):
            expected = values_of(runs, optimizer, setting, metric)
            found = entry(part, name).metrics[metric]
            assert list(found.values) == expected
            assert found.mean.value == pytest.approx(statistics.fmean(expected))
            assert found.sd == pytest.approx(statistics.stdev(expected))
            assert found.median.value == pytest.approx(statistics.median(expected))
            assert found.iqm.value == pytest.approx(stats.trim_mean(expected, 0.25))
            assert found.mean.low < found.mean.value < found.mean.high
    losses = [one.metrics["best/val_loss"].mean.value for one in part.entries]
    assert losses == sorted(losses)


def test_the_target_is_the_median_of_the_best_tuned_group(runs, part):
    best = next(one for one in part.entries if one.setting == "tuned")
    accuracies = values_of(runs, best.optimizer, "tuned", "best/val_accuracy")
    assert part.target.curve == "val/accuracy"
    assert part.target.value == pytest.approx(statistics.median(accuracies))
    assert part.target.reference == best.label


def test_times_are_when_the_curves_first_reach_the_target(runs, part):
    for one in part.entries:
        for run, epoch, seconds in zip(
            one.group.runs, one.times["epoch"].times, one.times["seconds"].times, strict=True
        ):
            curve = run.metrics()["val/accuracy"]
            reached = [place for place, value in enumerate(curve) if value >= part.target.value]
            expected = min(reached, default=math.inf)
            assert epoch == expected
            steps = run.metrics()["step"][expected] if reached else math.inf
            assert seconds == pytest.approx(steps * run.summary["time/us_per_step"] * 1e-6)
    assert {pair.metric for pair in part.time_pairs} == {TIME[EPOCHS]}


def test_tuning_is_told(runs, part):
    told = {one.optimizer: one for one in part.tuning}
    assert told["adam"].trials == len(RATES)
    assert told["adam"].seeds == (100, 101)
    assert told["adam"].searched == {"optimizer.lr": RATES}
    assert told["adam"].chosen == {"optimizer.lr": 0.01}
    assert told["adam"].at_edge == ()
    assert told["sgd"].at_edge == ("optimizer.lr",)
    said = limits_of(analyse(runs))
    assert any("best optimizer.lr of sgd (0.1) is at the edge" in text for text in said)
    assert not any("optimizer.lr of adam" in text for text in said)


def test_sensitivity_is_that_of_the_tuning_runs(part):
    curves = {one.optimizer: one for one in part.sensitivities}
    assert [one.value for one in curves["adam"].tried] == list(RATES)
    assert all(len(one.scores) == 2 for one in curves["adam"].tried)
    assert curves["adam"].tried[-1].diverged == 2
    assert curves["adam"].best == 0.01
    assert curves["sgd"].at_edge


def test_words_agree_with_the_verdicts(part):
    tuned = [one for one in part.entries if one.setting == "tuned"]
    (pair,) = [p for p in part.pairs if {p.first, p.second} == {one.label for one in tuned}]
    words = conclude(part)
    assert words.startswith("With tuned settings, ")
    assert ("are not separated" in words) == (not pair.separated)
    improved = {
        one.optimizer
        for one in tuned
        for p in part.pairs
        if p.separated and p.first == one.label and p.second == f"{one.optimizer} (default)"
    }
    assert improved
    assert all(name in words.split("Tuning improved on")[1] for name in improved)


def test_the_order_of_the_records_does_not_matter(runs):
    shuffled = random.Random(1).sample(runs, len(runs))
    one, other = analyse(runs), analyse(shuffled)
    assert conclusions(one) == conclusions(other)
    assert one.parts[0].pairs == other.parts[0].pairs
    assert warnings_of(one) == warnings_of(other)


def test_unlabelled_sweeps_are_studies_too(tmp_path):
    study = analyse(sweep(tmp_path, seeds=range(6)))
    (part,) = study.parts
    assert part.name == "digits"
    assert [one.label for one in part.entries] == ["adam", "rmsprop", "adagrad", "sgd"]
    assert part.tuning == ()
    assert part.sensitivities == ()
    assert study.tuning_seeds == ()
    assert study.overall == ()
    assert study.profiles == ()


def test_choosing_and_reporting_on_the_same_seeds_is_warned_of(tmp_path):
    runs = [
        run
        for rate in (0.1, 0.01, 0.001)
        for run in sweep(
            tmp_path / f"{rate}", ["sgd"], range(3), settings={"optimizer": {"lr": rate}}
        )
    ]
    study = analyse(runs)
    assert [one.key for one in study.parts[0].sensitivities] == ["optimizer.lr"]
    said = " ".join(limits_of(study))
    assert "chosen on the seeds and by the test part that it is reported on" in said
    assert "only 3 seeds" in said


def test_a_diverged_run_does_not_vanish(tmp_path):
    runs = sweep(tmp_path, ("adam", "sgd"), range(6), diverged=[("adam", 0)], failed=[("sgd", 5)])
    study = analyse(runs)
    (part,) = study.parts
    adam, sgd = (entry(part, name) for name in ("adam", "sgd"))
    found = adam.metrics["best/val_loss"]
    assert found.diverged == {0}
    lost = next(run for run in adam.group.runs if run.status == "diverged")
    assert found.values[0] == lost.metrics()["val/loss"][0]
    assert adam.divergences.non_finite == 1
    assert adam.times["epoch"].times[0] == math.inf
    assert sgd.seeds == tuple(range(5))
    said = " ".join(limits_of(study))
    assert "diverged (not finite): 1 of 6 runs of adam" in said
    assert "failed and left out: 1 of 6 runs of sgd" in said
    assert "not all groups have the same seeds" in said
    (pair,) = part.pairs
    assert pair.seeds == tuple(range(5))


def test_runs_that_end_worse_than_they_began_or_guess_are_counted(tmp_path):
    worse, _ = learn("adam", 0)
    worse["val/loss"][-1] = worse["val/loss"][0] + 1
    good, summary = learn("adam", 1)
    # One in three and two standard errors of 15 rows is 0.577.
    guesses, learns = ({**summary, "best/val_accuracy": score} for score in (0.57, 0.58))
    runs = [
        make_run(tmp_path / f"{seed}", seed=seed, metrics=metrics, summary=found)
        for seed, (metrics, found) in enumerate(
            [(worse, summary), (good, summary), (good, guesses), (good, learns)]
        )
    ]
    found = analyse(runs).parts[0].entries[0].divergences
    assert (found.runs, found.non_finite, found.worse_than_start, found.at_chance) == (4, 0, 1, 1)


@pytest.mark.parametrize("status", ["diverged", "failed"])
def test_nothing_that_finished_is_still_a_study(tmp_path, status):
    every = [(name, seed) for name in ("adam", "sgd") for seed in range(2)]
    runs = sweep(tmp_path, ("adam", "sgd"), range(2), **{status: every})
    study = analyse(runs)
    if status == "failed":
        assert "nothing to compare" in conclusions(study)[0]
    assert not any(pair.separated for part in study.parts for pair in part.pairs)


def test_one_seed_names_no_winner(tmp_path):
    study = analyse(sweep(tmp_path, ("adam", "sgd"), [0]))
    assert "on one seed. Nothing can be said about others" in conclusions(study)[0]
    assert "at least 5" in conclude(study.parts[0])


def test_a_perfect_score_on_every_seed_is_an_interval_without_width(tmp_path):
    summary = {"best/val_loss": 0.1, "best/val_accuracy": 1.0}
    runs = [make_run(tmp_path / f"{seed}", seed=seed, summary=summary) for seed in range(5)]
    found = analyse(runs, metric="best/val_accuracy").parts[0].entries[0].metrics
    interval = found["best/val_accuracy"].mean
    assert (interval.low, interval.value, interval.high) == (1, 1, 1)


def test_other_metrics_targets_and_keys(tmp_path):
    runs = [
        run
        for activation in ("relu", "tanh")
        for run in sweep(
            tmp_path / activation,
            ("adam", "sgd"),
            range(3),
            settings={"model": {"activation": activation}},
        )
    ]
    study = analyse(runs, by=["model.activation"], metric="test/accuracy", target=0.5)
    (part,) = study.parts
    assert part.higher
    assert {one.label for one in part.entries} == {"activation=relu", "activation=tanh"}
    assert part.target.value == 0.5
    assert part.target.reference == ""
    assert any("also differ in optimizer" in text for text in limits_of(study))
    assert all(len(one.metrics["test/accuracy"].values) == 3 for one in part.entries)


def test_a_metric_that_nobody_measured_is_a_users_mistake(tmp_path):
    runs = sweep(tmp_path, ["adam"], [0])
    with pytest.raises(ConfigError, match="Did you mean test/accuracy"):
        analyse(runs, metric="test/acuracy")
    with pytest.raises(ConfigError, match="no runs to compare"):
        analyse([])


def test_several_datasets_have_parts_scores_and_profiles(tmp_path):
    runs = [
        run
        for name in ("digits", "wine")
        for run in tuned_runs(tmp_path / name, ("sgd", "adam"), range(6), choices={"dataset": name})
    ]
    study = analyse(runs)
    assert [part.name for part in study.parts] == ["digits", "wine"]
    assert {one.label for one in study.overall} == {one.name for one in study.parts[0].entries}
    best = study.overall[0]
    scores = []
    for part in study.parts:
        start = np.median([run.metrics()["val/loss"][0] for run in part.records])
        top = part.entries[0].metrics["best/val_loss"].mean.value
        losses = np.array(entry(part, best.label).metrics["best/val_loss"].values)
        scores.append(np.mean((start - losses) / (start - top)))
    assert best.score.value == pytest.approx(np.mean(scores))
    assert best.score.low < best.score.value < best.score.high
    assert best.ranks == tuple(
        [one.name for one in part.entries].index(best.label) + 1 for part in study.parts
    )
    assert {one.label for one in study.profiles} == {one.label for one in study.overall}


def test_there_are_no_overall_scores_where_nothing_beats_the_untrained_network(tmp_path):
    made = [
        make_run(
            tmp_path / f"{dataset}{optimizer}{seed}",
            optimizer,
            seed,
            choices={"dataset": dataset},
            summary={"test/loss": loss + 0.01 * seed, "untrained/test_loss": 2.0},
        )
        for dataset in ("digits", "wine")
        for optimizer, loss in (("sgd", 3.0), ("adam", 4.0))
        for seed in range(3)
    ]
    assert len(analyse(made).parts) == 2
    assert analyse(made).overall == ()


def test_tuning_that_chose_the_defaults_is_said_so(tmp_path):
    runs = []
    for setting in ("tuned", "default"):
        for seed in range(6):
            metrics, summary = learn("adam", seed)
            runs.append(
                make_run(
                    tmp_path / f"{setting}{seed}", "adam", seed, metrics=metrics, summary=summary,
                    labels={"stage": "reporting", "setting": setting},
                )
            )  # fmt: skip
    (part,) = analyse(runs).parts
    assert [len(one.seeds) for one in part.entries] == [6, 6]
    assert "Tuning chose the defaults of adam" in conclude(part)


def test_shared_seeds_and_mixed_versions_are_warned_of(tmp_path):
    runs = [
        make_run(
            tmp_path / "0", seed=0, labels={"stage": "tuning"}, environment={"commit": "a" * 40}
        ),
        make_run(
            tmp_path / "1", seed=0, labels={"stage": "reporting", "setting": "tuned"},
            environment={"commit": "b" * 40, "dirty": True}, settings={"optimizer": {"lr": 1}},
        ),
    ]  # fmt: skip
    said = " ".join(warnings_of(analyse(runs)))
    assert "Seed 0 was used for both tuning and reporting" in said
    assert "several commits (aaaaaaaaaaaa and bbbbbbbbbbbb)" in said
    assert "uncommitted changes" in said


def test_mixed_kernels_are_counted_and_warned_of(tmp_path):
    trained = [["Haswell"], ["Haswell"], ["SkylakeX"], ["Haswell", "SkylakeX"]]
    runs = [
        make_run(tmp_path / str(seed), seed=seed, blas_cores=cores)
        for seed, cores in enumerate(trained)
    ]
    older = make_run(tmp_path / "4", seed=4, environment={"blas_core": "Zen"})  # of version 0.1
    unknown = make_run(tmp_path / "5", seed=5, environment={})
    study = analyse([*runs, older, unknown])
    assert study.kernels == {
        ("Haswell",): 2,
        ("SkylakeX",): 1,
        ("Haswell", "SkylakeX"): 1,
        ("Zen",): 1,
    }
    warning = (
        "BLAS kernels for different processors trained these runs: Haswell (2 runs), SkylakeX "
        "(1 run), Haswell then SkylakeX (1 run) and Zen (1 run). They round differently, which may "
        "explain some differences."
    )
    assert warning in limits_of(study)  # of the table at the end of a sweep, too
    assert warning in warnings_of(study)
    assert "kernels" in " ".join(limits_of(analyse(runs[3:])))
    for alike in (runs[:2], [older], [unknown, *runs[:2]]):
        assert "kernels" not in " ".join(warnings_of(analyse(alike)))


def test_runs_of_older_code_are_left_out_with_a_warning(tmp_path):
    runs = sweep(tmp_path / "a", ("adam", "sgd"), range(5))
    later = {"finished": "2026-01-01T00:00:00+00:00", "summary": {"best/val_loss": 9.0}}
    again = make_run(tmp_path / "b", "adam", 0, identity="of new code", **later)
    study = analyse(iter([*runs, again]))
    adam = next(entry for entry in study.parts[0].entries if entry.label == "adam")
    assert adam.metrics["best/val_loss"].values[0] == 9.0
    assert len(adam.group.runs) == 5
    warning = (
        "1 run was left out: a later run with other code or libraries has the same "
        "configuration, data and seed."
    )
    assert warning in limits_of(study)
    console = Console(file=io.StringIO(), width=200)
    print_study(study, console)
    assert "with other code or libraries" in " ".join(console.file.getvalue().split())


@pytest.mark.parametrize("average", ["mean", "median"])
def test_the_chosen_value_lies_on_the_minimum_of_the_sensitivity_curve(tmp_path, average):
    # By the mean 0.1 is best, by the median 0.01; 1 would be best, but for a run that diverged.
    losses = {
        0.01: {100: 0.10, 101: 0.10, 102: 0.70},
        0.1: {100: 0.20, 101: 0.20, 102: 0.20},
        1.0: {100: 0.01, 101: 0.01, 102: 0.01},
    }
    runs = [
        make_run(
            tmp_path / f"{rate}{seed}",
            "sgd",
            seed,
            status="diverged" if rate == 1.0 else "done",
            # Validation chooses, whatever test says.
            summary={"best/val_loss": loss, "test/loss": 1 - rate},
            settings={"optimizer": {"lr": rate}},
            labels={"stage": "tuning", "aggregate": average, "select": "best/val_loss"},
        )
        for rate, found in losses.items()
        for seed, loss in found.items()
    ]
    best = {"mean": 0.1, "median": 0.01}[average]
    runs += [
        make_run(
            tmp_path / f"r{seed}", "sgd", seed, settings={"optimizer": {"lr": best}},
            labels={"stage": "reporting", "setting": "tuned"},
        )
        for seed in range(2)
    ]  # fmt: skip
    (part,) = analyse(runs).parts
    (found,) = part.sensitivities
    lowest = min(found.tried, key=lambda tried: tried.middle)
    assert found.metric == "best/val_loss"
    assert found.average == average
    assert found.best == lowest.value == best == part.tuning[0].chosen["optimizer.lr"]


def test_of_many_groups_those_that_conclusions_are_about_are_compared(tmp_path, monkeypatch):
    """The tuned ones, however bad, and each with its defaults, but not defaults with others."""
    monkeypatch.setattr("experiments.analysis.analyse.MOST_COMPARED", 3)
    runs = tuned_runs(tmp_path, ("sgd", "adam", "rmsprop"), range(10))
    study = analyse(runs)
    (part,) = study.parts
    assert len(part.entries) == 6
    names = {one.label: one.name for one in part.entries}
    compared = {frozenset((names[pair.first], names[pair.second])) for pair in part.pairs}
    bases = ("sgd", "adam", "rmsprop")
    among = {frozenset((f"{a} (tuned)", f"{b} (tuned)")) for a, b in combinations(bases, 2)}
    assert compared == among | {frozenset((f"{a} (tuned)", f"{a} (default)")) for a in bases}
    timed = {frozenset((names[pair.first], names[pair.second])) for pair in part.time_pairs}
    assert timed <= compared
    assert any("of the pairs of 6 groups, 6 are compared" in text for text in limits_of(study))


def test_nothing_is_said_about_a_default_that_was_not_compared(tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.analysis.analyse.MOST_COMPARED", 1)
    (part,) = analyse(tuned_runs(tmp_path, ("sgd", "adam"), range(10))).parts
    best, other = part.focus
    assert {pair.first for pair in part.pairs} | {pair.second for pair in part.pairs} <= {
        one.label for one in part.entries if one.optimizer == best.optimizer
    }
    assert f"defaults of {other.base}" not in conclude(part)
    assert f"settings are not separated for {other.base}" not in conclude(part)
