"""Checkpoint files: whole ones come back to the bit, all others are refused in words."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from experiments.files import atomic
from experiments.runs.checkpoints import (
    Checkpoint,
    CheckpointError,
    Checkpoints,
    pack,
    unpack,
)
from experiments.training.state import State

IDENTITY = "a" * 64


def checkpoint(epoch: int = 3, **values: Any) -> Checkpoint:
    numbers = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "t": np.array([epoch])}
    return Checkpoint(IDENTITY, {"uid": "u"}, State(epoch, {"waited": 1, **values}, numbers))


def assert_equal(one: Checkpoint, other: Checkpoint) -> None:
    assert (one.identity, one.about, one.state.epoch) == (
        other.identity,
        other.about,
        other.state.epoch,
    )
    assert repr(one.state.values) == repr(other.state.values)
    assert list(one.state.arrays) == list(other.state.arrays)
    for name, array in one.state.arrays.items():
        found = other.state.arrays[name]
        assert (array.dtype, array.shape, array.tobytes()) == (
            found.dtype,
            found.shape,
            found.tobytes(),
        )


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**130), 2**130) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
names = st.text(st.characters(codec="ascii", exclude_characters="\0", min_codepoint=33), min_size=1)
numbers = arrays.arrays(
    st.sampled_from([np.float32, np.float64, np.int64]), arrays.array_shapes(min_dims=0, min_side=0)
)


@given(
    values=st.dictionaries(st.text(max_size=4), plain, max_size=4),
    named=st.dictionaries(names, numbers, max_size=3),
    epoch=st.integers(0, 10**9),
)
@example(values={"lr": [math.inf, -math.inf, -0.0, 5e-324]}, named={}, epoch=0)
def test_everything_comes_back(values: dict[str, Any], named: dict[str, Any], epoch: int) -> None:
    written = Checkpoint(IDENTITY, {"uid": "u", "resumed": [1]}, State(epoch, values, named))
    assert_equal(unpack(pack(written), IDENTITY), written)


CONTENT = pack(checkpoint())


def test_torn_at_every_byte() -> None:
    for length in range(len(CONTENT)):
        with pytest.raises(CheckpointError, match="damaged"):
            unpack(CONTENT[:length], IDENTITY)


def test_every_byte_counts() -> None:
    for place in range(len(CONTENT)):
        changed = bytearray(CONTENT)
        changed[place] ^= 1
        with pytest.raises(CheckpointError, match="damaged"):
            unpack(bytes(changed), IDENTITY)


@given(data=st.data())
def test_whatever_is_done_to_a_file(data: st.DataObject) -> None:
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(CONTENT))] * 2)))
    changed = CONTENT[:start] + data.draw(st.binary(max_size=40)) + CONTENT[end:]
    if changed == CONTENT:
        return
    with pytest.raises(CheckpointError):
        unpack(changed, IDENTITY)


@given(body=st.binary(max_size=60))
def test_a_right_checksum_makes_nothing_of_nonsense(body: bytes) -> None:
    line = b"descent checkpoint " + hashlib.sha256(body).hexdigest().encode() + b"\n"
    with pytest.raises(CheckpointError, match="cannot be read"):
        unpack(line + body, IDENTITY)


def test_no_pickle_is_loaded() -> None:
    """With a checksum that is right, and an array of objects, which would be code."""
    ran: list[str] = []

    class Code:
        def __reduce__(self) -> Any:
            return (ran.append, ("ran",))

    import io

    archive = io.BytesIO()
    np.savez(archive, w=np.array([Code()], dtype=object))
    header = {"format": 1, "identity": IDENTITY, "epoch": 1, "about": {}, "values": {}}
    body = json.dumps(header).encode() + b"\n" + archive.getvalue()
    line = b"descent checkpoint " + hashlib.sha256(body).hexdigest().encode() + b"\n"
    with pytest.raises(CheckpointError, match="cannot be read"):
        unpack(line + body, IDENTITY)
    assert ran == []


def test_another_runs_checkpoint_is_refused() -> None:
    with pytest.raises(CheckpointError, match="other code, data or libraries"):
        unpack(CONTENT, "b" * 64)


def test_another_format_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("experiments.runs.checkpoints.FORMAT", 99)
        content = pack(checkpoint())
    with pytest.raises(CheckpointError, match="its format is 99 and this program reads 1"):
        unpack(content, IDENTITY)


@pytest.fixture
def kept(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path, IDENTITY)


def no_warning(message: str) -> None:
    raise AssertionError(message)


def test_the_newest_two_are_kept(kept: Checkpoints) -> None:
    assert kept.latest(no_warning) is None
    assert not kept.exist
    for epoch in (1, 9, 10, 100):
        kept.write(checkpoint(epoch))
        latest = kept.latest(no_warning)
        assert latest is not None
        assert latest.state.epoch == epoch
    assert sorted(path.name for path in kept.folder.iterdir()) == [
        "epoch-000000010.checkpoint",
        "epoch-000000100.checkpoint",
    ]
    kept.remove()
    assert not kept.folder.exists()
    assert kept.latest(no_warning) is None
    kept.remove()


@pytest.mark.parametrize("length", [0, 10, 100, len(CONTENT) - 1])
def test_the_one_before_a_torn_one_is_used(kept: Checkpoints, length: int) -> None:
    kept.write(checkpoint(1))
    kept.write(checkpoint(2))
    newest = kept.folder / "epoch-000000002.checkpoint"
    newest.write_bytes(newest.read_bytes()[:length])
    told: list[str] = []
    latest = kept.latest(told.append)
    assert latest is not None
    assert_equal(latest, checkpoint(1))
    assert told == [f"{newest}: this checkpoint is not used: it is damaged (its checksum is wrong)"]
    (kept.folder / "epoch-000000001.checkpoint").write_bytes(b"")
    assert kept.latest(told.append) is None
    assert len(told) == 3


@pytest.mark.parametrize("failing", ["write", "replace"])
def test_a_full_disk_leaves_the_earlier_ones(
    kept: Checkpoints, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.write(checkpoint(1))

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        if failing == "write":
            patched.setattr(atomic, "open", full, raising=False)
        else:
            patched.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space"):
            kept.write(checkpoint(2))
    latest = kept.latest(no_warning)
    assert latest is not None
    assert latest.state.epoch == 1
    assert len(list(kept.folder.iterdir())) == 1
