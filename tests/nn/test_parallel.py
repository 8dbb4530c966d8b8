"""What programs of several processes are told in one."""

import pytest

import dynagrad as dg
from dynagrad import distributed, nn


def test_programs_that_ask_run_on() -> None:
    assert not distributed.is_available() and not distributed.is_initialized()
    assert not distributed.is_nccl_available()


@pytest.mark.parametrize("name", ["get_rank", "get_world_size", "barrier", "all_reduce"])
def test_there_is_no_process_group(name: str) -> None:
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        getattr(distributed, name)(dg.ones(1))


def test_joining_processes_is_refused() -> None:
    with pytest.raises(RuntimeError, match="doesn't have NCCL built in\n.*one process"):
        distributed.init_process_group("nccl", rank=0, world_size=2)
    with pytest.raises(ValueError, match="use the module itself"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
