"""Sparse rows from a file to a network: terms, splits, scaling, forms, the cache, predictions."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import dump_svmlight_file
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from experiments.datasets import (
    BagOfWords,
    Names,
    Preprocessing,
    SparsePreprocessing,
    Task,
    load_dataset,
)
from experiments.errors import ConfigError, DataError

GOOD, BAD = ("lovely", "great", "fine"), ("dull", "boring", "poor")
PLAIN = "the film a story with actors and music that begins or ends in light".split()  # noqa: SIM905


def reviews(count=60, seed=0):
    """Made-up reviews, and whether each is good."""
    rng = np.random.default_rng(seed)
    good = np.arange(count) % 2 == 0
    texts = [
        " ".join([*rng.choice(PLAIN, rng.integers(3, 9)), rng.choice(GOOD if one else BAD)])
        for one in good
    ]
    return texts, good


def write_table(path, texts, targets, header=("review", "verdict")):
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(header)
        rows.writerows(zip(texts, targets, strict=True))
    return path


@pytest.fixture
def table(tmp_path):
    texts, good = reviews()
    return write_table(tmp_path / "reviews.csv", texts, np.where(good, "good", "bad"))


@pytest.fixture
def svmlight(tmp_path):
    rng = np.random.default_rng(0)
    made = sparse.random_array((40, 25), density=0.2, rng=rng, format="csr")
    labels = np.arange(40) % 2 * 2 - 1
    path = tmp_path / "rows.svm"
    dump_svmlight_file(made, labels, str(path), zero_based=False)
    return path, made, labels


def bag(path, **options):
    return BagOfWords(path=str(path), text="review", target="verdict", **options)


def dense(part):
    return part.take(range(len(part)))


def rows_of(dataset):
    return np.concatenate([dense(part) for part in dataset.parts.values()])


@pytest.mark.parametrize("weighting", ["counts", "presence", "tfidf"])
@pytest.mark.parametrize(("analyzer", "ngrams"), [("word", (1, 2)), ("char_wb", (2, 3))])
def test_terms_are_those_of_a_vectorizer_fitted_on_the_training_part(
    table, weighting, analyzer, ngrams
):
    texts, _ = reviews()
    dataset = bag(
        table, weighting=weighting, analyzer=analyzer, ngrams=ngrams, split="position"
    ).load()
    kind = TfidfVectorizer if weighting == "tfidf" else CountVectorizer
    vectorizer = kind(analyzer=analyzer, ngram_range=ngrams, binary=weighting == "presence")
    train, rest = texts[: len(dataset.train)], texts[len(dataset.train) :]
    np.testing.assert_allclose(
        dense(dataset.train), vectorizer.fit_transform(train).toarray(), rtol=1e-6
    )
    together = np.concatenate([dense(dataset.validation), dense(dataset.test)])
    np.testing.assert_allclose(together, vectorizer.transform(rest).toarray(), rtol=1e-6)
    names = tuple(vectorizer.get_feature_names_out())
    assert dataset.preprocessing.encoded_names == names
    assert dataset.features == len(names)
    assert dataset.feature_names == ("review",)


def test_rows_stay_sparse_and_parts_share_their_entries(table):
    dataset = bag(table).load()
    assert dataset.is_sparse
    assert dataset.task is Task.BINARY
    assert dataset.target_names == ("bad", "good")
    assert all(part.sparse.data is dataset.train.sparse.data for part in dataset.parts.values())
    assert dataset.train.inputs is dataset.train.sparse
    with pytest.raises(ValueError, match="read-only"):
        dataset.train.sparse.data[0] = 1


def test_numbers_of_a_text_that_training_never_saw_do_not_count(table):
    preprocessing = bag(table).load().preprocessing
    rows = preprocessing.encode(np.array(["lovely xyzzy", "lovely"], object)).dense()[0]
    np.testing.assert_array_equal(rows[0], rows[1])


def test_limits_of_terms(table):
    most = bag(table, most_terms=5).load()
    assert most.features == 5
    assert bag(table, least_texts=10).load().features < bag(table).load().features
    with pytest.raises(DataError, match=r"reviews\.csv: no word is in 1000 of the"):
        bag(table, least_texts=1000).load()


def test_dense_rows_are_the_same_numbers_and_mixed_rows_keep_lengths_and_angles(table):
    given, same, mixed = (bag(table, form=form).load() for form in ("sparse", "dense", "mixed"))
    assert not same.is_sparse
    assert not mixed.is_sparse
    np.testing.assert_array_equal(rows_of(given), rows_of(same))
    numbers, turned = rows_of(given).astype(float), rows_of(mixed).astype(float)
    np.testing.assert_allclose(turned @ turned.T, numbers @ numbers.T, atol=1e-5)
    assert turned.shape == numbers.shape
    assert (numbers == 0).mean() > 0.5
    assert (np.abs(turned) < 1e-6).mean() < 0.01
    assert len({one.digest for one in (given, same, mixed)}) == 3
    texts = np.array(reviews()[0][:3], object)
    np.testing.assert_array_equal(
        mixed.preprocessing.encode(texts)[0], mixed.preprocessing.encode(texts[:1])[0]
    )


def test_scaling_by_the_largest_number_of_the_training_part(svmlight):
    path, made, _ = svmlight
    source = BagOfWords(path=str(path), scaling="max", split="position")
    dataset = source.load()
    largest = made.toarray()[: len(dataset.train)].max()
    np.testing.assert_allclose(rows_of(dataset), made.toarray() / largest, rtol=1e-6)
    assert dense(dataset.train).max() == 1


@pytest.mark.parametrize("scaling", ["standard", "minmax", "channel"])
def test_scaling_that_moves_zeros_is_refused(scaling):
    with pytest.raises(ConfigError, match=rf"{scaling} would move the zeros.*max.*or none"):
        Names(scaling=scaling)


def test_a_svmlight_file(svmlight):
    path, made, labels = svmlight
    dataset = BagOfWords(path=str(path), split="position").load()
    np.testing.assert_allclose(rows_of(dataset), made.toarray(), rtol=1e-6)
    assert dataset.target_names == ("-1", "1")
    targets = np.concatenate([part.targets for part in dataset.parts.values()])
    np.testing.assert_array_equal(targets, labels > 0)
    assert dataset.preprocessing.first == 1
    assert dataset.preprocessing.encoded_names == tuple(map(str, range(1, 26)))


def test_the_first_feature_of_a_svmlight_file_may_be_0(tmp_path):
    path = tmp_path / "rows.svm"
    path.write_text("".join(f"{i % 2} {i % 3}:1.5 7:2\n" for i in range(12)))
    dataset = BagOfWords(path=str(path), split="position").load()
    assert dataset.features == 8
    assert dense(dataset.train)[1, 1] == 1.5
    assert dataset.preprocessing.encoded_names[0] == "0"


def test_numbers_as_targets(tmp_path):
    texts, _ = reviews()
    path = write_table(tmp_path / "prices.csv", texts, np.linspace(10, 20, 60).round(3))
    dataset = bag(path).load()
    assert dataset.task is Task.REGRESSION
    np.testing.assert_allclose(dataset.train.targets.mean(), 0, atol=1e-12)
    decoded = dataset.preprocessing.decode_targets(dataset.test.targets)
    assert 10 <= decoded.min() <= decoded.max() <= 20


def test_the_same_options_give_the_same_data(table):
    first, again, other = bag(table).load(), bag(table).load(), bag(table, seed=1).load()
    assert first.digest == again.digest != other.digest
    np.testing.assert_array_equal(rows_of(first), rows_of(again))


def test_the_digest_depends_on_what_decides_the_data(table, svmlight):
    options = [
        {}, {"analyzer": "char"}, {"ngrams": (1, 2)}, {"weighting": "counts"}, {"least_texts": 2},
        {"most_terms": 7}, {"lowercase": False}, {"scaling": "max"}, {"form": "dense"},
        {"limit": 50},
    ]  # fmt: skip
    digests = {bag(table, **one).load().digest for one in options}
    assert len(digests) == len(options)
    path, _, _ = svmlight
    before = BagOfWords(path=str(path)).load().digest
    path.write_text(path.read_text().replace(":", ":1", 1))
    assert BagOfWords(path=str(path)).load().digest != before


# A change here changes everybody's records: it must be meant.
def test_the_digest_of_names_is_the_same_everywhere():
    digest = Names(most_terms=50).load().digest
    assert digest == "4027d0c10d8b8d797e5310720ecb23952479781dccaadf8e7b353f02d332c5b8"


@pytest.mark.parametrize("form", ["sparse", "dense"])
def test_the_cache_gives_the_same_dataset(table, tmp_path, form):
    source = bag(table, form=form, scaling="max")
    loaded = load_dataset(source, tmp_path / "cache")
    cached = load_dataset(source, tmp_path / "cache")
    assert cached is not loaded
    assert cached.preprocessing == loaded.preprocessing
    assert cached.digest == loaded.digest
    for name, part in loaded.parts.items():
        np.testing.assert_array_equal(dense(cached.parts[name]), dense(part))
        np.testing.assert_array_equal(cached.parts[name].targets, part.targets)
    assert cached.is_sparse == (form == "sparse")
    if form == "sparse":
        assert cached.train.sparse.data is cached.test.sparse.data


def test_first_names_by_sex():
    dataset = Names().load()
    assert dataset.task is Task.BINARY
    assert dataset.target_names == ("female", "male")
    assert sum(map(len, dataset.parts.values())) == 5160
    targets = np.concatenate([part.targets for part in dataset.parts.values()])
    assert targets.sum() == 1146
    encoded = dataset.preprocessing.encode(np.array(["Mary"], object))
    names = np.array(dataset.preprocessing.encoded_names)
    found = set(names[encoded.indices[encoded.starts[0, 0] : encoded.stops[0, 0]]])
    assert {"m", " m", "ary", "y ", "mary"} <= found
    assert set(encoded.data) == {1}


def test_preprocessing_is_restored_from_json(table, svmlight):
    for source in (bag(table), bag(table, weighting="counts", form="mixed"),
                   BagOfWords(path=str(svmlight[0]), scaling="max"), Names(limit=100)):  # fmt: skip
        preprocessing = source.load().preprocessing
        restored = Preprocessing.from_json(preprocessing.to_json())
        assert isinstance(restored, SparsePreprocessing)
        assert restored == preprocessing


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "sparsely"}, "KeyError"),
        ({"width": 3}, "do not fit the terms"),
        ({"scale": [0.0]}, "not positive"),
        ({"scale": [1.0, 1.0]}, "do not fit their scaling"),
        ({"form": "thin"}, "of another kind"),
        ({"columns": ["a", "b"]}, "of another kind"),
        ({"terms": {"analyzer": "word"}}, "KeyError"),
        ({"terms/terms": ["a", "a"]}, "occurs twice"),
        ({"terms/idf": [1.0]}, "do not fit their frequencies"),
        ({"terms/analyzer": "syllable"}, "unknown kind"),
    ],
)
def test_damaged_preprocessing_is_refused(table, change, message):
    contents = json.loads(bag(table).load().preprocessing.to_json())
    inner = {name[6:]: value for name, value in change.items() if name.startswith("terms/")}
    contents |= {name: value for name, value in change.items() if "/" not in name}
    contents["terms"] |= inner
    with pytest.raises(DataError, match=message):
        Preprocessing.from_json(json.dumps(contents))


def test_raw_rows_may_come_in_many_forms(table, svmlight):
    import pandas as pd

    preprocessing = bag(table).load().preprocessing
    texts = np.array(reviews()[0][:4], object)
    wanted = preprocessing.encode(texts).dense()
    matrix = sparse.csr_matrix(wanted[0])
    for raw in (
        pd.DataFrame({"other": range(4), "review": texts}),
        {"review": texts},
        texts.astype(str),
        texts[:, np.newaxis],
        matrix,
        wanted[0],
    ):
        np.testing.assert_array_equal(preprocessing.encode(raw).dense(), wanted)
    numbers = BagOfWords(path=str(svmlight[0])).load().preprocessing
    np.testing.assert_allclose(
        numbers.encode(svmlight[1]).dense()[0], svmlight[1].toarray(), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.array(["fine", "  "], object), "row 2, column 'review': the text is empty"),
        ({"text": ["fine"]}, "no column is called 'review'"),
        ({"review": ["fine", None]}, "row 2, column 'review': the text is empty"),
        (sparse.csr_array((3, 4)), r"shape \(3, 4\), not \(rows, 19\)"),
        (np.zeros((2, 3)), r"shape \(2, 3\), not \(rows, 19\)"),
        (np.array([["a", "b"]], object), r"shape \(1, 2\), not \(rows, 19\).*a text for each row"),
    ],
)
def test_rows_that_cannot_be_encoded(table, raw, message):
    preprocessing = bag(table, most_terms=19).load().preprocessing
    with pytest.raises(DataError, match=message):
        preprocessing.encode(raw)


def test_a_number_that_is_not_finite_is_named(svmlight):
    preprocessing = BagOfWords(path=str(svmlight[0])).load().preprocessing
    wrong = sparse.csr_array(np.array([[1.0] * 25, [0.0] * 24 + [np.inf]]))
    with pytest.raises(DataError, match="row 2, feature '25': the value is not a number, infinite"):
        preprocessing.encode(wrong)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "no row has an entry"),
        ("1\n0\n", "no row has an entry"),
        ("1 3:0.5\n0 x:2\n", r"line 2 \('0 x:2'\): the file is not in svmlight's format"),
        ("1 3:0.5\n0 2:1 1:1\n", "not in svmlight's format.*in the order of their indices"),
        ("good 3:0.5\nbad 2:1\n", "not in svmlight's format"),
        ("1 3:0.5\n1 2:1\n", "every row has '1'"),
        ("1 3:nan\n0 2:1\n1 2:1\n0 3:1\n", "row 1, feature '3': the value is not a number"),
    ],
)
def test_svmlight_files_that_cannot_be_read(tmp_path, lines, message):
    path = tmp_path / "rows.svm"
    path.write_text(lines)
    with pytest.raises(DataError, match=message) as error:
        BagOfWords(path=str(path)).load()
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [("fine film", "good"), ("", "bad")],
            r"line 3 \(row 2\), column 'review': the text",
        ),
        ([("fine film", "good"), ("dull", "")], r"row 2\), column 'verdict': the value is missing"),
        ([("!!", "good"), ("??", "bad")] * 10, "no word is in 1 of the"),
        ([("fine film", "good"), ("dull", "good")], "every row has 'good'"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path, rows, message):
    path = write_table(tmp_path / "reviews.csv", *zip(*rows, strict=True))
    with pytest.raises(DataError, match=message) as error:
        bag(path).load()
    assert str(path) in str(error.value)


def test_a_column_that_is_not_there(table):
    with pytest.raises(DataError, match=r"dataset.text names the column 'revew'.*did you mean"):
        BagOfWords(path=str(table), text="revew", target="verdict").load()


def test_texts_without_any_term_are_warned_of(tmp_path):
    texts, good = reviews()
    path = write_table(tmp_path / "reviews.csv", ["?!", *texts[1:]], np.where(good, "y", "n"))
    (warning,) = [one for one in bag(path).load().warnings if "none of the" in one]
    assert warning.startswith("1 of 60 texts have none of the")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text": "review"}, "needs dataset.text and dataset.target"),
        ({"target": "verdict"}, "needs dataset.text and dataset.target"),
        ({"text": "a", "target": "a"}, "'a' is dataset.text and dataset.target"),
        ({"ngrams": (2, 1)}, r"dataset.ngrams must be .*\[2, 1\]"),
        ({"ngrams": (1,)}, "dataset.ngrams must be"),
        ({"encoding": "utf-9"}, "which Python does not know"),
        ({"delimiter": "ab"}, "dataset.delimiter is 'ab'. Give one character"),
        ({"analyzer": "syllable"}, "analyzer"),
        ({"validation": 0.6, "test": 0.5}, "leave no rows for training"),
    ],
)
def test_settings_that_do_not_go_together(options, message):
    with pytest.raises(ConfigError, match=message):
        BagOfWords(path="x.csv", **options)


@pytest.mark.parametrize("raw", ["abc", [], [[["a"]]]])
def test_rows_that_are_no_texts_are_refused(tmp_path, raw):
    path = write_table(
        tmp_path / "reviews.csv", ["a fine film", "a dull one"] * 20, ["y", "n"] * 20
    )
    preprocessing = bag(path).load().preprocessing
    with pytest.raises(DataError, match="a text for each row"):
        preprocessing.encode(raw)


def test_a_source_is_hashable_however_its_lists_come():
    assert hash(Names(ngrams=[1, 2])) == hash(Names(ngrams=(1, 2)))
    assert dataclasses.replace(Names(), seed=1) != Names()
