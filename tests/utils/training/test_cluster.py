"""Work goes to the cluster that is named, and a wrong address says what to do."""

import os
import time

import pytest
from distributed import Client
from joblib import Parallel, delayed

from utils.command import Problem
from utils.training import cluster
from utils.training.cluster import spread


def _processes():
    return set(Parallel(n_jobs=1)(delayed(os.getpid)() for _ in range(8)))


def test_work_stays_here_unless_a_scheduler_is_named():
    with spread(None):
        assert _processes() == {os.getpid()}


def test_work_goes_to_the_workers(dask_cluster):
    address, workers = dask_cluster
    with spread(address):
        assert _processes() <= {worker.pid for worker in workers}
    assert _processes() == {os.getpid()}


def test_one_worker_with_one_thread_is_enough(dask_cluster):
    address, (one, other) = dask_cluster
    other.kill()
    with Client(address, set_as_default=False) as client:
        while len(client.nthreads()) > 1:
            time.sleep(0.05)
    with spread(address):
        assert _processes() == {one.pid}


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere at all"])
def test_a_wrong_address_says_what_to_do(monkeypatch, address):
    monkeypatch.setattr(cluster, "SCHEDULER_TIMEOUT", 1)
    with pytest.raises(Problem, match="dask worker ADDRESS"), spread(address):
        pass
