"""Folders for temporary files of a command, which a later command clears if this one is killed.

A command holds a lock on a file in each of its folders for as long as the folder is in use; the
system releases the lock however the command ends. A folder whose lock is free therefore has no
owner. Where files cannot be locked, nothing is cleared.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from multiprocessing import util
from pathlib import Path
from typing import Final

from experiments.files.locks import hold, is_free

_OWNER: Final = "owner"  # the locked file
_NAME: Final = re.compile(r"descent-(\d+)-\w+")  # with the process id
_LAST: Final = -200  # multiprocessing's own lowest priority is -100
_SHARED_MEMORY: Final = Path("/dev/shm")


def own_folder(parent: Path) -> Path:
    """Return a folder that belongs to this process until it ends.

    Parameters
    ----------
    parent : Path
        The folder in which it is created, such as `temporary()`. Folders there whose owner was
        killed are cleared first.
    """
    return _own_folder(parent, os.getpid())


@cache
def _own_folder(parent: Path, pid: int) -> Path:
    del pid  # a fork is another process
    folder, _ = _make(parent)
    # After multiprocessing has removed its folder, which may lie in this one; forks do nothing.
    util.Finalize(
        None, shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}, exitpriority=_LAST
    )
    return folder


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder for temporary files for the body of a `with` statement."""
    folder, descriptor = _make(temporary())
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def temporary() -> Path:
    """Return the system's folder of temporary files."""
    return Path(tempfile.gettempdir())


def shared_memory() -> Path:
    """Return the folder of shared memory if the system has one, or that of temporary files."""
    return _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else temporary()


def _make(parent: Path) -> tuple[Path, int]:
    """Make a folder; return it and the descriptor of its lock."""
    clear_ownerless(parent)
    unnamed = Path(tempfile.mkdtemp(prefix=".descent-", dir=parent))
    descriptor = hold(unnamed / _OWNER)
    folder = parent / f"descent-{os.getpid()}-{unnamed.name.removeprefix('.descent-')}"
    unnamed.rename(folder)  # only now do others look at it, when it is locked
    return folder, descriptor


def clear_ownerless(parent: Path) -> None:
    """Remove the folders in `parent` whose owner, a process of this user, was killed.

    The semaphores that the owner's process pools have left in shared memory are removed, too; loky
    names them by the process id.
    """
    for folder in parent.glob("descent-*-*"):
        named = _NAME.fullmatch(folder.name)
        if named and _is_own_folder(folder) and is_free(folder / _OWNER):
            semaphores = list(_SHARED_MEMORY.glob(f"sem.loky-{named[1]}-*"))
            if semaphores and Path(f"/proc/{named[1]}").exists():
                continue  # the id belongs to another process now, whose semaphores have such names
            for semaphore in semaphores:
                if _is_of_user(semaphore):
                    semaphore.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)


def _is_own_folder(path: Path) -> bool:
    """Whether a path is a folder of this user, rather than a link."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode) and _is_of_user(path)
    except OSError:  # another process has just cleared it
        return False


def _is_of_user(path: Path) -> bool:
    try:
        return not hasattr(os, "getuid") or path.lstat().st_uid == os.getuid()
    except OSError:
        return False
