"""Standard output and standard error: any encoding, no secrets, and no error when nobody reads.

A character that the encoding lacks is replaced. Output that cannot be written, because its reader
has ended (``| head``) or its device is full, is discarded, and the command continues: what it
trains, publishes and writes to files does not depend on who reads what it prints.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TextIO

from experiments.escape import for_terminal
from experiments.files.masking import mask_secrets, remember_secrets
from experiments.reporting.words.ascii import PLAIN

_READER_ENDED: Final = 128 + getattr(signal, "SIGPIPE", 13)
"""The status by which shells recognize a program that ended because nobody read its output."""

_ERRORS: Final = "experiments.plain"
_ON: Final = ("stdin", "stdout", "stderr")


@contextmanager
def standard_streams(*, only_prints: bool) -> Iterator[None]:
    """Make the standard streams of this process safe to print to, until the process ends.

    Parameters
    ----------
    only_prints : bool
        Whether printing is all that the command does. It then ends with status 141 if
        its reader has ended, as programs do that SIGPIPE kills, and with an error if its output
        could not be written. Any other command ends with the status of its work.
    """
    remember_secrets(sys.argv[1:])
    for size in ("COLUMNS", "LINES"):
        if os.environ.get(size) == "0":  # unknown, for which Rich would print nothing
            del os.environ[size]
    codecs.register_error(_ERRORS, _replaced)
    _open_closed_streams()
    device = _install("stdout")
    _install("stderr")
    try:
        yield
    except SystemExit as end:
        if end.code not in (None, 0):
            raise
    finally:
        _flush()
    failure = None if device is None else device.failure
    if failure is None or (failure.errno == errno.EPIPE and not only_prints):
        return
    if failure.errno == errno.EPIPE:
        sys.exit(_READER_ENDED)
    kind = "error" if only_prints else "warning"
    print(f"{kind}: standard output cannot be written: {failure.strerror}", file=sys.stderr)
    _flush()
    if only_prints:
        sys.exit(1)


def write_data(text: str) -> None:
    """Write data to standard output: exactly, or escaped if a terminal shows them."""
    if sys.stdout.isatty():
        text = "\t".join(map(for_terminal, text.split("\t")))
    sys.stdout.write(text)
    sys.stdout.flush()


class _Device(io.FileIO):
    """A file descriptor to write to; after the first failure, everything written is discarded."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        if self.failure is None:
            try:
                return super().write(data)
            except OSError as error:
                self.failure = error
        return memoryview(data).nbytes


class _Text(io.TextIOWrapper):
    """A text stream that masks secrets."""

    def write(self, text: str) -> int:
        super().write(mask_secrets(text))
        return len(text)


def _install(name: str) -> _Device | None:
    """Replace a standard stream; return its device, or None if it is not that of a descriptor."""
    stream: TextIO = getattr(sys, name)
    raw = getattr(getattr(stream, "buffer", None), "raw", None) or getattr(stream, "buffer", None)
    if not isinstance(stream, io.TextIOWrapper) or type(raw) is not io.FileIO:
        return None  # a Windows console, or a test's
    stream.flush()
    device = _Device(raw.fileno(), "w", closefd=False)
    text = _Text(
        device if stream.write_through else io.BufferedWriter(device),
        encoding=stream.encoding,
        errors=_ERRORS,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    setattr(sys, name, text)
    return device


def _open_closed_streams() -> None:
    """Open the null device in place of a stream that is closed, as by ``>&-`` in a shell.

    Otherwise the next file that is opened would get its descriptor, and what is printed.
    """
    for name in _ON:
        if getattr(sys, name) is None:
            stream = open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8")  # noqa: SIM115
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)  # which keeps it open


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    """Handle a character that an encoding lacks; a byte of a file name is written as it is."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return PLAIN.get(character, "?"), error.start + 1
