"""The stored results and the page that is made from them."""

import json
from pathlib import Path

import pytest

from experiments.analysis.published.result import ABOUT, Result, read_results
from experiments.analysis.published.verdict import Verdict
from experiments.commands.hydra.published import Experiments, names
from experiments.commands.reproduce import RESULTS
from experiments.errors import RecordError
from experiments.reporting.tables.published import counts, counts_in_words, page

ROOT = Path(__file__).resolve().parents[4]


def test_the_page_is_rendered_from_the_results() -> None:
    stored = read_results(RESULTS)
    missing = [name for name in names() if name not in stored]
    assert page(stored, missing) == (ROOT / "docs" / "published.md").read_text()


def test_the_readme_has_the_counts() -> None:
    words = counts_in_words(list(read_results(RESULTS).values()))
    assert words in " ".join((ROOT / "README.md").read_text().split())


@pytest.fixture(scope="module")
def experiments() -> Experiments:
    return Experiments()


@pytest.mark.parametrize("name", names())
def test_every_experiment_can_be_read_and_has_the_claims_of_its_result(
    name: str, experiments: Experiments
) -> None:
    """So a tolerance cannot be changed after the runs were made, nor the words become old."""
    published, claims = experiments.read(name)
    _, dataset = experiments.dataset(name)
    assert bool(published.data) == ("dir" in dataset)
    path = RESULTS / f"{name}.json"
    if path.exists():
        stored = Result.read(path)
        assert [one.node for one in stored.judged] == claims
        assert stored.about == {key: told for key in ABOUT if (told := getattr(published, key))}


def made(tmp_path: Path, value: float) -> Path:
    claim = {
        "kind": "value", "says": "so", "where": "page 1", "measure": "test/loss", "runs": "adam",
        "value": 1.0, "tolerance": 0.5, "width": 1.0,
        "values": {"adam": [1.0, 1.1, value]}, "verdict": "reproduced",
    }  # fmt: skip
    about = {
        "name": "made", "title": "A result", "source": "A paper", "date": "2026-11-30",
        "seconds": 3.0, "machine": "2 cores", "versions": {"numpy": "2"}, "runs": 3, "chosen": {},
    }  # fmt: skip
    path = tmp_path / "made.json"
    path.write_text(json.dumps({**about, "claims": [claim]}))
    return path


def test_a_verdict_follows_from_the_values_and_changes_with_them(tmp_path: Path) -> None:
    result = Result.read(made(tmp_path, 0.9))
    assert counts([result])[Verdict.REPRODUCED] == 1
    assert "**reproduced**" in page({"made": result})
    content = result.write(tmp_path).read_text()
    assert Result.read(tmp_path / "made.json") == result
    changed = json.loads(content)
    changed["claims"][0]["values"]["adam"] = [1.7, 1.71, 1.69]
    (tmp_path / "made.json").write_text(json.dumps(changed))
    with pytest.raises(RecordError, match="stored as reproduced, but its values make it not repr"):
        Result.read(tmp_path / "made.json")
    changed["claims"][0]["verdict"] = "not reproduced"
    (tmp_path / "made.json").write_text(json.dumps(changed))
    assert "**not reproduced**" in page({"made": Result.read(tmp_path / "made.json")})


def test_runs_that_never_arrive_survive_json(tmp_path: Path) -> None:
    path = made(tmp_path, 0.9)
    content = json.loads(path.read_text())
    content["claims"][0] |= {"values": {"adam": [1.0, None]}, "verdict": "undecided"}
    path.write_text(json.dumps(content))
    (judged,) = Result.read(path).judged
    assert judged.values["adam"][1] == float("inf")
    assert "∞" in page({"made": Result.read(path)})
