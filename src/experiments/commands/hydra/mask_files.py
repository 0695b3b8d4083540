"""Masking of the secrets in the YAML files that Hydra itself writes."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiments.files.atomic import write_atomically
from experiments.files.masking import masked
from experiments.files.reading import read_file


def mask_files(*paths: Path) -> None:
    """Mask the secrets in YAML files.

    Parameters
    ----------
    *paths : Path
        Files, and folders whose files are masked. A file that cannot be read or written is skipped.
    """
    for path in paths:
        with suppress(OSError, ValueError, yaml.YAMLError, OmegaConfBaseException):
            if path.is_dir():
                mask_files(*path.iterdir())
                continue
            content = OmegaConf.to_container(OmegaConf.load(io.BytesIO(read_file(path))))
            safe = masked(content)
            if safe != content:
                text = OmegaConf.to_yaml(OmegaConf.create(safe))
                write_atomically(path, text.encode("utf-8", "backslashreplace"))
