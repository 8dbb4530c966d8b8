"""The CPU that code is generated for: this machine's, or an older one by choice. Imports nothing of
the library.

The environment variable DYNAGRAD_TARGET or `using_target` choose: "native", a level of x86-64
("x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4") or any name of a CPU that LLVM knows.
"""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

#: Levels of x86-64, and a feature of the host's that proves it has each.
LEVELS = {"x86-64": "sse2", "x86-64-v2": "sse4.2", "x86-64-v3": "avx2", "x86-64-v4": "avx512vl"}


class Target(NamedTuple):
    """A CPU by LLVM's name, and features in LLVM's spelling, `+avx2,-avx512f`, to add to it."""

    cpu: str
    features: str


_forced: list[str] = []


def chosen() -> str:
    """The name of the target in force."""
    return _forced[-1] if _forced else os.environ.get("DYNAGRAD_TARGET", "") or "native"


@contextmanager
def using_target(name: str) -> Iterator[None]:
    """Generate code for this target in a `with` block, in all threads: for tests."""
    _forced.append(name)
    try:
        yield
    finally:
        _forced.remove(name)


def resolve(name: str, host: Target) -> Target:
    """The target of this name. ValueError if the machine at hand could not run its code."""
    has = host.features.split(",")
    if name == "native":
        found = host
    else:
        needed = LEVELS.get(name)
        if needed is not None and f"+{needed}" not in has:
            raise ValueError(
                f"DYNAGRAD_TARGET={name}: this machine ({host.cpu}) has no {needed}, so it cannot "
                "run such code"
            )
        found = Target(name, "")
    if "+avx512vl" in has and name in ("native", "x86-64-v4"):
        # LLVM keeps to 256 bits on most CPUs, for code that uses few vectors; ours uses many.
        found = found._replace(features=",".join(filter(None, (found.features, "-prefer-256-bit"))))
    return found


def has_fma(target: Target) -> bool:
    """Whether the CPU has an instruction for x * y + z; where LLVM's intrinsic is a call, code is
    better off without it. False for x86 CPUs that are known by their name only.
    """
    if platform.machine().lower() not in ("x86_64", "amd64", "i386", "i686"):
        return True
    return target.cpu in ("x86-64-v3", "x86-64-v4") or "+fma" in target.features.split(",")
