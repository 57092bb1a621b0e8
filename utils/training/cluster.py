"""Spread the work of joblib over a Dask cluster, or keep it on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from joblib import parallel_config

from utils.command import Problem

SCHEDULER_TIMEOUT = 20  # seconds to find the scheduler, and then a first worker


@contextmanager
def spread(scheduler: str | None) -> Iterator[None]:
    """Let `joblib.Parallel` work on a cluster while the context lasts.

    Parameters
    ----------
    scheduler : str or None
        Address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``. None keeps the
        work on this machine.

    Yields
    ------
    None
        Work that a lost worker had begun is begun again by another.

    Raises
    ------
    Problem
        The scheduler, or any worker of it, cannot be reached; or one task was lost
        with several workers.
    """
    if scheduler is None:
        yield
        return
    from distributed import KilledWorker
    from joblib._dask import DaskDistributedBackend

    class Workers(DaskDistributedBackend):
        def effective_n_jobs(self, n_jobs):
            # Joblib works in this process if there is one thread in the whole cluster.
            return max(2, super().effective_n_jobs(n_jobs))

    try:
        with (
            _client(scheduler) as client,
            parallel_config(Workers(client=client)),
        ):
            yield
    except KilledWorker as error:
        raise Problem(f"One task ended several workers, the last: {error}") from None


def _client(scheduler: str):
    """Connect to a scheduler that has a worker."""
    from distributed import Client

    try:
        client = Client(scheduler, timeout=SCHEDULER_TIMEOUT, set_as_default=False)
        client.wait_for_workers(1, timeout=SCHEDULER_TIMEOUT)
    except (OSError, ValueError) as error:  # ValueError: the address is none
        raise Problem(
            f"No Dask cluster answers at {scheduler} ({error}). In the folder of the "
            "course, start python -m dask scheduler, and python -m dask worker ADDRESS "
            "on each machine."
        ) from None
    return client
