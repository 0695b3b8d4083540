"""What an article says of a study agrees with the study and with the project's own files."""

import re
from pathlib import Path

import pytest
import yaml

from experiments.program import VERSION
from experiments.reporting.words.citing import BIBTEX, methods_paragraph
from experiments.reporting.words.protocol import protocol_of
from tests.experiments.analysis.made_up_studies import plain_study, tuned_study
from tests.experiments.analysis.made_up_sweeps import ALL


def test_the_reference_agrees_with_the_citation_file() -> None:
    citation = yaml.safe_load((Path(__file__).parents[4] / "CITATION.cff").read_text())
    assert f"title   = {{{citation['title']}: " in BIBTEX
    assert f"author  = {{{{{citation['authors'][0]['name']}}}}}" in BIBTEX
    assert f"version = {{{citation['version']}}}" in BIBTEX
    assert BIBTEX.count("{") == BIBTEX.count("}")
    assert len(re.findall(r"(?m)^  \w+ += \{.*\},$", BIBTEX)) == 3


def test_the_paragraph_names_all_that_was_compared(tmp_path: Path) -> None:
    study = plain_study(tmp_path)
    paragraph = methods_paragraph(study)
    assert paragraph.startswith("We compared ")
    assert f"on digits with Descent {VERSION}. " in paragraph
    assert all(re.search(rf"\b{optimizer}\b", paragraph) for optimizer in ALL)
    assert (
        "Each run trained the model mlp with the loss cross_entropy for 30 epochs in batches of 32 "
        "rows. " in paragraph
    )
    assert all(sentence in paragraph for sentence in protocol_of(study))
    assert "\n" not in paragraph


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_tuned_and_default_groups_are_one_optimizer(name: str, tmp_path: Path) -> None:
    first = methods_paragraph(tuned_study(tmp_path)).partition(" on digits")[0]
    assert len(re.findall(rf"\b{name}\b", first)) == 1
