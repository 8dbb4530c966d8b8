"""torch.multiprocessing: Python's multiprocessing, and `spawn`.

Tensors that were shared (`share_memory_()`, `module.share_memory()`) stay so in other processes:
what one writes, all see. Others go by value, as all of Python's objects do.
"""

import multiprocessing
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import *  # noqa: F403  # pyright: ignore - all of its names are here too
from multiprocessing import __all__ as _names
from multiprocessing import connection, get_context
from typing import Any

__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    *_names,
    "ProcessContext",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]


class ProcessException(Exception):
    """A process of `spawn` has failed."""

    def __init__(self, msg: str, error_index: int, pid: int):
        super().__init__(msg)
        self.msg = msg
        self.error_index = error_index
        self.pid = pid

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """A process of `spawn` has raised an exception; its traceback is in the message."""

    def __init__(self, msg: str, error_index: int, error_pid: int):
        super().__init__(msg, error_index, error_pid)


class ProcessExitedException(ProcessException):
    """A process of `spawn` has ended by a signal or with a status."""

    def __init__(
        self,
        msg: str,
        error_index: int,
        error_pid: int,
        exit_code: int,
        signal_name: str | None = None,
    ):
        super().__init__(msg, error_index, error_pid)
        self.exit_code = exit_code
        self.signal_name = signal_name

    def __reduce__(self) -> Any:
        return type(self), (
            self.msg,
            self.error_index,
            self.pid,
            self.exit_code,
            self.signal_name,
        )


def _begin(fn: Callable, index: int, args: tuple, errors: Any) -> None:
    try:
        fn(index, *args)
    except KeyboardInterrupt:
        pass  # the parent has it too
    except Exception:
        errors.send(traceback.format_exc())
        sys.exit(1)


class ProcessContext:
    """The processes that `spawn` has started."""

    def __init__(self, processes: list[Any], errors: list[Any]):
        self.processes = processes
        self._errors = errors
        self.sentinels = {process.sentinel: i for i, process in enumerate(processes)}

    def pids(self) -> list[int]:
        """The processes' numbers."""
        return [process.pid for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait for some to end; True when all have. If one has failed, the others are ended and
        ProcessRaisedException or ProcessExitedException is raised.
        """
        if not self.sentinels:
            return True
        failed = None
        for sentinel in connection.wait(list(self.sentinels), timeout):
            index = self.sentinels.pop(sentinel)  # pyright: ignore
            self.processes[index].join()
            if self.processes[index].exitcode != 0:
                failed = index
                break
        if failed is None:
            return not self.sentinels
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        for process in self.processes:
            process.join(grace_period if grace_period else 30)
            if process.is_alive():
                process.kill()
                process.join()
        self._raise(failed)
        return False

    def _raise(self, index: int) -> None:
        process = self.processes[index]
        told = None
        with suppress(EOFError, OSError, pickle.UnpicklingError):
            if self._errors[index].poll():
                told = self._errors[index].recv()
        if told is not None:
            text = f"\n\n-- Process {index} terminated with the following error:\n{told}"
            raise ProcessRaisedException(text, index, process.pid)
        status = process.exitcode
        if status < 0:
            try:
                name = signal.Signals(-status).name
            except ValueError:
                name = f"<Unknown signal {-status}>"
            raise ProcessExitedException(
                f"process {index} terminated with signal {name}", index, process.pid, status, name
            )
        raise ProcessExitedException(
            f"process {index} terminated with exit code {status}", index, process.pid, status
        )


SpawnContext = ProcessContext


def start_processes(
    fn: Callable,
    args: tuple = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Call `fn(i, *args)` in `nprocs` processes; wait for them, or return their ProcessContext."""
    context: Any = get_context(start_method)
    processes, errors = [], []
    for index in range(nprocs):
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_begin, args=(fn, index, args, writer), daemon=daemon)
        process.start()
        writer.close()
        processes.append(process)
        errors.append(reader)
    started = ProcessContext(processes, errors)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(
    fn: Callable,
    args: tuple = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Call `fn(i, *args)` in `nprocs` new processes, i from 0; as start_processes."""
    return start_processes(fn, args, nprocs, join, daemon, start_method)


def get_all_sharing_strategies() -> set[str]:
    """How tensors may go to other processes, by PyTorch's names."""
    return {"file_descriptor", "file_system"} if sys.platform == "linux" else {"file_system"}


_strategy = "file_descriptor" if sys.platform == "linux" else "file_system"


def get_sharing_strategy() -> str:
    """What set_sharing_strategy chose; the descriptor of a file is sent whatever it is."""
    return _strategy


def set_sharing_strategy(new_strategy: str) -> None:
    """Accepted; AssertionError for a name that PyTorch does not know."""
    global _strategy
    if new_strategy not in get_all_sharing_strategies():
        raise AssertionError(f"expected one of {sorted(get_all_sharing_strategies())}")
    _strategy = new_strategy


def __getattr__(name: str) -> Any:
    return getattr(multiprocessing, name)
