from experiments.palette import color_of
from experiments.reporting.figures.drawing import REST
from experiments.reporting.figures.looks import MOST_CURVES, emphasized, looks_of_entries
from tests.experiments.analysis.made_up_studies import plain_study, tuned_study


def test_tuned_and_default_share_the_colour_and_differ_in_dashes(tmp_path):
    entries = tuned_study(tmp_path).parts[0].entries
    looks = {look.label: look for look in looks_of_entries(entries)}
    assert set(looks) == {"adam", "adam (default)", "sgd", "sgd (default)"}
    for name in ("adam", "sgd"):
        assert looks[name].color == looks[f"{name} (default)"].color == color_of(name)
        assert looks[name].filled
        assert not looks[f"{name} (default)"].filled


def test_without_labels_groups_look_as_everywhere(tmp_path):
    entries = plain_study(tmp_path, ("sgd", "adam"), range(2)).parts[0].entries
    looks = looks_of_entries(entries)
    assert [(look.label, look.color) for look in looks] == [
        (entry.optimizer, color_of(entry.optimizer)) for entry in entries
    ]
    assert all(look.filled for look in looks)


def test_few_groups_all_stand_out(tmp_path):
    (part,) = plain_study(tmp_path, ("sgd", "adam")).parts
    ranked = list(zip(part.entries, looks_of_entries(part.entries), strict=True))
    assert emphasized(ranked, part.pairs) == ranked


def test_of_many_groups_without_verdicts_the_best_alone_stands_out(tmp_path):
    (part,) = plain_study(tmp_path).parts
    ranked = list(zip(part.entries, looks_of_entries(part.entries), strict=True))
    looks = [look for _, look in emphasized(ranked, [])]
    assert [look.stands_out for look in looks] == [True] + 13 * [False]
    assert looks[1].of_curves.color == REST
    assert not looks[1].of_curves.named
    assert looks[0].of_curves == ranked[0][1]


def test_of_one_seed_no_more_stand_out_than_can_be_told_apart(tmp_path):
    (part,) = plain_study(tmp_path, seeds=[0]).parts
    ranked = list(zip(part.entries, looks_of_entries(part.entries), strict=True))
    looks = [look for _, look in emphasized(ranked, part.pairs)]
    assert [look.stands_out for look in looks] == MOST_CURVES * [True] + 6 * [False]
