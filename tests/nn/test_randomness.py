"""Streams of random numbers: named, independent, the same everywhere."""

import numpy as np
import pytest

from nn.randomness import stream


def numbers(*key) -> list[float]:
    return stream(*key).random(4).tolist()


def test_same_key_same_numbers() -> None:
    assert numbers(3, "dropout", 1) == numbers(3, "dropout", 1)


def test_every_part_of_the_key_matters() -> None:
    keys = [
        (0, "dropout"),
        (1, "dropout"),
        (0, "batches"),
        (0, "initialization"),
        (0, "dropout", 0),
        (0, "dropout", 1),
        (0, "dropout", 1, 0),
        (0, "dropout", 0, 1),
        (2**40, "dropout"),
    ]
    draws = {tuple(numbers(*key)) for key in keys}
    assert len(draws) == len(keys)


def test_streams_are_not_correlated() -> None:
    draws = np.array([stream(seed, "batches", k).random(2000) for seed in (0, 1) for k in (0, 1)])
    correlation = np.corrcoef(draws) - np.eye(4)
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)


def test_numbers_stay_the_same_across_versions() -> None:
    # From numpy.random.SeedSequence and zlib.crc32(b"dropout") as their documentation says.
    sequence = np.random.SeedSequence(7, spawn_key=(0x9289EFC9, 2))
    expected = np.random.Generator(np.random.PCG64(sequence)).random(4)
    assert numbers(7, "dropout", 2) == expected.tolist()


def test_negative_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        stream(-1, "batches")


def test_no_global_state() -> None:
    np.random.seed(0)  # noqa: NPY002, to see that it does not matter
    first = numbers(0, "batches")
    np.random.seed(1)  # noqa: NPY002
    assert numbers(0, "batches") == first
