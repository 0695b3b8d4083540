"""Open MLflow's pages on the runs that were published, and print the address of each experiment.

    descent ui                                  the runs that commands published from here
    descent ui --port 5001
    descent ui --uri sqlite:///elsewhere.db

Ctrl-C ends it. A tracking server (tracking.uri=http://...) serves its pages itself, so nothing is
started for it.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Final

from experiments.commands.parsing import add_tracker, carry_out, command_parser
from experiments.errors import UserError
from experiments.escape import visible
from experiments.program import program

_HOST: Final = "127.0.0.1"
_POLL: Final = 0.2  # seconds between checks whether MLflow answers
_PATIENCE: Final = 300.0  # seconds that MLflow may take to start on a busy machine


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve MLflow's pages; see :func:`experiments.commands.parsing.carry_out`."""
    return carry_out("ui", _parser(), _serve_until_interrupted, arguments)


def _serve_until_interrupted(options: argparse.Namespace) -> int:
    try:
        return _serve(options)
    except KeyboardInterrupt:
        return 0


def _serve(options: argparse.Namespace) -> int:
    from experiments.tracking.address import is_server, resolve_uri, sqlite_file
    from experiments.tracking.pages import experiment_pages, server_pages

    uri = resolve_uri(options.uri)
    if is_server(uri):
        print(f"This server has its own pages: {server_pages(uri)}")
        return 0
    database = sqlite_file(uri)
    if database is not None and not database.exists():
        raise UserError(
            f"{database}: there is no such file, since nothing was published to it. Train first, "
            f"for example `{program()} optimizer=adam`, or name another database with --uri."
        )
    _check_port(options.port)
    print("MLflow is starting, which takes some seconds ...", flush=True)
    with tempfile.TemporaryFile() as log:
        server = _start(uri, options.port, log)
        try:
            pages = experiment_pages(uri, f"http://{_HOST}:{options.port}")
            _await(server, options.port, log)
            print("MLflow is ready; Ctrl-C ends it. The runs of each experiment:")
            for name, address in pages:
                print(visible(f"  {name}: {address}"), flush=True)
            return server.wait()
        finally:
            _end(server)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except (OSError, OverflowError) as error:
            raise UserError(
                f"port {port} cannot be used ({error}). Choose another, such as --port {port + 1}."
            ) from error


def _start(uri: str, port: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start MLflow in a new process group, so that all its processes can be ended together."""
    command = [sys.executable, "-m", "mlflow", "ui", "--host", _HOST, "--port", str(port)]
    return subprocess.Popen(
        [*command, "--workers", "1"],
        # Not as an argument, which every user of this machine could read: it may hold a password.
        env={**os.environ, "MLFLOW_BACKEND_STORE_URI": uri},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def _await(server: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    """Wait until MLflow answers."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if server.poll() is not None:
            log.seek(0)
            lines = log.read().decode(errors="replace").strip().splitlines()
            raise UserError(f"MLflow has ended: {lines[-1] if lines else 'it does not say why'}")
        with suppress(OSError), socket.create_connection((_HOST, port), timeout=_POLL):
            return
        time.sleep(_POLL)
    raise UserError(f"MLflow did not answer within {_PATIENCE:.0f} seconds; try again.")


def _end(server: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(server.pid, number)
        else:  # Windows
            server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(5)
            return


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("ui", __doc__ or "")
    parser.add_argument("--port", type=int, default=5000, help="of this machine (default: 5000)")
    add_tracker(parser)
    return parser
