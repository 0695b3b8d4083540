#!/usr/bin/env python3
"""Validate the protocol: it must separate some optimizers, and others not.

    scripts/validate_protocol.py simulated             # results that are made up: no training
    scripts/validate_protocol.py copies                # one optimizer under two names
    scripts/validate_protocol.py harmful               # an optimizer with a harmful setting
    scripts/validate_protocol.py stability             # the classic comparison on other seeds
    scripts/validate_protocol.py copies --comparisons 20 --set dataset=wine

Each trained comparison is complete, with separate seeds for tuning and reporting, and uses the code
of `hydra/sweeper=tune_then_compare`. The script prints the results as JSON, and with --output also
writes them to a file.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from experiments.errors import UserError

if TYPE_CHECKING:
    from experiments.analysis.pairs import Pair
    from experiments.analysis.study import Study
    from experiments.runs.record import Record

ROOT = Path(__file__).resolve().parents[1]
TUNING, REPORTING = 3, 10  # seeds
COPY, HARMFUL = "copied_adam", "harmful_adam"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            count = options.comparisons or options.usual
            found = options.check(Path(scratch), count, options.set)
    except UserError as error:
        print(f"validate_protocol: {error}", file=sys.stderr)
        return 1
    found["seconds"] = round(time.monotonic() - started)
    text = json.dumps(found, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="validate_protocol.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    checks = parser.add_subparsers(required=True, metavar="CHECK")
    for name, check, usual in [
        ("simulated", check_simulated, 2000),
        ("copies", check_copies, 100),
        ("harmful", check_harmful, 100),
        ("stability", check_stability, 10),
    ]:
        one = checks.add_parser(name, help=(check.__doc__ or "").splitlines()[0])
        one.set_defaults(check=check, usual=usual)
        one.add_argument(
            "--comparisons", type=int, help=f"number of comparisons; {usual} by default"
        )
        one.add_argument(
            "--set", action="append", default=[], metavar="NAME=VALUE", help="override for run.py"
        )
        one.add_argument(
            "--output", type=Path, metavar="FILE", help="also write the results to this file"
        )
    return parser


def check_simulated(scratch: Path, count: int, settings: Sequence[str]) -> dict[str, Any]:
    """Judge results that are made up, of which the truth is known."""
    from simulations import SIMULATIONS

    del scratch
    if settings:
        raise UserError("simulated results have no settings; leave out --set")
    return {"check": "simulated"} | {name: one(count) for name, one in SIMULATIONS.items()}


def check_copies(scratch: Path, count: int, settings: Sequence[str]) -> dict[str, Any]:
    """Compare Adam with a copy of it, on the same seeds and on other seeds.

    On the same seeds, the runs of a copy are bit for bit the same, and the difference is 0. That is
    what users see, but it says little about the statistics. Adam is therefore also compared with
    itself on ten other reporting seeds, where only chance makes a difference and every separation
    is a false alarm. Finally, it is compared with the Adam of the next comparison, which was tuned
    on other seeds and may therefore have other settings, which may really be better.
    """
    wide = 2 * REPORTING
    made = list(_comparisons(scratch, ["adam", COPY], count, ["dataset=iris", *settings], wide))
    same = [_seeds_from(runs, wide * i) for i, runs in enumerate(made)]
    fresh = [_seeds_from(runs, wide * i + REPORTING) for i, runs in enumerate(made)]
    others = [_only(same[i], "adam") + _copied(fresh[i], -REPORTING) for i in range(count)]
    retuned = [
        _only(same[i], "adam") + _copied(same[j], wide * (i - j))
        for i, j in ((i, (i + 1) % count) for i in range(count))
    ]

    def together(comparisons: Sequence[list[Record]], setting: str | None = None) -> int:
        return sum(not _separates(_between(runs, setting)) for runs in comparisons)

    return {
        "check": "copies",
        "settings": list(settings),
        "comparisons": count,
        "not separated": {
            "same seeds": together(same),
            "other reporting seeds, tuned": together(others, "tuned"),
            "other reporting seeds, default": together(others, "default"),
            "tuned on other seeds": together(retuned, "tuned"),
        },
    }


def check_harmful(scratch: Path, count: int, settings: Sequence[str]) -> dict[str, Any]:
    """Compare Adam with an Adam that has a harmful weight decay, which is not tuned."""
    made = list(_comparisons(scratch, ["adam", HARMFUL], count, ["dataset=iris", *settings]))
    found = [[pair for pair in _between(runs) if pair.first.startswith("adam")] for runs in made]
    return {
        "check": "harmful",
        "settings": list(settings),
        "comparisons": count,
        "separated": sum(map(_separates, found)),
    }


def check_stability(scratch: Path, count: int, settings: Sequence[str]) -> dict[str, Any]:
    """Repeat the classic comparison on other seeds: no separated pair may change its order."""
    verdicts: dict[tuple[str, str], list[int]] = {}
    for runs in _comparisons(scratch, ["sgd", "adagrad", "rmsprop", "adam"], count, settings):
        study = _study(runs)
        (part,) = study.parts
        names = {entry.label: f"{entry.optimizer} {entry.setting}" for entry in part.entries}
        for pair in part.pairs:
            first, second = names[pair.first], names[pair.second]
            # The first of a separated pair is the better one.
            sign = 0 if not pair.separated else 1 if first < second else -1
            low, high = sorted((first, second))
            verdicts.setdefault((low, high), []).append(sign)
    return {
        "check": "stability",
        "settings": list(settings),
        "comparisons": count,
        "pairs": len(verdicts),
        "verdicts of separation": sum(sign != 0 for signs in verdicts.values() for sign in signs),
        "pairs that change their sign": [
            f"{first} and {second}"
            for (first, second), signs in verdicts.items()
            if {1, -1} <= set(signs)
        ],
        "first better, not separated, second better": {
            f"{first} and {second}": [signs.count(1), signs.count(0), signs.count(-1)]
            for (first, second), signs in sorted(verdicts.items())
        },
    }


# ---- comparisons


def _comparisons(
    scratch: Path,
    optimizers: Sequence[str],
    count: int,
    settings: Sequence[str],
    reporting: int = REPORTING,
) -> Iterator[list[Record]]:
    """Run tuned comparisons, each on different seeds, and yield the records of each."""
    from experiments.commands.hydra.compose import Composer
    from experiments.commands.hydra.jobs import JobComposer
    from experiments.sweeps.sweep import Sweep
    from experiments.sweeps.tuning.comparison import TunedComparison
    from experiments.sweeps.tuning.protocol import Protocol
    from experiments.workers.local_processes import Processes
    from experiments.workers.pool import WorkerPool

    _write_copies(scratch / "conf" / "optimizer")
    folder = scratch / "runs"
    composer = JobComposer(Composer.load(ROOT / "conf", scratch / "conf"), folder)
    choices = [[f"optimizer={name}"] for name in optimizers]
    task = ["tracking=none", *settings]
    with Sweep(folder, WorkerPool(Processes(-1))) as sweep:
        for number in range(count):
            known = len(sweep.records)
            protocol = Protocol(
                tuning_seeds=tuple(10**6 + number * TUNING + i for i in range(TUNING)),
                reporting_seeds=tuple(number * reporting + i for i in range(reporting)),
            )
            TunedComparison(sweep, protocol, composer, choices, [task]).run()
            print(f"\r{number + 1} of {count}", end="", file=sys.stderr, flush=True)
            yield sweep.records[known:]
    print(file=sys.stderr)


def _write_copies(folder: Path) -> None:
    """Write two more configurations of Adam: a copy, and one with a harmful setting."""
    adam = (ROOT / "conf" / "optimizer" / "adam.yaml").read_text(encoding="utf-8")
    folder.mkdir(parents=True)
    (folder / f"{COPY}.yaml").write_text(adam, encoding="utf-8")
    harmful = adam.replace("weight_decay: 0.0", "weight_decay: 0.1")
    (folder / f"{HARMFUL}.yaml").write_text(harmful, encoding="utf-8")


def _seeds_from(records: Sequence[Record], first: int) -> list[Record]:
    """Select the tuning runs, and the reporting runs of the ten seeds from `first` on."""
    return [
        record
        for record in records
        if record.labels["stage"] == "tuning" or 0 <= record.seed - first < REPORTING
    ]


def _copied(records: Sequence[Record], shift: int) -> list[Record]:
    """Relabel Adam's runs as those of the copy, and shift their reporting seeds."""
    return [
        replace(
            record,
            data={
                **record.data,
                "choices": {**record.choices, "optimizer": COPY},
                "seed": record.seed + (shift if record.labels["stage"] == "reporting" else 0),
                "identity": f"another {record.identity}",
            },
        )
        for record in _only(records, "adam")
    ]


# ---- verdicts


def _only(records: Sequence[Record], optimizer: str) -> list[Record]:
    return [record for record in records if record.choices["optimizer"] == optimizer]


def _study(records: Sequence[Record]) -> Study:
    from experiments.analysis.analyse import analyse

    return analyse(records)


def _between(records: Sequence[Record], setting: str | None = None) -> list[Pair]:
    """Return the pairs of different optimizers that are both tuned, or both have defaults."""
    (part,) = _study(records).parts
    entries = {entry.label: entry for entry in part.entries}
    found = []
    for pair in part.pairs:
        first, second = entries[pair.first], entries[pair.second]
        if first.setting == second.setting and first.optimizer != second.optimizer:
            found += [pair] if setting in (None, first.setting) else []
    return found


def _separates(pairs: Sequence[Pair]) -> bool:
    return any(pair.separated for pair in pairs)


if __name__ == "__main__":
    sys.exit(main())
