"""What a target column is read as: by its cells, by `dataset.task` and by the loss."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from experiments.datasets import Csv, Dataset, Task
from experiments.errors import DataError

NUMBERS, CLASSES = nn.MeanSquaredError(), nn.CrossEntropy()
Load = Callable[..., Dataset]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(targets: Iterable[Any], loss: nn.Loss = CLASSES, **options: Any) -> Dataset:
        rows = [f"{i % 17};{target}" for i, target in enumerate(targets)]
        (tmp_path / "table.csv").write_text("\n".join(["x;y", *rows]) + "\n", encoding="utf-8")
        source = Csv(path=str(tmp_path / "table.csv"), target="y", delimiter=";", **options)
        return source.for_loss(loss).load()

    return load


def spread(write: Callable[[int], str], rows: int = 60) -> list[str]:
    """Write as many different numbers as rows, in an order that is not that of their size."""
    return [write(1000 + row * 7919 % 100_000) for row in range(rows)]


@pytest.mark.parametrize(
    ("targets", "cure"),
    [
        (spread(lambda n: f"{n:,}"), r"dataset\.thousands=','"),
        (spread(lambda n: f"{n:,}".replace(",", " ")), r"dataset\.thousands=' '"),
        (spread(lambda n: f"{n / 100:.2f}".replace(".", ",")), r"dataset\.decimal=','"),
        (["1,5", "2,0", "2,5"] * 20, r"dataset\.decimal=','"),  # 1.5 is no class either
        (spread(lambda n: f"${n}"), r"take '\$' out"),
        (spread(lambda n: f"€ {n:,}"), r"take '€' out .* and give .*dataset\.thousands=','"),
        (spread(lambda n: f"{n / 100}{'kM'[n % 2]}"), "in one unit and take 'M', 'k' out"),
        (spread(lambda n: f"USD {n}.50"), "take 'USD' out"),
        (spread(lambda n: f"{n} €"), "take '€' out"),
        (spread(lambda n: f"{n / 100} kg"), "take 'kg' out"),
        (spread(lambda n: f"{n / 1000}%"), "take '%' out"),
        (spread(lambda n: f"{1900 + n % 97}-0{1 + n % 9}-{10 + n % 19}"), "days since"),
        (spread(lambda n: f"{1 + n % 28}/{1 + n % 12}/{1900 + n % 97} 10:30"), "days since"),
        (spread(lambda n: f"{1 + n % 28}.03.{n % 99:02}"), "days since"),
        (spread(lambda n: f"{('March', 'May')[n % 2]} {1900 + n % 97}"), "days since"),
        (spread(lambda n: f"name {n}"), "60 different values in 60 rows"),
        (["a", "b", "c", "a", "b", "d", "e", "f"], "6 different values in 8 rows"),
    ],
)
def test_text_that_cannot_be_meant_as_classes_is_refused(load: Load, targets, cure: str) -> None:
    with pytest.raises(DataError, match=cure) as raised:
        load(targets)
    message = str(raised.value)
    assert "table.csv: the target column 'y' is text" in message
    for example in list(dict.fromkeys(targets))[:2]:
        assert repr(example) in message
    assert "dataset.task=multiclass" in message
    dataset = load(targets, task="multiclass")  # who says so may have them as classes
    assert dataset.target_names == tuple(sorted(set(targets)))


@pytest.mark.parametrize(
    "names",
    [
        ("no", "yes"),
        ("10 kg", "20 kg", "50 kg"),
        ("10-20", "20-30", "30-40"),
        ("$10", "$20"),
        ("1,000", "2,000"),
        ("2024-01-01", "2024-07-01"),
        ("v1.2.3", "v1.2.4", "v1.10.1"),
        tuple(f"{number}{letter}" for number in range(10, 20) for letter in "ab"),
    ],
)
@pytest.mark.parametrize("loss", [CLASSES, NUMBERS], ids=["classes", "numbers"])
def test_text_that_repeats_is_classes(load: Load, names: tuple[str, ...], loss: nn.Loss) -> None:
    dataset = load(names * (120 // len(names)), loss)
    assert dataset.target_names == tuple(sorted(names))
    assert dataset.task is (Task.BINARY if len(names) == 2 else Task.MULTICLASS)


@pytest.mark.parametrize(
    "write",
    [
        lambda n: f"kr. {n}",
        lambda n: f"\u2212£{n}",
        lambda n: f"CAD$ {n}",
        lambda n: f"₪ {n}",
        lambda n: f"{n} x10^9/L",
        lambda n: f"{n} {('B', 'KB', 'MB', 'GB')[n % 4]}",
        lambda n: f"<{n}",
        lambda n: f"{n}-{n + 10}",
        lambda n: f"{n % 3 + 4}'{n // 3 % 12}\"",
        lambda n: f"{n % 24}:{n % 60:02}",
        lambda n: f"{n % 12}:{n % 60:02} PM",
        lambda n: f"{n % 5}h {n % 60}m",
        lambda n: f"{n % 28} mars {1900 + n % 97}",
        lambda n: f"Q{n % 4} {1900 + n % 97}",
        lambda n: f"{n % 12}/{1900 + n % 97}",
    ],
)
def test_many_texts_that_differ_only_in_numbers_are_refused(
    load: Load, write: Callable[[int], str]
) -> None:
    targets = spread(write) * 5  # which repeat as classes do
    with pytest.raises(DataError, match=r"'y' is text with .* their numbers") as told:
        load(targets)
    assert repr(targets[0]) in str(told.value)
    assert len(load(targets, task="multiclass").target_names) == len(set(targets))


@pytest.mark.parametrize("write", ["class {}", "s{:02}", "n0{}", "E{}.9", "zone {} north"])
def test_names_with_a_number_are_classes(load: Load, write: str) -> None:
    names = [write.format(number) for number in range(30)]
    assert load(names * 4).target_names == tuple(sorted(names))


@pytest.mark.parametrize(
    "codes", [("01", "02", "1"), (str(2**53), str(2**53 + 1)), ("007", "010", "123")]
)
def test_codes_keep_their_digits(load: Load, codes: tuple[str, ...]) -> None:
    assert load(codes * 20).target_names == codes


def test_the_cures_cure(load: Load) -> None:
    numbers = sorted(1000 + row * 7919 % 100_000 for row in range(60))

    def read(dataset: Dataset) -> list[float]:
        assert dataset.task is Task.REGRESSION
        parts = dataset.parts.values()
        raw = np.concatenate([dataset.preprocessing.decode_targets(p.targets) for p in parts])
        return sorted(raw[:, 0].round(6))

    assert read(load(spread(lambda n: f"{n:,}"), NUMBERS, thousands=",")) == numbers
    commas = spread(lambda n: f"{n / 100:.2f}".replace(".", ","))
    assert read(load(commas, NUMBERS, decimal=",")) == [n / 100 for n in numbers]


def test_one_cell_in_another_notation_is_named(load: Load) -> None:
    with pytest.raises(
        DataError, match=r"line 8 .*'1,234' is not a number.*dataset\.thousands=','"
    ):
        load([*range(100, 106), "1,234", *range(200, 230)])


COUNTS = [0, 1, 1, 2, 3, 5] * 10


@pytest.mark.parametrize(
    ("targets", "classes"), [(COUNTS, "multiclass"), ([0, 1] * 30, "binary")], ids=["counts", "01"]
)
def test_the_loss_decides_where_numbers_could_be_classes(load: Load, targets, classes) -> None:
    assert load(targets, CLASSES).task == classes
    dataset = load(targets, NUMBERS)
    assert dataset.task is Task.REGRESSION
    assert "because the loss is one for numbers" in dataset.notes[-1]
    assert f"dataset.task={classes}" in dataset.notes[-1]


@pytest.mark.parametrize("loss", [CLASSES, NUMBERS], ids=["classes", "numbers"])
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_a_task_that_is_given_decides_alone(load: Load, loss: nn.Loss, task: str) -> None:
    dataset = load(COUNTS, loss, task=task)
    assert dataset.task == task
    assert "because" not in dataset.notes[-1]


def test_the_loss_decides_about_several_targets(tmp_path: Path) -> None:
    rows = [f"{i},{i % 2},{i // 2 % 2}" for i in range(60)]
    (tmp_path / "table.csv").write_text("\n".join(["x,y,z", *rows]))
    source = Csv(path=str(tmp_path / "table.csv"), target=("y", "z"))
    assert source.load().task is Task.MULTILABEL
    assert source.for_loss(nn.BinaryCrossEntropy()).load().task is Task.MULTILABEL
    assert source.for_loss(NUMBERS).load().task is Task.REGRESSION


def test_sources_for_different_losses_are_different_sources() -> None:
    source = Csv(path="table.csv", target="y")
    assert source.for_loss(NUMBERS) == source.for_loss(nn.Huber()) != source.for_loss(CLASSES)
