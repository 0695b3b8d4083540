"""Two commits of a small project, compared bit for bit by the script."""

import shutil
import subprocess
from pathlib import Path

import compare_bits
import pytest
from compare_bits import Sweep

SWEEP = Sweep(
    "few",
    ["dataset=iris", "model.hidden=[3]"],
    {"optimizer": ["sgd", "adam"]},
)


def git(*arguments: str, folder: Path) -> None:
    named = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *named, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of this project with one commit, on which only two runs are compared."""
    folder = tmp_path / "project"
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("src", "conf"):
        shutil.copytree(compare_bits.ROOT / name, folder / name, ignore=unwanted)
    shutil.copy(compare_bits.ROOT / "run.py", folder)
    git("init", "--quiet", folder=folder)
    git("add", ".", folder=folder)
    git("commit", "--quiet", "-m", "first", folder=folder)
    monkeypatch.setattr(compare_bits, "ROOT", folder)
    monkeypatch.setattr(compare_bits, "SWEEPS", (SWEEP,))
    return folder


@pytest.mark.slow
def test_it_tells_what_a_change_does_to_the_bits(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "README").write_text("no code\n")
    assert compare_bits.main(["HEAD"]) == 0
    assert capsys.readouterr().out == (
        "All 2 runs have the same bits at HEAD and the working tree.\n"
    )
    rule = project / "conf" / "optimizer" / "sgd.yaml"
    rule.write_text(rule.read_text().replace("lr: 0.1", "lr: 0.2"))
    git("commit", "--quiet", "-am", "another rate", folder=project)
    assert compare_bits.main(["HEAD~1", "HEAD"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("few: optimizer=sgd\n  weights final/dense1/weights: by up to 0.")
    assert said.endswith("\n1 of 2 runs differ between HEAD~1 and HEAD.\n")
    listed = subprocess.run(
        ["git", "worktree", "list"], cwd=project, capture_output=True, text=True, check=True
    )
    assert len(listed.stdout.splitlines()) == 1  # what it checked out is gone


@pytest.mark.slow
def test_what_cannot_be_compared_is_one_message(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare_bits.main(["no-such-commit"]) == 2
    assert "no-such-commit" in capsys.readouterr().err
    (project / "conf" / "optimizer" / "adam.yaml").unlink()
    assert compare_bits.main(["HEAD"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("compare_bits: ")
    assert "optimizer=sgd,adam" in said
    assert "Traceback" not in said
