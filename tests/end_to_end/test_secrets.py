"""Planted secrets, of several shapes and in commands that fail in several ways, are nowhere."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.command_line import (
    FEW_POINTS,
    RUN,
    Finished,
    environment,
    run,
    script,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SECRETS = {
    "slash": "p@ss/Sl4sh66",
    "colon": "c0l:on:Geheim7",
    "user": "t0k@n4userinfo",
    "query": "qu3ryS3cret",
    "setting": "s3tting with blank",
    "variable": "v4riable-0f-the-shell",
    "unread": "n0t{re4dable",
}
PIECES = ("Sl4sh66", "Geheim7", "4userinfo", "qu3ryS3cret", "s3tting", "blank", "v4riable")
UNREAD = ("n0t{", "re4dable")
AWAY = "127.0.0.1:9"
ADDRESSES = (
    f"http://ada:{SECRETS['slash']}@{AWAY}/mlflow",
    f"http://ada:{SECRETS['colon']}@{AWAY}",
    f"https://{SECRETS['user']}@{AWAY}",
    f"postgresql://ada:{SECRETS['slash']}@{AWAY}/db?password={SECRETS['query']}",
)
CHEAP = (*FEW_POINTS, "training.epochs=2", "tracking.patience=3")
STORED = ("tracking.uri=sqlite:///database/mlflow.db", "training.epochs=2", "dataset.rows=150")
PART = """
from dataclasses import dataclass
from experiments.datasets import Moons

@dataclass(frozen=True, kw_only=True)
class Guarded(Moons):
    token: str = ""
    fails: bool = False

    def load(self):
        if self.fails:
            raise RuntimeError("no login with " + self.token)
        return super().load()
"""
OWN = f"""
_target_: guarded.Guarded
rows: 150
token: {SECRETS["setting"]}
fails: false
"""


def quoted(value: str) -> str:
    return f"'{value}'"


def commands() -> list[tuple[int, tuple[str, ...]]]:
    """Command lines with secrets, and the status with which each ends."""
    slash, colon, user, query = (f"tracking.uri={quoted(address)}" for address in ADDRESSES)
    variable = "${oc.env:SERVICE_TOKEN}"
    own = ("--config-dir", "own", "dataset=guarded", "training.epochs=2")
    unread = f"tracking.uri=http://ada:{SECRETS['unread']}@{AWAY}"  # a bracket needs quotes
    basic = "hydra/launcher=basic"
    return [
        (0, (slash, *CHEAP)),
        (0, ("-m", "seed=0,1", query, *CHEAP)),
        (0, ("-m", basic, "seed=0", colon, *CHEAP)),
        (0, ("--cfg", "job", user, *CHEAP)),
        (1, (unread, *CHEAP)),
        (1, ("-m", f"+token={SECRETS['unread']}", "seed=0,1", *CHEAP)),
        (1, (colon, f"tracking.password={SECRETS['query']}", *CHEAP)),  # a wrong key
        (1, ("-m", "seed=0,1", slash, f"optimizer.api_key={SECRETS['query']}", *CHEAP)),
        (1, (slash, f"training.epochs={variable}", *FEW_POINTS)),  # a wrong type
        (1, ("-m", "hydra.launcher.n_jobs=0", "seed=0,1", slash, *CHEAP)),
        (1, ("-m", basic, "seed=x", slash, *CHEAP)),
        (0, ("-m", "dataset=moons", "optimizer=sgd,adam", f"experiment_name={variable}", *STORED)),
        (0, (f"hydra.job.name={variable}", user, *CHEAP)),
        (0, (*own, *STORED)),
        (1, (*own, "dataset.fails=true", "tracking=none")),
        (0, ("-m", *own, f"dataset.token={SECRETS['query']},{SECRETS['variable']}", *STORED)),
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> list[Finished]:
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "own" / "dataset").mkdir(parents=True)
    (folder / "own" / "dataset" / "guarded.yaml").write_text(OWN)
    (folder / "guarded.py").write_text(PART)
    env = {"SERVICE_TOKEN": SECRETS["variable"], "DESCENT_TRUSTED_PACKAGES": "guarded"}
    database = f"sqlite:///{folder}/database/mlflow.db"
    words = [
        [word.replace("sqlite:///database/mlflow.db", database) for word in one]
        for _, one in commands()
    ]
    done = [run(*one, folder=folder, env=env) for one in words]
    done.append(interrupted(folder, env))
    for name, *arguments in (
        ("compare.py", "outputs", "multirun", "--report", "report"),
        ("ui.py", "--uri", ADDRESSES[0]),
        ("sample.py", ADDRESSES[0], "--prompt", f"password={SECRETS['query']}"),
        ("publish.py", "outputs", "multirun", "--uri", database),
        ("publish.py", "outputs", "--patience", "0", "--uri", ADDRESSES[0]),
    ):
        done.append(script(name, *arguments, folder=folder, env=env))
    return done


def interrupted(folder: Path, env: dict[str, str]) -> Finished:
    """Interrupt a run while it trains."""
    endless = ["training.epochs=500000", "checkpoint.seconds=0.2", "tracking.patience=0"]
    process = subprocess.Popen(
        [sys.executable, str(RUN), f"tracking.uri={quoted(ADDRESSES[0])}", *FEW_POINTS, *endless],
        cwd=folder,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 200
    while not any(folder.rglob("progress.json")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not written(folder)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=200)
    return Finished(process.returncode, out, err, folder)


def written(folder: Path) -> set[str]:
    """The secrets, and pieces of them, in all files of a folder but the user's own."""
    secrets = {*SECRETS.values(), *PIECES}
    found = set()
    for path in folder.rglob("*"):
        if path.is_file() and "own" not in path.relative_to(folder).parts:
            content = path.read_bytes()
            found |= {f"{secret} in {path}" for secret in secrets if secret.encode() in content}
    return found


def test_no_secret_is_shown(finished: list[Finished]) -> None:
    secrets = {*SECRETS.values(), *PIECES, *UNREAD}
    said = [one.out + one.err for one in finished]
    assert not [text for text in said if any(secret in text for secret in secrets)]


def test_no_secret_is_written(finished: list[Finished]) -> None:
    assert not written(finished[0].folder)


def test_the_commands_did_what_they_should(finished: list[Finished]) -> None:
    expected = [*(status for status, _ in commands()), 130, 0, 0, 1, 0, 1]
    assert [one.status for one in finished] == expected
    away = f"MLflow at http://ada:***@{AWAY}/mlflow: could not open it"
    assert away in finished[-1].err
    assert "write @ as %40" in finished[-1].err
