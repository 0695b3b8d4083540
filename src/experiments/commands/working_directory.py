"""The working directory of a command, below which its outputs and caches lie."""

from __future__ import annotations

import os

from experiments.errors import UserError


def check_exists() -> None:
    """Check that the working directory exists.

    Raises
    ------
    UserError
        If it was deleted.
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        raise UserError(
            "the working directory was deleted. Change to one that exists: cd FOLDER"
        ) from None


def check_can_be_recorded() -> None:
    """Check that the working directory exists and that its path can be written into records.

    Raises
    ------
    UserError
        If it was deleted, or if its path is not text in the encoding of this process.
    """
    check_exists()
    path = os.getcwd()
    try:
        path.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{path}: the path of the working directory is not text in this terminal's encoding, "
            "so records could not name it. Choose an encoding that it is written in (such as "
            "export LC_ALL=C.UTF-8), or change to another directory"
        ) from None
