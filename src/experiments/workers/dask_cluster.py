"""Workers of a Dask cluster, on this machine or on many."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from typing import TYPE_CHECKING, Any, Final, TypeVar

from experiments.errors import UserError
from experiments.runs.identity import Identity
from experiments.workers.backend import WorkerDied
from experiments.workers.child_processes import interrupts_held
from experiments.workers.local_processes import processes
from experiments.workers.remote_board import RemoteBoard
from experiments.workers.task import identity_mismatch

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")

_COUNT_EVERY: Final = 1.0  # seconds between counts of the workers


class DaskCluster:
    """A backend on a Dask cluster: a running one, one from a factory, or a local one.

    Parameters
    ----------
    n_jobs : int
        The number of workers of a local cluster (-1 is one per core), or the number to which the
        cluster that `cluster` returns is scaled (-1 leaves it as it is).
    scheduler : str, optional
        The address of a running scheduler: ``tcp://HOST:8786``.
    cluster : callable, optional
        A factory of a cluster object, such as dask-jobqueue's.
    timeout : float
        The seconds to wait for the scheduler's answer, and for the first worker.
    """

    def __init__(
        self,
        n_jobs: int,
        *,
        scheduler: str | None,
        cluster: Callable[[], Any] | None,
        timeout: float,
    ) -> None:
        self._n_jobs = n_jobs
        self._scheduler = scheduler
        self._make_cluster = cluster
        self._timeout = timeout
        self._cluster: Any = None
        self._client: Client | None = None
        self._executor: Executor | None = None
        self._count = 0
        self._counted = self._seen = 0.0

    def open(self) -> None:
        if self._client is not None:
            return
        try:
            import dask
            from distributed import Client
            from distributed.comm.addressing import get_address_host_port
        except ImportError as error:
            raise UserError(
                "hydra.launcher.backend=dask needs Dask, which is not installed; get it with "
                "pip install 'descent-lab[cluster]' (or pip install distributed)"
            ) from error
        if self._scheduler is not None:
            try:
                get_address_host_port(self._scheduler, strict=True)
            except ValueError as error:
                raise UserError(
                    f"hydra.launcher.scheduler={self._scheduler} is not the address of a scheduler "
                    f"({error}); an address looks like tcp://HOST:8786"
                ) from error
        _silence()
        # Processes that are started here must leave Ctrl-C to this one. Dask must not rerun the
        # calls of a worker that died: the sweep finds out which run is at fault. A worker that is
        # told to stop may log a connection that the scheduler has closed already; the variable
        # makes those of a local cluster as silent as this process.
        settings = {
            "distributed.scheduler.allowed-failures": 0,
            "distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "critical",
        }
        with interrupts_held(), dask.config.set(settings):
            try:
                if self._scheduler is None:
                    self._cluster = self._start()
                self._client = Client(
                    self._scheduler or self._cluster, timeout=self._timeout, set_as_default=False
                )
            except (OSError, TimeoutError) as error:
                raise UserError(
                    f"no Dask scheduler answers at {self._scheduler} within {self._timeout:g} s; "
                    "is `dask scheduler` running there, and can it be reached from here? "
                    "(hydra.launcher.timeout=SECONDS waits longer)"
                ) from error
        self._executor = self._client.get_executor(pure=False)
        self._await_workers()
        self._check_code()

    def _start(self) -> Any:
        """Start the cluster that the configuration names, or one on this machine."""
        if self._make_cluster is not None:
            cluster = self._make_cluster()
            if self._n_jobs > 0:
                cluster.scale(self._n_jobs)
            return cluster
        from distributed import LocalCluster

        return LocalCluster(
            n_workers=processes(self._n_jobs),
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            # Without a dashboard the scheduler still serves HTTP, by default on port 8787; that it
            # is taken, perhaps by another sweep, would be a warning.
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            memory_limit=0,  # no limit of Dask's, as for loky's processes
        )

    def _await_workers(self) -> None:
        assert self._client is not None
        try:
            self._client.wait_for_workers(1, timeout=self._timeout)
        except TimeoutError as error:
            number = (
                ""
                if self._scheduler or self._n_jobs > 0
                else "set how many workers the cluster starts with hydra.launcher.n_jobs=NUMBER, "
            )
            raise UserError(
                f"the Dask scheduler at {self._address} has no workers, and none joined within "
                f"{self._timeout:g} s; {number}start some with `dask worker {self._address} "
                "--nthreads 1`, or wait longer with hydra.launcher.timeout=SECONDS"
            ) from error

    def _check_code(self) -> None:
        """Refuse workers with other code or libraries; `train_stack` checks each run again."""
        assert self._client is not None
        here = Identity.of({}, "")
        answers = self._client.run(Identity.of, {}, "", on_error="return")
        for worker, answer in answers.items():
            if isinstance(answer, ImportError):
                raise UserError(_unimportable(answer, worker)) from answer
            if answer != here:
                changes = ", ".join(answer.changes_since(here.parts()))
                raise UserError(identity_mismatch(worker, changes))

    @property
    def _address(self) -> str:
        assert self._client is not None
        assert self._client.scheduler is not None
        return str(self._client.scheduler.address)

    @property
    def shares_cores(self) -> bool:
        elsewhere = self._scheduler is not None or self._make_cluster is not None
        return not elsewhere and processes(self._n_jobs) >= processes(-1)

    @property
    def count(self) -> int:
        now = time.monotonic()
        if now - self._counted > _COUNT_EVERY:
            self._counted = now
            self._count = self._count_workers()
            if self._count:
                self._seen = now
            elif now - self._seen > self._timeout:
                raise UserError(
                    f"the last worker of the Dask scheduler at {self._address} has left, and none "
                    f"joined within {self._timeout:g} s (hydra.launcher.timeout=SECONDS waits "
                    "longer)"
                )
        return max(self._count, 1)

    def _count_workers(self) -> int:
        assert self._client is not None
        try:
            return len(self._client.nthreads())
        except (OSError, TimeoutError, RuntimeError) as error:
            raise self._lost() from error

    def _lost(self) -> UserError:
        where = self._scheduler or "of this sweep"
        return UserError(f"the connection to the Dask scheduler {where} is lost")

    def board(self, runs: int) -> RemoteBoard:
        assert self._client is not None
        return RemoteBoard(self._client, secrets.token_hex(8), runs)

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        assert self._executor is not None
        return self._executor.submit(function, *arguments)

    def result(self, future: Future[T]) -> T:
        from distributed.scheduler import KilledWorker

        try:
            return future.result()
        except KilledWorker as error:
            raise WorkerDied(1 + error.allowed_failures) from error
        except CancelledError as error:
            raise self._lost() from error
        except ImportError as error:
            raise UserError(_unimportable(error)) from error

    def close(self, *, kill: bool = False) -> None:
        # Calls that still run on other machines stop when they see that they were cancelled.
        if self._client is not None:
            self._client.close()
            self._client = self._executor = None
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None


def _silence() -> None:
    """Suppress Dask's log of every connection; the sweep reports the problems itself."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _unimportable(error: ImportError, worker: str = "") -> str:
    where = f"the worker {worker}" if worker else "a worker"
    return (
        f"{where} cannot import {error.name or error}; install on the workers' machines what is "
        "installed here: nn, experiments, and every package that the configuration names by "
        "_target_ (for modules that are not installed, start workers with PYTHONPATH=FOLDER)"
    )
