"""Standard output: any encoding, a reader that ends, a full device, secrets."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import pytest
from rich.console import Console

from experiments.commands.streams import standard_streams

FULL = Path("/dev/full")


@pytest.fixture
def opened() -> Iterator[list[TextIO]]:
    """The streams that a test has opened, which stay open as those of a process do."""
    streams: list[TextIO] = []
    yield streams
    for stream in streams:
        with suppress(OSError):
            stream.close()


@pytest.fixture
def use(
    opened: list[TextIO], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Path]:
    """Return a function that replaces both streams, by ASCII files of a folder or as it is told.

    Called by the test itself, because pytest replaces the streams before each.
    """
    monkeypatch.setattr(sys, "argv", ["descent"])

    def replace(stdout: int | None = None) -> Path:
        for name, descriptor in (("stdout", stdout), ("stderr", None)):
            target = tmp_path / name if descriptor is None else descriptor
            opened.append(open(target, "w", encoding="ascii"))  # noqa: SIM115
            monkeypatch.setattr(sys, name, opened[-1])
        return tmp_path

    return replace


def unread() -> int:
    """Return a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def test_characters_that_an_encoding_lacks_are_replaced(use: Callable[..., Path]) -> None:
    streams = use()
    with standard_streams(only_prints=False):
        print("12 µs → R² ± 日, caf\udce9")
        Console(width=60).print("[bold]● ∞[/bold]")
        print("−1 …", file=sys.stderr)
    out = (streams / "stdout").read_bytes().splitlines()
    assert out == [b"12 us -> R2 +/- ?, caf\xe9", b"* inf"]
    assert (streams / "stderr").read_bytes() == b"-1 ~\n"


def test_secrets_are_masked_in_whatever_is_printed(
    use: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", "v4riable-value")
    monkeypatch.setattr(sys, "argv", ["descent", "+token=g1ven here"])
    streams = use()
    with standard_streams(only_prints=False):
        print("http://ada:p@ss/word@host", "it is v4riable-value")
        print("not g1ven here", file=sys.stderr)
    assert (streams / "stdout").read_text() == "http://ada:***@host it is ***\n"
    assert (streams / "stderr").read_text() == "not ***\n"


@pytest.mark.parametrize(("only_prints", "status"), [(True, 141), (False, None)])
def test_a_command_goes_on_when_its_reader_has_ended(
    use: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, only_prints: bool, status: int | None
) -> None:
    streams = use(unread())
    done, ended = [], None
    try:
        with standard_streams(only_prints=only_prints):
            for line in range(3):
                print("x" * 100_000)
                Console().print("through Rich")
                done.append(line)
            sys.exit(0)
    except SystemExit as end:
        ended = end.code
    assert (done, ended) == ([0, 1, 2], status)
    assert (streams / "stderr").read_text() == ""


def test_a_failure_keeps_its_own_status(
    use: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(unread())
    with pytest.raises(SystemExit) as end, standard_streams(only_prints=True):  # noqa: PT012
        print("x")
        sys.exit(3)
    assert end.value.code == 3


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize(("only_prints", "kind"), [(True, "error"), (False, "warning")])
def test_a_full_device_is_said_once(
    use: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, only_prints: bool, kind: str
) -> None:
    streams = use(os.open(FULL, os.O_WRONLY))
    ended = None
    try:
        with standard_streams(only_prints=only_prints):
            print("x" * 100_000)
            print("x")
    except SystemExit as end:
        ended = end.code
    assert ended == (1 if only_prints else None)
    expected = f"{kind}: standard output cannot be written: No space left on device\n"
    assert (streams / "stderr").read_text() == expected


def test_a_closed_stream_is_the_null_device(
    use: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
        monkeypatch.setattr(sys, f"__{name}__", None)
    with standard_streams(only_prints=True):
        print("x")
        print("x", file=sys.stderr)
        assert sys.stdin.read() == ""
    # The stream that was opened stays open, although another writes to its descriptor.
    assert os.fstat(sys.__stdout__.fileno())


def test_streams_without_a_descriptor_stay(
    use: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = io.StringIO()
    monkeypatch.setattr(sys, "stdout", mine)
    with standard_streams(only_prints=True):
        print("x")
        assert sys.stdout is mine


def test_a_terminal_of_unknown_size_is_one_of_the_usual_size(
    use: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    monkeypatch.setenv("LINES", "0")
    streams = use()
    with standard_streams(only_prints=True):
        Console().print("some words")
    assert (streams / "stdout").read_text() == "some words\n"
