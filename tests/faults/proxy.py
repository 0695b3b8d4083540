"""A proxy before a tracking server that refuses, cuts and delays a share of the requests."""

from __future__ import annotations

import http.client
import http.server
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit


class BadProxy:
    """What the proxy does, and has done.

    Parameters
    ----------
    upstream : str
        The address of the server.
    seed : int
        The seed of its moods.
    share : float
        The share of requests that fail. As many again are delayed.

    Attributes
    ----------
    address : str
        The address of the proxy.
    asked : Counter of str
        The requests so far, by method and path.
    failed : Counter of str
        What the proxy did to the requests that failed.
    """

    def __init__(self, upstream: str, seed: int, share: float) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.share = share
        self.address = ""
        self.asked: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self._draw = random.Random(seed)
        self._lock = threading.Lock()

    def decide(self, request: str) -> tuple[str, float, float]:
        """Return what happens to a request, and how long it takes before and after the server."""
        with self._lock:
            self.asked[request] += 1
            fate = "pass"
            if self._draw.random() < self.share:
                fate = self._draw.choice(["500", "503", "429", "cut", "late 500", "late cut"])
                self.failed[fate] += 1
            slow = self._draw.random() < self.share
            seconds = self._draw.uniform(0.0, 0.2) if slow else 0.0
            return (fate, seconds, 0.0) if self._draw.random() < 0.5 else (fate, 0.0, seconds)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: BadProxy

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fate, before, after = self.proxy.decide(f"{self.command} {urlsplit(self.path).path}")
        if before:
            time.sleep(before)
        if fate in ("pass", "late 500", "late cut"):
            status, headers, answer = self._ask(body)
        if fate == "pass":
            if after:
                time.sleep(after)
            self._answer(status, headers, answer)
        elif fate.endswith("cut"):
            self.close_connection = True
            self.connection.close()
        else:
            asked = {"Retry-After": "1"} if fate in ("503", "429") else {}
            self._answer(int(fate.removeprefix("late ")), asked, b"not now")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.proxy.upstream, timeout=20)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
        connection.request(self.command, self.path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        return response.status, {"Content-Type": response.getheader("Content-Type", "")}, answer

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def bad_proxy(upstream: str, seed: int, share: float = 1 / 3) -> Iterator[BadProxy]:
    """Put a bad proxy before a server while the body runs."""
    proxy = BadProxy(upstream, seed, share)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxy.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
