"""The lists of names that come with the package `names`."""

from importlib import metadata

import pytest

from experiments.datasets.reading import name_lists
from experiments.errors import DataError


def test_a_first_name_has_the_sex_in_which_it_is_more_frequent():
    sexes = name_lists.first_names()
    assert len(sexes) == 5160
    assert list(sexes) == sorted(sexes)
    assert (sexes["MARY"], sexes["JAMES"]) == ("female", "male")
    assert sexes["LESLIE"] == "female"  # 0.166% of women, 0.081% of men
    assert not {"ARIEL", "HONG", "KRIS"} & sexes.keys()  # as frequent in both


def test_surnames_begin_with_the_most_frequent():
    surnames = name_lists.surnames()
    assert surnames[:3] == ["SMITH", "JOHNSON", "WILLIAMS"]
    assert len(surnames) == len(set(surnames)) == 88799


def test_the_files_are_those_of_the_package_whatever_the_user_calls_names(tmp_path, monkeypatch):
    (tmp_path / "names.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)
    assert [path.name for path in name_lists.files()] == [
        "dist.all.last",
        "dist.female.first",
        "dist.male.first",
    ]


def test_without_the_package_the_message_says_how_to_install_it(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert name_lists.files() == ()
    with pytest.raises(DataError, match=r"pip install 'descent-lab\[names\]'"):
        name_lists.surnames()
