"""Text for an article on a study: its methods as a paragraph, and the reference to Descent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from experiments.analysis.study import Study
from experiments.program import VERSION
from experiments.reporting.words.formatting import listing
from experiments.reporting.words.protocol import protocol_of
from experiments.runs.record import Record

_MOST_LISTED: Final = 14

BIBTEX: Final = f"""\
@software{{descent,
  title   = {{Descent: neural networks from scratch in {{NumPy}}, compared across optimizers}},
  author  = {{{{The Descent developers}}}},
  version = {{{VERSION}}},
}}"""


def methods_paragraph(study: Study) -> str:
    """Describe the methods of a study in one paragraph, ready to be pasted into an article."""
    compared = list(dict.fromkeys(entry.base for part in study.parts for entry in part.entries))
    what = listing(compared, most=_MOST_LISTED)
    tasks = listing([part.name for part in study.parts])
    runs = [run for part in study.parts for entry in part.entries for run in entry.group.runs]
    sentences = [
        f"We compared {what} on {tasks} with Descent {VERSION}.",
        *_training(runs),
        *protocol_of(study),
    ]
    return " ".join(sentences)


def _training(runs: Sequence[Record]) -> Iterator[str]:
    """Describe what all runs have in common, as far as it is one value."""

    def common(key: str) -> object:
        found = {(run.choices | run.settings).get(key) for run in runs}
        return found.pop() if len(found) == 1 else None

    model, loss, size = common("model"), common("loss"), common("training.batch_size")
    words = [f"the model {model}"] if model else ["one network"]
    words += [f"with the loss {loss}"] if loss else []
    epochs, steps = common("training.epochs"), common("training.steps")
    words += [f"for {steps} steps"] if steps else [f"for {epochs} epochs"] if epochs else []
    words += [f"in batches of {size} rows"] if size else []
    if len(words) > 1:
        yield f"Each run trained {' '.join(words)}."
