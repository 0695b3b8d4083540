"""What the README and the pages beside it show is so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def python(*arguments, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout


def test_the_library_example_learns_xor_with_every_seed(tmp_path):
    library = blocks("python")[0]
    assert len([line for line in library.splitlines() if line.strip()]) <= 12
    (tmp_path / "example.py").write_text(library, encoding="utf-8")
    printed = python("example.py", folder=tmp_path)
    assert len(re.findall(r"\[0\. 1\. 1\. 0\.\]", printed)) == 3


def test_the_optimizer_in_two_files_runs(tmp_path):
    (tmp_path / "signum.py").write_text(blocks("python")[1], encoding="utf-8")
    settings = tmp_path / "conf" / "optimizer" / "signum.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(blocks("yaml")[0], encoding="utf-8")
    assert yaml.safe_load(settings.read_text())["_target_"] == "signum.Signum"
    printed = python(
        str(ROOT / "run.py"),
        "--config-dir",
        "conf",
        "optimizer=signum",
        "tracking=none",
        folder=tmp_path,
    )
    assert "signum-seed0: done" in printed


@pytest.mark.parametrize("group", ["optimizer", "dataset", "model", "loss", "schedule", "tracking"])
def test_the_table_names_every_choice(group):
    (row,) = re.findall(rf"^\| `{group}` \| (.*) \|$", README, re.MULTILINE)
    for choice in (ROOT / "conf" / group).glob("*.yaml"):
        assert re.search(rf"\b{choice.stem}\b", row), choice.stem


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target
