"""One instance of a random program, and the state of the process that belongs to it: several of
them run side by side in one process, each as if it were alone.
"""

import contextlib
import functools
import hashlib
import io
import linecache
import os
import random
import re
import shutil
import sys
import tempfile
import time
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from soundness_programs import Program, source_of
from soundness_rounding import Noise
from soundness_state import Walk, seen

import dynagrad
from dynagrad.core.watch import watching

_NOT_THERE: Any = object()
#: what a frame's options say of shapes
DYNAMIC = {"": None, ", dynamic=True": True, ", dynamic=False": False}


def digest(value: Any) -> str:
    """A short text that stands for a long value."""
    return hashlib.sha1(repr(value).encode()).hexdigest()[:12]


class World:
    """One instance of a program, and the state of the process that belongs to it."""

    def __init__(self, program: Program, compiled: Callable | None, noise: int = 0) -> None:
        self.folder = tempfile.mkdtemp(prefix="soundness-")
        self.originals: list[Any] = []
        self.made: list[Any] = []
        self.dynamic = DYNAMIC[program.frame.options]
        self.noise = Noise(noise) if noise else None
        self.output: list[str] = []
        self.error = ""
        #: what the program has replaced in the framework: (owner, name) -> value
        self.patches: dict[tuple[Any, str], Any] = {}
        self.replaced: dict[tuple[Any, str], Any] = {}
        self.moments_are_true = True
        self.counts = False
        self.calls = self.entered = self.ran_compiled = 0
        #: for each block its errors, and whether Python code of the step ran in it
        self.history: list[tuple[str, bool]] = []
        self.process = {
            "torch": dynagrad.manual_seed(program.frame.seed).get_state(),
            "random": random.Random(1).getstate(),
            "numpy": np.random.RandomState(1).get_state(),
            "dtype": getattr(dynagrad, program.frame.dtype),
            "environment": None,
        }
        self.module = types.ModuleType("soundness_program")
        vars(self.module).update(
            compiled=functools.partial(self.compile, compiled),
            patch=self.patch,
            folder=self.folder,
            results=[],
        )
        source = source_of(program)
        self.file = os.path.join(self.folder, "program.py")
        with open(self.file, "w") as file:
            file.write(source)
        self.run(compile(source, self.file, "exec"))
        if self.error:
            self.close()
            raise RuntimeError(f"the module cannot be run: {self.error}\n{source}")

    def compile(self, compiled: Callable | None, what: Any = None, **options: Any) -> Any:
        """What the program calls `compiled`: the compiler, or nothing."""
        if what is None:
            return functools.partial(self.compile, compiled, **options)
        self.originals.append(what)
        options.setdefault("dynamic", self.dynamic)
        made = compiled(what, **options) if compiled else what
        self.made.append(made)
        return made

    def patch(self, owner: Any, name: str, value: Any) -> None:
        """What the program calls `patch`: replace something of the framework, for itself alone."""
        self.replaced.setdefault((owner, name), vars(owner).get(name, _NOT_THERE))
        self.patches[owner, name] = value
        setattr(owner, name, value)

    def unpatch(self) -> None:
        """Put back what was replaced."""
        for (owner, name), value in self.replaced.items():
            if value is _NOT_THERE:
                delattr(owner, name)
            else:
                setattr(owner, name, value)
        self.replaced.clear()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """With the process's state as this instance left it."""
        held = self.process
        before = dynagrad.get_default_dtype()
        dynagrad.set_rng_state(held["torch"])
        random.setstate(held["random"])
        np.random.set_state(held["numpy"])
        dynagrad.set_default_dtype(held["dtype"])
        put_environment(held["environment"])
        sys.modules[self.module.__name__] = self.module
        for (owner, name), value in self.patches.items():
            self.patch(owner, name, value)
        try:
            yield
        finally:
            self.unpatch()
            self.process = {
                "torch": dynagrad.get_rng_state(),
                "random": random.getstate(),
                "numpy": np.random.get_state(),
                "dtype": dynagrad.get_default_dtype(),
                "environment": os.environ.pop("SOUNDNESS", None),
            }
            dynagrad.set_default_dtype(before)
            del sys.modules[self.module.__name__]

    def run(self, code: Any) -> None:
        """Run some of the program; an exception is noted."""
        printed = io.StringIO()
        self.error = ""
        code_of_step = code_behind(self.originals[-1]) if self.counts else None

        def count(frame: Any, event: str, _: Any) -> None:
            self.entered += event == "call" and frame.f_code is code_of_step

        noise = watching(self.noise) if self.noise else contextlib.nullcontext()
        with self.alone(), noise, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with contextlib.redirect_stdout(printed):
                try:
                    sys.setprofile(count if code_of_step else None)
                    exec(code, vars(self.module))  # noqa: S102 - our own program
                except Exception as error:
                    self.error = f"{type(error).__name__}: {error}".split("\n")[0]
                finally:
                    sys.setprofile(None)
        said = [str(w.message) for w in caught if str(w.message).startswith("user:")]
        self.output.append(printed.getvalue() + "".join(said))

    def call(self, statements: list[str]) -> None:
        """A block of the caller; what follows an exception in a block is run all the same."""
        errors = []
        vars(self.module).pop("result", None)
        if self.noise:
            self.noise.disturb(seen(self.module, self.originals, self.made))
        began, before = time.perf_counter(), self.entered
        for text in statements:
            entered = self.entered
            self.run(code_of(text))
            errors.append(self.error)
            if "result = " in text:
                self.calls += self.counts and not self.error
                self.ran_compiled += self.counts and not self.error and self.entered == entered
                results = self.module.results
                results.append(vars(self.module).get("result", "no result"))
                del results[:-4]
        self.error = "; ".join(errors)
        self.history.append(("".join(errors), self.entered > before))
        moments = [float(moment) for moment in self.module.moments]
        self.module.moments.clear()
        self.moments_are_true = all(
            began <= moment <= time.perf_counter() for moment in moments
        ) and moments == sorted(moments)
        self.output.append(f"{len(moments)} moments")

    def state(self) -> Walk:
        """All that the program can reach now."""
        walk = seen(self.module, self.originals, self.made)
        walk.found.insert(0, ("exceptions", re.sub(r"soundness-\w+|\d{9,}", "", self.error)))
        walk.found.append(("output", "".join(self.output)))
        walk.found.append(("moments are those of the call", repr(self.moments_are_true)))
        for name, value in self.process.items():
            if name == "torch":
                value = value.numpy().tobytes()
            walk.found.append(
                (f"state of {name}", str(value) if name == "dtype" else digest(value))
            )
        return walk

    def close(self) -> None:
        """Remove what the program has written."""
        shutil.rmtree(self.folder, ignore_errors=True)
        linecache.checkcache(self.file)


def code_behind(what: Any) -> Any:
    """The code of a function, or of a module's forward."""
    what = getattr(type(what), "forward", what)
    return getattr(getattr(what, "__wrapped__", what), "__code__", None)


def put_environment(value: str | None) -> None:
    """Set or remove the variable that programs use."""
    os.environ.pop("SOUNDNESS", None)
    if value is not None:
        os.environ["SOUNDNESS"] = value


@functools.lru_cache(4096)
def code_of(text: str) -> Any:
    """Statements of a caller."""
    return compile(text, "<caller>", "exec")
