"""The page on published results, and the table at the end of the command that repeats them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from experiments.analysis.published.result import Judged, Result
from experiments.analysis.published.verdict import Verdict
from experiments.analysis.statistics.estimate import Estimate
from experiments.analysis.statistics.welch import Sample
from experiments.reporting.words.formatting import duration

HEAD = """# Published results, repeated

An instrument earns trust by measuring what is known. Each experiment below repeats a published
result as its source has it, over several seeds, by one command:

```sh
descent reproduce NAME             # or: descent experiment=published/NAME
descent reproduce                  # all; the same command goes on after an interrupt
descent reproduce --quick          # in ten minutes: those that fit, and the stored verdicts
```

Claims, tolerances and allowed widths stand in `conf/experiment/published/NAME.yaml` and were fixed
before the runs were made; an experiment that was changed after a first look says so. Verdicts are
computed from the values of the runs:

- **A single number** of a source is one draw. It is *reproduced* if it lies in the 95% prediction
  interval of a single result, x̄ ± t·s·√(1 + 1/n), and that interval is no wider than allowed;
  *near* if our mean is within the tolerance; else *not reproduced*; *undecided* if the interval is
  too wide.
- **A mean** of m runs is compared by Welch's interval with its published spread, or by
  x̄ ± t·s·√(1/m + 1/n) where the source gives none.
- **An order** is *reproduced* if each group is separated from the next in the claimed direction
  (Welch's 95% interval of the difference), *contradicted* if two are separated in the other
  direction, else *undecided*. Where a source says no more than that a group is as good, the claim
  names a margin, and the interval is compared with it in place of 0.

`[low, high]` is that interval. This page is made from the JSON files in
`src/experiments/published/results` by `descent reproduce --page`.
"""


def counts(results: Iterable[Result]) -> dict[Verdict, int]:
    """Count the verdicts of all claims, in the order of `Verdict`."""
    counted = Counter(one.finding.verdict for result in results for one in result.judged)
    return {verdict: counted[verdict] for verdict in Verdict}


def counts_in_words(results: Sequence[Result]) -> str:
    """Return the counts as a sentence's part: ``20 reproduced, 3 near, ...``."""
    return ", ".join(f"{count} {verdict}" for verdict, count in counts(results).items())


def page(results: Mapping[str, Result], missing: Sequence[str] = ()) -> str:
    """Render the page on published results as Markdown.

    Parameters
    ----------
    results : mapping of str to Result
        The results by the experiment's name.
    missing : sequence of str, default ()
        The names of experiments without results.
    """
    claims = sum(len(result.judged) for result in results.values())
    counted = counts_in_words(list(results.values()))
    parts = [
        HEAD,
        f"Of {claims} claims in {len(results)} experiments: **{counted}**.\n",
    ]
    parts += [_section(result) for result in results.values()]
    if missing:
        parts.append(
            "## Not run yet\n\nThese experiments are ready and have no stored result: "
            + ", ".join(f"`{name}`" for name in missing)
            + ".\n"
        )
    return "\n".join(parts)


def verdict_lines(result: Result, *, now: bool) -> Iterator[str]:
    """Yield a result's verdicts, a line each, below its name.

    Parameters
    ----------
    result : Result
        The result.
    now : bool
        Whether it was repeated now; otherwise its name is followed by the date of its runs.
    """
    yield result.name if now else f"{result.name} (stored, {result.date})"
    for one in result.judged:
        yield (
            f"  {one.finding.verdict:<14}  {one.claim.says}: published {one.claim.published}, "
            f"measured {measured(one)}"
        )


def _section(result: Result) -> str:
    about = result.about
    lines = [
        f"## {about['title']}",
        "",
        f"`{result.name}` · {about['source']}",
        "",
        "| claim | where | published | measured | verdict |",
        "|---|---|---|---|---|",
    ]
    for one in result.judged:
        cells = (one.claim.says, one.claim.where, one.claim.published, measured(one))
        escaped = [cell.replace("|", "\\|") for cell in cells]
        lines.append(f"| {' | '.join(escaped)} | **{one.finding.verdict}** |")
    lines.append("")
    if result.chosen:
        chosen = (
            f"{key}={value:g} for {group}"
            for group, settings in result.chosen.items()
            for key, value in settings.items()
        )
        lines.append(f"Tuned: {'; '.join(chosen)}.")
    lines += [
        sentence for key in ("differs", "changed", "few_seeds") if (sentence := about.get(key))
    ]
    libraries = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    lines.append(
        f"{result.runs} runs in {duration(result.seconds)} on {result.machine} ({libraries}), "
        f"{result.date}."
    )
    return "\n".join(lines) + "\n"


def measured(one: Judged) -> str:
    """Write what was measured for a claim: means, intervals and numbers of runs."""
    claim, finding = one.claim, one.finding
    if len(claim.groups) == 1:
        (group,) = claim.groups
        (found,) = finding.intervals
        return f"{_number(found.value)} {_interval(found)}, {_seeds(one.values[group])}"
    means = ", ".join(
        f"{group} {_number(Sample.of(one.values[group]).mean)}" for group in claim.groups
    )
    differences = ", ".join(f"{_number(f.value)} {_interval(f)}" for f in finding.intervals)
    return f"{means}; difference {differences}, {_seeds(one.values[claim.groups[0]])}"


def _seeds(values: Sequence[float]) -> str:
    return f"{len(values)} seed{'s' if len(values) != 1 else ''}"


def _interval(found: Estimate) -> str:
    return f"[{_number(found.low)}, {_number(found.high)}]"


def _number(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.5g}"
