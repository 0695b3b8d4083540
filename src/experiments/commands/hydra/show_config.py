"""The output of `--cfg job`: Hydra's configuration page with the identity of the run."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from itertools import pairwise


def asks_for_config(arguments: Sequence[str]) -> bool:
    """Return whether a command line asks for the whole configuration of a job."""
    values = [
        following
        for argument, following in pairwise([*arguments, ""])
        if argument in ("--cfg", "-c")
    ]
    values += [argument[6:] for argument in arguments if argument.startswith("--cfg=")]
    parts = [a for a in arguments if a in ("-p", "--package") or a.startswith("--package=")]
    return values == ["job"] and not parts


@contextmanager
def identity_added() -> Iterator[None]:
    """Print the run's identity, as a YAML comment, after the page that the context prints."""
    page = io.StringIO()
    try:
        with redirect_stdout(page):
            yield
    finally:
        sys.stdout.write(page.getvalue())
    print(f"# identity: {_identity(page.getvalue())}")


def _identity(page: str) -> str:
    """Return the identity of a run with this configuration, or the reason why it is unknown."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    from experiments.config.build import run_from_config
    from experiments.config.schema import without_declarations
    from experiments.config.trust import named_packages
    from experiments.datasets import CACHE, quick_digest
    from experiments.errors import UserError
    from experiments.runs.identity import Identity

    try:
        config = OmegaConf.to_container(OmegaConf.create(page), resolve=True)
        assert isinstance(config, dict)
        config = without_declarations({str(key): value for key, value in config.items()})
        source = run_from_config(config, trusted=named_packages(config)).dataset
        digest = quick_digest(source, CACHE / "datasets")
    except (UserError, OmegaConfBaseException, YAMLError) as error:
        return f"unknown: {'; '.join(str(error).splitlines())}"
    if digest is None:
        return "unknown until the data have been loaded for the first time"
    return Identity.of(config, digest).id
