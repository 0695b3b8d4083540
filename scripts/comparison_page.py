#!/usr/bin/env python3
"""Compare all optimizers, and write the tables of docs/comparison.md.

    scripts/comparison_page.py                    # trains, on two cores in ten minutes or so
    scripts/comparison_page.py FOLDER [FOLDER]    # from sweeps that have ended

Without folders it runs `experiment=compare_all` and `experiment=compare_full_batch`. What stands
between a pair of marks on the page is replaced.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from experiments.analysis.analyse import analyse
from experiments.analysis.groups import EPOCHS
from experiments.analysis.study import Entry, Part, Study
from experiments.escape import for_markdown
from experiments.reporting.tables.layout import Column
from experiments.reporting.tables.markup import markdown_table
from experiments.reporting.words.conclusions import conclude
from experiments.reporting.words.formatting import Notation, compact, counts, reach
from experiments.reporting.words.limits import limits_of
from experiments.reporting.words.targets import COUNTED, short_target
from experiments.runs.find import find_records
from experiments.runs.record import Record

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "comparison.md"
EXPERIMENTS = ("compare_all", "compare_full_batch")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="a sweep's folder")
    folders = parser.parse_args(arguments).folders or list(map(_train, EXPERIMENTS))
    page = PAGE.read_text(encoding="utf-8")
    for folder in folders:
        records = find_records(folder)
        if not records:
            parser.error(f"{folder} has no runs that have ended")
        page = replaced(page, _experiment(records), "\n\n".join(section(records)))
    PAGE.write_text(page, encoding="utf-8")
    return 0


def _train(experiment: str) -> Path:
    folder = ROOT / "multirun" / experiment
    command = [sys.executable, ROOT / "run.py", f"experiment={experiment}"]
    command += ["tracking=none", "comparison.pictures=false", f"hydra.sweep.dir={folder}"]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


def _experiment(records: Sequence[Record]) -> str:
    """Return the name of the experiment that chose the optimizers."""
    full_batch = any(run.choices["optimizer"] == "lbfgs" for run in records)
    return EXPERIMENTS[full_batch]


def replaced(page: str, name: str, text: str) -> str:
    """Put a text between the marks of an experiment."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    pattern = re.compile(f"({re.escape(begin)}\n).*?(\n{re.escape(end)})", re.DOTALL)
    return pattern.sub(lambda found: f"{found[1]}\n{text}\n{found[2]}", page)


def section(records: Sequence[Record]) -> Iterator[str]:
    """Yield the paragraphs and tables about one experiment."""
    study = analyse(records)
    ended = max(run.finished for run in records)  # some may be older, reused from another sweep
    cpus = {run.environment.get("cpu") for run in records}
    cores = max(int(run.environment.get("cpu_count") or 1) for run in records)
    yield (
        f"{ended.day} {ended:%B %Y}: {len(records)} runs on {cores} cores of "
        f"{' and '.join(sorted(map(str, cpus)))}."
    )
    yield markdown_table(overall(study))
    for part in study.parts:
        yield f"### {part.name}"
        yield for_markdown(conclude(part))
        yield markdown_table(of_part(part))
    yield "\n".join(f"- {for_markdown(text)}" for text in limits_of(study))


def overall(study: Study) -> list[Column]:
    """Lay out the tuned optimizers across the tasks, best first."""
    scores = {row.label: row.score for row in study.overall}
    rows = [row for row in study.overall if row.label.endswith(" (tuned)")]
    names = [row.label.removesuffix(" (tuned)") for row in rows]
    defaults = [scores[f"{name} (default)"] for name in names]
    notation = Notation.of(
        [one.value for one in scores.values()], [reach(one) for one in scores.values()]
    )
    columns = [
        Column("optimizer", tuple(names), is_text=True),
        Column("score, tuned [95%]", tuple(notation.with_interval(row.score) for row in rows)),
        Column("score, default [95%]", tuple(map(notation.with_interval, defaults))),
    ]
    for part in study.parts:
        places = {entry.base: str(place) for place, entry in enumerate(part.focus, start=1)}
        columns.append(Column(f"place on {part.name}", tuple(places[name] for name in names)))
    return columns


def of_part(part: Part) -> list[Column]:
    """Lay out the optimizers on one task, the best tuned one first."""
    tuned = part.focus
    defaults = {one.optimizer: one for one in part.entries if one.setting == "default"}
    best = tuned[0]
    pairs = part.pairs_of(best.label)
    behind, verdicts = [""], [""]
    gaps = Notation.of([], [reach(pair.adjusted) for pair in pairs.values()])
    for one in tuned[1:]:
        pair = pairs[one.label]
        sign = 1 if pair.first == best.label else -1
        behind.append(gaps.number(-sign * pair.difference.value))
        verdicts.append(pair.verdict.value)
    columns = [
        Column("optimizer", tuple(one.base for one in tuned), is_text=True),
        Column("rate", tuple(compact(float(one.tuned["lr"])) for one in tuned)),
        Column("test loss, tuned [95%]", _means(part, tuned)),
        Column("behind the best", tuple(behind)),
        Column("verdict", tuple(verdicts), is_text=True),
        Column(
            "test loss, default [95%]", _means(part, [defaults[one.optimizer] for one in tuned])
        ),
    ]
    if part.target is not None:
        for unit in dict.fromkeys([part.clock, EPOCHS]):
            medians = [one.times[unit].median.value for one in tuned]
            header = f"{COUNTED[unit]} to {short_target(part.target)}"
            columns.append(Column(header, tuple(counts(medians))))
    return columns


def _means(part: Part, entries: Sequence[Entry]) -> tuple[str, ...]:
    means = [one.metrics[part.metric].mean for one in entries]
    notation = Notation.of([mean.value for mean in means], map(reach, means))
    return tuple(
        notation.with_interval(mean) + " †" * one.has_untrained
        for mean, one in zip(means, entries, strict=True)
    )


if __name__ == "__main__":
    sys.exit(main())
