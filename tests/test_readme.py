"""What the README and the pages beside it show is so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nn.optimizers import Optimizer
from tests.printed import blocks, differences, printed

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
USAGE = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")
PAGES = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
WITH_COMMANDS = [
    page for page in PAGES if any(block.language == "console" for block in blocks(page))
]


def check(page, folder, *, slow):
    wrong = [
        f"$ {command}\n{difference}"
        for block, outputs in printed(page, folder, slow=slow)
        for (command, shown), output in zip(block.commands, outputs, strict=True)
        for difference in differences(shown, output)
    ]
    assert not wrong, f"`python -m tests.printed {page.name}` makes them anew:\n" + "\n".join(wrong)


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_what_is_shown_is_what_is_printed(page, tmp_path):
    check(page, tmp_path, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_what_is_shown_is_what_is_printed_after_long_training(page, tmp_path):
    check(page, tmp_path, slow=True)


@pytest.mark.parametrize(
    ("shown", "today"),
    [
        ("done in 3 epochs", "ended in 3 epochs"),
        ("loss 0.1200", "loss 0.1300"),
        ("a  1", "a 1"),
        ("one\ntwo", "one"),
        ("20 runs", "30 runs"),
    ],
)
def test_other_words_numbers_and_layouts_are_differences(shown, today):
    assert differences(shown, today)


@pytest.mark.parametrize(
    ("shown", "today"),
    [
        ("loss 0.1200 [0.0538, 0.0681]", "loss 0.1202 [0.0537, 0.0681]"),
        ("→ multirun/2026-11-30/12-10-20-422572", "→ multirun/2027-01-02/03-04-05-678901"),
        ("  98 µs per step, 80 ms in total", "  1.04 ms per step, 1.1 s in total"),
        ("adam  0.1  µs/step\nsgd   0.1       75*", "adam  0.1  µs/step\nsgd   0.1      104"),
        ("first\n...", "first\nsecond\nthird"),
    ],
)
def test_times_paths_and_rounding_are_none(shown, today):
    assert not differences(shown, today)


def test_the_library_example_learns_xor_with_every_seed(tmp_path):
    (library,) = re.findall(r"```python\n(.*?)```", USAGE, re.DOTALL)
    assert len([line for line in library.splitlines() if line.strip()]) <= 12
    done = subprocess.run(
        [sys.executable, "-c", library],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert len(re.findall(r"\[0\. 1\. 1\. 0\.\]", done.stdout)) == 3


@pytest.mark.parametrize(
    "group", ["optimizer", "averaging", "dataset", "model", "loss", "schedule", "tracking"]
)
def test_the_table_names_every_choice(group):
    (row,) = re.findall(rf"^\| `{group}` \| (.*) \|$", USAGE, re.MULTILINE)
    for choice in (ROOT / "conf" / group).glob("*.yaml"):
        assert re.search(rf"\b{choice.stem}\b", row), choice.stem


def without_quotes(text):
    return re.sub(r"'[^']*'|\"[^\"]*\"", "", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_to_be_typed_is_quoted_for_every_shell(page):
    """Zsh refuses brackets and stars that are not quoted, and every shell parentheses."""
    text = page.read_text(encoding="utf-8")
    fences = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
    commands = re.findall(r"`((?:python|descent|make) [^`]*|scripts/[^`]*)`", fences.sub("", text))
    for language, block in fences.findall(text):
        if language == "console":
            commands += re.findall(r"^\$ (.*)", block, re.MULTILINE)
        elif language == "sh":
            commands.append(re.sub(r"(^|\s)#.*", "", block, flags=re.MULTILINE))
    for command in commands:
        assert not re.search(r"[][()*?{}]", without_quotes(command)), command


def test_settings_in_help_are_quoted_for_every_shell():
    text = (ROOT / "conf" / "hydra" / "help" / "descent.yaml").read_text(encoding="utf-8")
    assert "'model.hidden=" in text
    assert not re.findall(r"\b[a-z_.]+=\S*[][()*?].*", without_quotes(text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_compare_all_compares_every_optimizer_that_trains_on_mini_batches():
    conf = ROOT / "conf"
    names = {path.stem for path in (conf / "optimizer").glob("*.yaml")}
    sweep = yaml.safe_load((conf / "experiment" / "compare_all.yaml").read_text(encoding="utf-8"))
    compared = sweep["hydra"]["sweeper"]["params"]["optimizer"].split(",")
    assert len(compared) == len(set(compared))
    assert set(compared) == {name for name in names if not Optimizer.class_named(name).full_batch}
