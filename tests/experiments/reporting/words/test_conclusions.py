from experiments.analysis.groups import group_runs
from experiments.analysis.study import analyse
from experiments.reporting.words.conclusions import headline, remarks, unseparated
from tests.experiments.analysis.made_up_sweeps import ALL, learn, make_run, sweep


def runs_with(folder, **losses):
    return [
        make_run(folder / f"{optimizer}{seed}", optimizer, seed, summary={"best/val_loss": loss})
        for optimizer, values in losses.items()
        for seed, loss in enumerate(values)
    ]


def test_groups_that_the_seeds_do_not_tell_apart_are_not_separated(tmp_path):
    # Paired with adam, sgd is worse by 0.047 ± 0.025 (t = 3.2, p = 0.085), and lion by
    # 0.4 ± 0.08 (t = 8.7, p = 0.013, times 2 with Holm, as sgd against lion comes first).
    groups = group_runs(
        runs_with(tmp_path, adam=[0.08, 0.1, 0.12], sgd=[0.1, 0.15, 0.19], lion=[0.4, 0.5, 0.6])
    )
    assert [group.optimizer for group in unseparated(groups)] == ["sgd"]
    words = headline(groups)
    assert "adam has the lowest mean validation loss, 0.100 ± 0.020" in words
    assert "the seeds do not separate it from sgd" in words
    assert "lion" not in words


def test_seeds_that_all_agree_on_a_difference_separate_groups_whose_spreads_overlap(tmp_path):
    # Each spread is 0.02, the means are 0.01 apart, but on every seed by 0.01 ± 0.0005.
    groups = group_runs(runs_with(tmp_path, adam=[0.08, 0.1, 0.12], sgd=[0.0895, 0.11, 0.1305]))
    assert unseparated(groups) == []
    assert "the seeds separate it from every other group" in headline(groups)


def test_runs_that_diverged_count_against_the_leader(tmp_path):
    # Of the runs that finished adam's are the best. With each diverged run counted as its
    # untrained network (a loss of 1.2) it is worse than sgd on ten of twelve seeds.
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
    words = headline(group_runs(records))
    assert "adam (11 of its 12 runs diverged) has the lowest" in words
    assert "but from one seed only" in words
    rerun = [run for run in records if run.seed != 1 or run.choices["optimizer"] != "adam"]
    rerun.append(make_run(tmp_path / "again", "adam", 1, summary={"best/val_loss": 0.1}))
    assert "but counting those that diverged, sgd did better" in headline(group_runs(rerun))


def test_one_seed_names_no_winner(tmp_path):
    groups = group_runs(runs_with(tmp_path, adam=[0.1], sgd=[9.0]))
    assert "on one seed: another seed may order them differently" in headline(groups)
    assert any("no spread is known" in remark for remark in remarks([], groups))


def test_a_leader_of_one_seed_is_not_separated_from_groups_of_several(tmp_path):
    groups = group_runs(runs_with(tmp_path, adam=[0.1], sgd=[0.5, 0.6, 0.7]))
    assert "from one seed only" in headline(groups)
    assert len(unseparated(groups)) == 1


def test_one_group_and_no_finished_run(tmp_path):
    alone = group_runs(runs_with(tmp_path / "a", adam=[0.1, 0.2]))
    assert "no other group to compare it with" in headline(alone)
    lost = group_runs(sweep(tmp_path / "b", ["sgd"], [0], diverged=[("sgd", 0)]))
    assert "No run finished" in headline(lost)


def test_a_leader_with_diverged_runs_is_said_to_have_them(tmp_path):
    runs = sweep(tmp_path, ("adam", "sgd"), range(4), diverged=[("adam", 0)])
    assert "adam (1 of its 4 runs diverged) has the lowest" in headline(group_runs(runs))


def test_each_task_has_its_own_sentence(tmp_path):
    runs = sweep(tmp_path / "a") + sweep(tmp_path / "b", choices={"dataset": "wine"})
    words = headline(group_runs(runs))
    assert "On digits: adam" in words
    assert "On wine: adam" in words


def test_remarks_name_what_limits_the_numbers(tmp_path):
    runs = sweep(
        tmp_path / "a",
        ("adam", "sgd"),
        range(4),
        diverged=[("sgd", 0), ("sgd", 1)],
        failed=[("adam", 3)],
    )
    given = runs + sweep(tmp_path / "b", ("adam",), [0])
    said = " ".join(remarks(given, group_runs(given)))
    assert "over 2 to 3 seeds" in said
    assert "Test is read at the best validation epoch" in said
    assert "† Diverged: 2 of 4 runs of sgd. They are left out of the means" in said
    assert "Failed: 1 of 4 runs of adam" in said
    assert "Not all groups have the same seeds" in said
    assert "1 run is a repeat of another and not counted again" in said
    assert "left out: trained by other code" not in said


def test_runs_that_other_code_has_trained_again_are_told_from_repeats(tmp_path):
    runs = sweep(tmp_path / "a", ("adam", "sgd"), range(3))
    later = {"finished": "2026-01-01T00:00:00+00:00"}
    given = [
        *runs,
        *sweep(tmp_path / "b", ("adam",), [0]),
        *(make_run(tmp_path / f"{s}", "sgd", s, identity=f"new {s}", **later) for s in (1, 2)),
    ]
    said = " ".join(remarks(given, group_runs(given)))
    assert (
        "2 runs of the same configuration, data and seed as later ones were left out: trained by "
        "other code or libraries."
    ) in said
    assert "1 run is a repeat of another" in said


def test_grouping_over_a_swept_setting_is_said(tmp_path):
    runs = [
        run
        for rate in (0.1, 0.01)
        for run in sweep(tmp_path / f"{rate}", settings={"optimizer": {"lr": rate}})
    ]
    swept = "Runs of one group differ in optimizer.lr too"
    assert any(swept in remark for remark in remarks(runs, group_runs(runs, ["optimizer"])))
    assert not any(swept in remark for remark in remarks(runs, group_runs(runs)))


def test_how_fast_is_said_in_one_range_however_many_are_slower(tmp_path):
    runs = []
    for optimizer in ALL[:8]:
        for seed in range(8):
            # The last leads and is the fastest; the others get nowhere near in time.
            metrics, summary = learn(optimizer, seed, speed=0.5 if optimizer == ALL[7] else 0.02)
            folder = tmp_path / f"{optimizer}{seed}"
            runs.append(make_run(folder, optimizer, seed, metrics=metrics, summary=summary))
    (part,) = analyse(runs, target=0.9).parts
    assert part.conclusion.startswith(f"{part.entries[0].name} has the best validation loss")
    assert f"reaches {part.target.short} in fewer epochs than" in part.conclusion
    assert part.conclusion.endswith("against never).")
    assert part.conclusion.count("never") == 1
