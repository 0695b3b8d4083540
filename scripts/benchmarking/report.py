"""The measurements as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarking import updates
from benchmarking.measurements import OURS, Measurement, counted_cores, middle, ratio, select
from benchmarking.steps import BOUND
from benchmarking.sweeps import EXISTING, PEER, PHASES


def names(measurements: Sequence[Measurement], field: str, **wanted: object) -> list[str]:
    """Return the distinct values of a field of these measurements, in order."""
    return list(dict.fromkeys(getattr(m, field) for m in select(measurements, **wanted)))


def steps_report(found: Sequence[Measurement]) -> Iterator[str]:
    """Yield the lines about training steps."""
    yield "Training steps, µs per run and step: median (lowest to highest), times Descent's"
    for case in names(found, "case", part="step"):
        for optimizer in names(found, "optimizer", part="step", case=case):
            yield f"\n{case} {optimizer}"
            here = select(found, case=case, optimizer=optimizer)
            yield from _contestants(here)
            for compiling in select(here, part="compile"):
                yield f"  {compiling.contestant} compiled for {compiling.value:.1f} s before"


def _contestants(here: Sequence[Measurement]) -> Iterator[str]:
    ours = select(here, part="step", contestant=OURS)
    for name in names(here, "contestant", part="step"):
        theirs = select(here, part="step", contestant=name)
        values = [m.value for m in theirs]
        times = ratio(theirs, ours)
        compared = f"{times:8.2f} ×"
        if name == BOUND:
            compared += f"  (Descent reaches {times:.0%} of its speed)"
        spread = f"({min(values):.2f} to {max(values):.2f})"
        what = f"{name}, {theirs[0].detail}"
        yield f"  {what:<42}{middle(theirs):10.2f} {spread:<24}{compared}"


def updates_report(found: Sequence[Measurement]) -> Iterator[str]:
    """Yield the lines about updates: a table with a row for each optimizer."""
    (case,) = names(found, "case", part="update")
    yield f"Updates of a network {case}, µs (medians), and how many times as long as their bound"
    bounds = {updates.MATRICES: "its matrix products"}
    for kind in names(found, "detail", part="update"):
        what = bounds.get(kind, "its memory traffic")
        roots = "roots, each" if kind == updates.MATRICES else ""
        yield f"\n  {kind:<28}{'update':>12}{what:>22}{'ratio':>8}{roots:>14}"
        for optimizer in names(found, "optimizer", part="update", detail=kind):
            here = select(found, part="update", optimizer=optimizer)
            ours, bound, root = (
                select(here, contestant=name) for name in (OURS, updates.BOUND, updates.ROOTS)
            )
            numbers = f"{middle(ours):>12.0f}{middle(bound):>22.0f}{ratio(ours, bound):>8.2f}"
            apart = middle(root)
            yield f"  {optimizer:<28}{numbers}" + (f"{apart:>14.0f}" if apart else "")


def sweeps_report(found: Sequence[Measurement]) -> Iterator[str]:
    """Yield the lines about sweeps."""
    yield "Whole sweeps, seconds from command to comparison: median (lowest to highest)"
    for case in names(found, "case", part="sweep"):
        yield f"\n{case}"
        whole = select(found, part="sweep", case=case)
        for key in sorted({(m.cores, m.database) for m in whole}, reverse=True):
            cores, database = key
            here = select(whole, cores=cores, database=database)
            ours = select(here, contestant=OURS)
            for name in names(here, "contestant"):
                theirs = select(here, contestant=name)
                values = [m.value for m in theirs]
                detail = f", {theirs[0].detail}" if theirs[0].detail else ""
                what = f"{name}, {counted_cores(cores)}, {database} database{detail}"
                spread = f"({min(values):.2f} to {max(values):.2f})"
                yield f"  {what:<66}{middle(theirs):8.2f} {spread:<20}{ratio(theirs, ours):6.2f} ×"
    yield from _marginal(found)
    yield from _where(found)
    yield "\nCommands of Descent, seconds"
    for case in names(found, "case", part="command"):
        detail = " (published, existing database)" if case == "a single run" else ""
        yield f"  {case + detail:<46}{middle(select(found, part='command', case=case)):8.2f}"


def _marginal(found: Sequence[Measurement]) -> Iterator[str]:
    """Yield the lines about the cost of a further run, from the smallest and largest sweep."""
    counts = sorted(int(case.split()[0]) for case in names(found, "case", part="sweep"))
    if len(counts) < 2:
        return
    least, most = counts[0], counts[-1]
    yield f"\nMilliseconds for each run beyond {least}, up to {most}"
    for part, of_processes in (("sweep", ""), ("cpu", ", CPU time of all processes")):
        for cores in sorted({m.cores for m in select(found, part=part)}, reverse=True):
            for name in names(found, "contestant", part=part):
                here = select(found, part=part, contestant=name, cores=cores, database=EXISTING)
                ends = [select(here, case=f"{runs} runs") for runs in (least, most)]
                if all(ends):  # an extrapolated sweep has no CPU time
                    first, last = map(middle, ends)
                    each = (last - first) / (most - least) * 1000
                    what = f"{name}, {counted_cores(cores)}, existing database{of_processes}"
                    yield f"  {what:<66}{each:8.1f}"


def tiny_report(found: Sequence[Measurement]) -> Iterator[str]:
    """Yield the lines about tiny runs: a table with a row for each sweep."""
    yield "Sweeps of tiny runs, existing database (medians)"
    heads = ("seconds", "CPU seconds", "CPU ms a run", "composing ms a job")
    yield f"  {'':<28}" + "".join(f"{head:>20}" for head in heads)
    for case in names(found, "case", part="tiny"):
        runs = int(case.split()[0])
        for detail in names(found, "detail", part="tiny", case=case):
            whole, cpu, composing = (
                middle(select(found, part=part, case=case, detail=detail))
                for part in ("tiny", "tiny cpu", "tiny composing")
            )
            numbers = (whole, cpu, cpu / runs * 1000, composing / runs * 1000)
            yield f"  {f'{case}, {detail}':<28}" + "".join(f"{value:>20.2f}" for value in numbers)


def _where(found: Sequence[Measurement]) -> Iterator[str]:
    columns = [
        (case, cores, database)
        for case in names(found, "case", part="phase")
        for cores in sorted({m.cores for m in select(found, part="phase")}, reverse=True)
        for database in sorted({m.database for m in select(found, part="phase")})
    ]
    yield "\nWhere Descent's time goes, seconds (medians)"
    for row, texts in enumerate(zip(*[_heading(*column) for column in columns], strict=True)):
        yield f"  {'' if row else 'phase':<20}" + "".join(f"{text:>10}" for text in texts)
    for phase in (*PHASES, "all CPU time"):
        wanted = {"part": "cpu"} if phase == "all CPU time" else {"part": "phase", "detail": phase}
        values = [
            middle(
                select(found, contestant=OURS, case=case, cores=cores, database=database, **wanted)
            )
            for case, cores, database in columns
        ]
        yield f"  {phase:<20}" + "".join(f"{value:>10.2f}" for value in values)


def _heading(case: str, cores: int, database: str) -> tuple[str, str, str]:
    return case, counted_cores(cores), database


def speedups(found: Sequence[Measurement]) -> Iterator[str]:
    """Yield a summary of the ratios: how many times as long the others take."""
    for case in names(found, "case", part="step"):
        for optimizer in names(found, "optimizer", part="step", case=case):
            here = select(found, part="step", case=case, optimizer=optimizer)
            ours = select(here, contestant=OURS)
            detail = ", ".join(
                f"{name} {ratio(select(here, contestant=name), ours):.2f}"
                for name in names(here, "contestant")
                if name != OURS
            )
            yield f"  {case} {optimizer}: {detail}"
    for case in names(found, "case", part="sweep", contestant=PEER):
        for cores in sorted({m.cores for m in select(found, part="sweep")}, reverse=True):
            here = select(found, part="sweep", case=case, cores=cores, database=EXISTING)
            theirs = select(here, contestant=PEER)
            times = ratio(theirs, select(here, contestant=OURS))
            detail = f" ({theirs[0].detail})" if theirs[0].detail else ""
            yield f"  {case}, {counted_cores(cores)}: {PEER}{detail} {times:.2f}"
