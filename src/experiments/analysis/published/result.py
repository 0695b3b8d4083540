"""The result of repeating what was published, and its JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from experiments.analysis.published.description import read_claim
from experiments.analysis.published.verdict import Claim, Finding, Values, Verdict
from experiments.errors import RecordError
from experiments.files.atomic import write_output
from experiments.files.json import parse_json


@dataclass(frozen=True)
class Judged:
    """A claim, what was measured, and the verdict.

    Parameters
    ----------
    node : mapping
        The claim as its experiment's file has it.
    values : mapping of str to sequence of float
        The measured values by group; infinite ones are null in JSON.
    """

    node: Mapping[str, Any]
    values: Values

    @property
    def claim(self) -> Claim:
        """The claim."""
        return read_claim(self.node, "claim")

    @property
    def finding(self) -> Finding:
        """The verdict, which follows from the claim and the values."""
        return self.claim.judge(self.values)


@dataclass(frozen=True)
class Result:
    """The outcome of repeating a published result.

    Parameters
    ----------
    name : str
        The name of the experiment, below ``published/``.
    about : mapping of str to str
        `title`, `source`, `differs`, `changed` and `few_seeds` of the experiment's file.
    date : str
        The day on which the runs were made, such as ``2026-11-30``.
    seconds : float
        The time that all runs took, as far as they were not reused.
    machine : str
        The processor and the number of its cores, and of workers if that was given.
    versions : mapping of str to str
        The versions of this program and of the libraries.
    runs : int
        The number of runs.
    chosen : mapping of str to mapping
        The settings that were tuned, by group.
    judged : sequence of Judged
        The claims.
    """

    name: str
    about: Mapping[str, str]
    date: str
    seconds: float
    machine: str
    versions: Mapping[str, str]
    runs: int
    chosen: Mapping[str, Mapping[str, float]]
    judged: Sequence[Judged]

    def write(self, folder: Path) -> Path:
        """Write the result as JSON to ``NAME.json`` in a folder, and return its path."""
        content = {
            "name": self.name,
            **{key: value for key, value in self.about.items() if value},
            "date": self.date,
            "seconds": self.seconds,
            "machine": self.machine,
            "versions": dict(self.versions),
            "runs": self.runs,
            "chosen": {group: dict(settings) for group, settings in self.chosen.items()},
            "claims": [
                {
                    **one.node,
                    "values": {
                        group: [value if math.isfinite(value) else None for value in values]
                        for group, values in one.values.items()
                    },
                    "verdict": one.finding.verdict.value,
                }
                for one in self.judged
            ],
        }
        path = folder / f"{self.name}.json"
        folder.mkdir(parents=True, exist_ok=True)
        write_output(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
        return path

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a result.

        Raises
        ------
        RecordError
            If the file is not such JSON, or has a verdict that does not follow from its values.
        """
        try:
            content = parse_json(path.read_bytes())
            judged = []
            for node in content.pop("claims"):
                values, verdict = node.pop("values"), node.pop("verdict")
                one = Judged(node, {g: [_number(v) for v in own] for g, own in values.items()})
                if one.finding.verdict != Verdict(verdict):
                    raise ValueError(
                        f"{node['says']!r} is stored as {verdict}, but its values make it "
                        f"{one.finding.verdict}"
                    )
                judged.append(one)
            about = {key: content.pop(key) for key in ABOUT if key in content}
            return cls(about=about, judged=judged, **content)
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecordError(
                f"{path}: not the result of a published experiment: {error}"
            ) from error


ABOUT = ("title", "source", "differs", "changed", "few_seeds")


def read_results(folder: Path) -> dict[str, Result]:
    """Read all results of a folder, by the name of the experiment."""
    return {path.stem: Result.read(path) for path in sorted(folder.glob("*.json"))}


def _number(value: float | None) -> float:
    return math.inf if value is None else float(value)
