from experiments.palette import color_of
from experiments.reporting.figures.looks import looks_of_entries
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
