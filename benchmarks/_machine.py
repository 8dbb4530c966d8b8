"""The machine and the libraries that figures belong to."""

import ctypes
import os
import re
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy


def blas() -> str:
    """NumPy's BLAS, and the kernel that it has chosen for this CPU."""
    said = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    for path in Path(numpy.__file__).parent.parent.glob("numpy.libs/*openblas*"):
        library = ctypes.CDLL(str(path))
        for name in ("scipy_openblas_get_corename64_", "openblas_get_corename"):
            if hasattr(library, name):
                corename = getattr(library, name)
                corename.restype = ctypes.c_char_p
                return f"{said['name']} {said['version']}, kernel {corename().decode()}"
    return f"{said['name']} {said['version']}"


def gflops(multiply: Callable[[], Any], size: int) -> float:
    """The best speed of a matrix product of this size."""
    times = []
    for _ in range(8):
        start = time.process_time()
        multiply()
        times.append(time.process_time() - start)
    return 2e-9 * size**3 / min(times)


def introduce(torch: Any, jax: str | None) -> None:
    """Print the machine and the libraries."""
    cpu = "unknown CPU"
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((x.partition(": ")[2] for x in lines if x.startswith("model name")), cpu)
    size = 1536
    a, b = numpy.ones((size, size), numpy.float32), torch.ones(size, size)
    versions = [f"numpy {numpy.__version__}", f"torch {torch.__version__}"]
    versions += [f"jax {jax}"] if jax else []
    try:
        versions.append(f"llvmlite {import_module('llvmlite').__version__}")
    except ImportError:
        versions.append("no llvmlite: dynagrad runs eagerly")
    mkl = re.search(r"(oneAPI Math Kernel Library|MKL) Version (\S+)", torch.__config__.show())
    print(f"CPU: {cpu}, {os.cpu_count()} processors; PyTorch uses", end=" ")
    print(torch.backends.cpu.get_cpu_capability(), f"and MKL {mkl[2]}" if mkl else "")
    print(f"BLAS of NumPy: {blas()}")
    print(
        f"matrix products of {size}, float32: NumPy {gflops(lambda: a @ a, size):.0f} GFLOP/s, "
        f"PyTorch {gflops(lambda: b @ b, size):.0f} GFLOP/s"
    )
    print(", ".join(versions), "\n")
