from experiments.analysis.analyse import analyse
from experiments.reporting.words.conclusions import conclude, conclusions, how
from experiments.reporting.words.limits import limits_of
from experiments.reporting.words.targets import short_target
from tests.experiments.analysis.made_up_sweeps import ALL, learn, make_run, sweep


def runs_with(folder, **losses):
    return [
        make_run(folder / f"{optimizer}{seed}", optimizer, seed, summary={"best/val_loss": loss})
        for optimizer, values in losses.items()
        for seed, loss in enumerate(values)
    ]


def concluded(records):
    (words,) = conclusions(analyse(records))
    return words


def test_groups_that_the_seeds_do_not_tell_apart_are_not_separated(tmp_path):
    # Paired with adam, sgd is worse by 0.047 ± 0.025 (t = 3.2, p = 0.085), and lion by
    # 0.4 ± 0.08 (t = 8.7, p = 0.013, times 2 with Holm, as sgd against lion comes first).
    words = concluded(
        runs_with(tmp_path, adam=[0.08, 0.1, 0.12], sgd=[0.1, 0.15, 0.19], lion=[0.4, 0.5, 0.6])
    )
    assert words.startswith("adam and sgd are not separated by validation loss")
    assert words.endswith("adam does better than lion.")


def test_seeds_that_all_agree_on_a_difference_separate_groups_whose_spreads_overlap(tmp_path):
    # Each spread is 0.02, the means are 0.01 apart, but on every seed by 0.01 ± 0.0005.
    words = concluded(runs_with(tmp_path, adam=[0.08, 0.1, 0.12], sgd=[0.0895, 0.11, 0.1305]))
    assert words.startswith("adam has the best validation loss")
    assert words.endswith("separated from sgd.")


def test_runs_that_diverged_count_against_their_group(tmp_path):
    # Of the runs that finished adam's are the best. With each diverged run counted as its
    # untrained network (a loss of 1.2) it is worse than sgd on eleven of twelve seeds.
    records = [
        make_run(
            tmp_path / f"{optimizer}{seed}",
            optimizer,
            seed,
            status="diverged" if optimizer == "adam" and seed else "done",
            summary={"best/val_loss": loss + 0.01 * seed},
        )
        for optimizer, loss in (("adam", 0.1), ("sgd", 0.2))
        for seed in range(12)
    ]
    words = concluded(records)
    assert words.startswith("sgd has the best validation loss")
    assert words.endswith("separated from adam.")
    said = " ".join(limits_of(analyse(records)))
    assert "diverged (not finite): 11 of 12 runs of adam" in said
    assert "counts with the values of its untrained network" in said


def test_one_seed_names_no_winner(tmp_path):
    study = analyse(runs_with(tmp_path, adam=[0.1], sgd=[9.0]))
    (words,) = conclusions(study)
    assert "on one seed. Nothing can be said about others" in words
    assert "at least 5, better 10 ('seed=range(10)')" in words
    assert "separated" not in words


def test_nothing_is_said_about_groups_of_one_seed_beside_others(tmp_path):
    words = concluded(runs_with(tmp_path, adam=[0.1, 0.11, 0.12], sgd=[0.5, 0.6, 0.71], lion=[0.2]))
    assert "separated from sgd. Nothing can be said about lion" in words
    assert "not separated" not in words


def test_names_with_settings_can_be_told_apart_in_a_sentence(tmp_path):
    runs = [
        run
        for rate in (0.1, 0.01)
        for run in sweep(
            tmp_path / f"{rate}", ["adam", "sgd"], range(2), settings={"optimizer": {"lr": rate}}
        )
    ]
    assert "adam (lr=0.01), adam (lr=0.1), sgd (lr=0.01) and sgd (lr=0.1)" in concluded(runs)


def test_a_leader_of_one_seed_is_not_separated_from_groups_of_several(tmp_path):
    words = concluded(runs_with(tmp_path, adam=[0.1], sgd=[0.5, 0.6, 0.7]))
    assert words.startswith(
        "adam has the best validation loss at the reported epoch, 0.1000, on one seed"
    )


def test_one_group_and_no_run_that_ended(tmp_path):
    alone = runs_with(tmp_path / "a", adam=[0.1, 0.2])
    assert "is the only group" in concluded(alone)
    assert "[" not in concluded(alone[:1])  # one seed has no interval
    lost = sweep(tmp_path / "b", ["sgd"], [0], failed=[("sgd", 0)])
    assert "nothing to compare" in concluded(lost)
    assert how(analyse(lost)) == ["No run was completed, so there is nothing to average."]


def test_runs_that_diverged_before_anything_was_measured_are_no_mistake_of_the_user(tmp_path):
    run = make_run(
        tmp_path, status="diverged", summary={"time/us_per_step": 9.0},
        metrics={"epoch": [0.0], "val/loss": [float("nan")]},
    )  # fmt: skip
    assert concluded([run]) == "No run measured the test loss, so there is nothing to compare."


def test_each_task_has_its_own_paragraph(tmp_path):
    runs = sweep(tmp_path / "a") + sweep(tmp_path / "b", choices={"dataset": "wine"})
    digits, wine = conclusions(analyse(runs))
    assert digits.startswith("On digits: adam")
    assert wine.startswith("On wine: adam")


def test_what_limits_the_numbers_is_said(tmp_path):
    runs = sweep(
        tmp_path / "a",
        ("adam", "sgd"),
        range(4),
        diverged=[("sgd", 0), ("sgd", 1)],
        failed=[("adam", 3)],
    )
    study = analyse(runs + sweep(tmp_path / "b", ("adam",), [0]))
    said = " ".join(limits_of(study))
    assert "diverged (not finite): 2 of 4 runs of sgd." in said
    assert "failed and left out: 1 of 4 runs of adam" in said
    assert "not all groups have the same seeds" in said
    assert "1 run repeats another and is not counted" in said
    assert "with other code or libraries" not in said


def test_runs_that_other_code_has_trained_again_are_told_from_repeats(tmp_path):
    runs = sweep(tmp_path / "a", ("adam", "sgd"), range(3))
    later = {"finished": "2026-01-01T00:00:00+00:00"}
    given = [
        *runs,
        *sweep(tmp_path / "b", ("adam",), [0]),
        *(make_run(tmp_path / f"{s}", "sgd", s, identity=f"new {s}", **later) for s in (1, 2)),
    ]
    said = " ".join(limits_of(analyse(given)))
    assert (
        "2 runs were left out: later runs with other code or libraries have the same "
        "configurations, data and seeds."
    ) in said
    assert "1 run repeats another" in said


def test_grouping_over_a_swept_setting_is_said(tmp_path):
    runs = [
        run
        for rate in (0.1, 0.01)
        for run in sweep(tmp_path / f"{rate}", settings={"optimizer": {"lr": rate}})
    ]
    swept = "runs within a group also differ in optimizer.lr"
    assert any(swept in text for text in limits_of(analyse(runs, by=["optimizer"])))
    assert not any(swept in text for text in limits_of(analyse(runs)))


def test_how_fast_is_said_in_one_range_however_many_are_slower(tmp_path):
    runs = []
    for optimizer in ALL[:8]:
        for seed in range(8):
            # The last leads and is the fastest; the others get nowhere near in time.
            metrics, summary = learn(optimizer, seed, speed=0.5 if optimizer == ALL[7] else 0.02)
            folder = tmp_path / f"{optimizer}{seed}"
            runs.append(make_run(folder, optimizer, seed, metrics=metrics, summary=summary))
    (part,) = analyse(runs, target=0.9).parts
    words = conclude(part)
    assert words.startswith(f"{part.entries[0].name} has the best test loss")
    assert f"reaches {short_target(part.target)} in fewer epochs than" in words
    assert words.endswith("against never).")
    assert words.count("never") == 1
