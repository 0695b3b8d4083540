"""Store the comparison of a sweep with its files, so that it can be published at any time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from experiments.files.atomic import write_atomically
from experiments.files.json import parse_json
from experiments.files.reading import read_file
from experiments.tracking.views import View

_FILE: Final = "summary.json"


@dataclass(frozen=True)
class Summary:
    """The comparison of a sweep.

    Parameters
    ----------
    folder : Path
        The folder of the sweep.
    sweep : str
        The id of the sweep.
    experiments : sequence of str
        The names of the tracker's experiments that contain its runs.
    files : sequence of str
        The names of tables, pictures and reports in the folder.
    note : str
        The comparison as Markdown.
    view : View, optional
        The view of MLflow's page of the sweep; None in old summaries.
    """

    folder: Path
    sweep: str
    experiments: Sequence[str]
    files: Sequence[str]
    note: str
    view: View | None = None

    @property
    def paths(self) -> list[Path]:
        """The paths of the files that exist. A foreign summary must not publish other files."""
        return [self.folder / name for name in self.files if self._holds(name)]

    def _holds(self, name: str) -> bool:
        path = self.folder / name
        try:
            inside = path.resolve().is_relative_to(self.folder.resolve())
            return inside and ".." not in Path(name).parts and path.is_file()
        except (OSError, ValueError):  # a name that no file can have
            return False

    def write(self) -> None:
        """Write the summary to its folder."""
        contents = {
            "sweep": self.sweep,
            "experiments": list(self.experiments),
            "files": list(self.files),
            "note": self.note,
            **({} if self.view is None else {"view": self.view.to_json()}),
        }
        text = json.dumps(contents, indent=1, ensure_ascii=False)
        write_atomically(self.folder / _FILE, text.encode("utf-8", "backslashreplace"))


def find_summaries(top: Path) -> Iterator[Summary]:
    """Read the summaries in a folder and its subfolders; skip files that are not valid."""
    for path in sorted(top.rglob(_FILE)):
        try:
            contents = parse_json(read_file(path))
            files = [str(name) for name in contents["files"]]
            experiments = [str(name) for name in contents["experiments"]]
            sweep, note = str(contents["sweep"]), str(contents["note"])
            view = View.from_json(contents["view"]) if "view" in contents else None
        except (OSError, ValueError, KeyError, TypeError):
            continue
        yield Summary(path.parent, sweep, experiments, files, note, view)
