"""LLVM: from the text of a module to machine code in this process. The only file that knows
llvmlite.

`build` gives a Library, whose functions have addresses as long as the Library lives. Object code is
position independent and knows no address outside itself: what generated code needs from outside
(BLAS, CPython, other kernels) it takes from tables of pointers that are passed to it as data. So it
may be kept on disk: see cache. Imports cache, runtime, target, extras.
"""

import ctypes
import itertools
import os
import re
import sys
import threading
import time
from typing import Any, NamedTuple

from ...extras import optional
from . import cache, runtime
from .target import Target, chosen, resolve

__all__ = ["Library", "NativeError", "assembly_for", "build", "fingerprint", "is_available", "load"]


class NativeError(RuntimeError):
    """LLVM refused a module: its message, with the line of the module that it is about."""


class _Host(NamedTuple):
    """What LLVM knows about this machine."""

    binding: Any
    version: str
    triple: str
    target: Target


#: Held while LLVM works.
lock = threading.RLock()
_hosts: list[_Host] = []
_jits: list[Any] = []
_machines: dict[Any, Any] = {}
_numbers = itertools.count()


def _locks() -> list[Any]:
    """The lock here, and the one within llvmlite: it is also taken where objects of LLVM end."""
    wrapper = getattr(getattr(_hosts[0].binding, "ffi", None), "lib", None) if _hosts else None
    inner = getattr(getattr(wrapper, "_lock", None), "_lock", None)
    return [lock] if inner is None else [lock, inner]


def _before_fork() -> None:
    for held in _locks():
        held.acquire()


def _after_fork() -> None:
    for held in reversed(_locks()):
        held.release()


if hasattr(os, "register_at_fork"):
    # A child that is forked while another thread compiles would wait for that thread for ever.
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )


def is_available() -> bool:
    """Whether llvmlite is installed and code can be made and run with it."""
    try:
        host()
    except (ImportError, OSError):
        return False
    return True


def host() -> _Host:
    """LLVM, ready for this machine. ImportError where llvmlite is missing or too old; OSError where
    a process may not make code of its own.
    """
    if not _hosts:
        with lock:
            binding = optional("llvmlite.binding", "jit", "compiling to native code")
            if binding.llvm_version_info < (20,):
                raise ImportError("compiling to native code needs llvmlite 0.46 or newer")
            binding.check_jit_execution()
            binding.initialize_native_target()
            binding.initialize_native_asmprinter()
            version = ".".join(map(str, binding.llvm_version_info))
            features = binding.get_host_cpu_features().flatten()
            target = Target(binding.get_host_cpu_name(), features)
            _hosts.append(_Host(binding, version, binding.get_process_triple(), target))
    return _hosts[0]


def target() -> Target:
    """The CPU that code is generated for: this machine's, unless one was chosen: see target."""
    return resolve(chosen(), host().target)


def fingerprint() -> str:
    """What the compiler's results depend on beside its input: its own source, LLVM's version, and
    the CPU; for the keys of cache entries.
    """
    return f"{cache.sources()}|{_made_for(target())}"


def _made_for(wanted: Target) -> str:
    return f"llvm {host().version}|{host().triple}|{wanted.cpu}|{wanted.features}"


def _machine(wanted: Target, opt: int) -> Any:
    """LLVM's code generator for a CPU."""
    key = (wanted, opt)
    if key not in _machines:
        at_home = host()
        kind = at_home.binding.Target.from_triple(at_home.triple)
        _machines[key] = kind.create_target_machine(
            cpu=wanted.cpu,
            features=wanted.features,
            opt=min(opt, 2),
            reloc="pic",
            codemodel="small",
        )
    return _machines[key]


# --- From text to object code ------------------------------------------------------------------


def _parse(ir: str) -> Any:
    """The module in LLVM's own form, in a context of its own, which goes with it."""
    binding = host().binding
    try:
        module = binding.parse_assembly(ir, context=binding.create_context())
        module.verify()
    except RuntimeError as error:
        raise NativeError(_explained(str(error), ir)) from None
    return module


def _explained(message: str, ir: str) -> str:
    """LLVM's message, and the lines of the module that it names."""
    lines = ir.splitlines()
    named = [int(n) for n in re.findall(r"<string>:(\d+):", message)]
    found = [f"line {n}: {lines[n - 1].strip()}" for n in named if 0 < n <= len(lines)]
    if not named:
        # The verifier prints the instruction, without a line; so it is looked for in the text.
        quoted = {line.strip() for line in message.splitlines()[1:]}
        numbered = enumerate(lines, 1)
        found = [f"line {n}: {text.strip()}" for n, text in numbered if text.strip() in quoted]
    return "\n".join([message.strip(), *found])


def _optimise(module: Any, machine: Any, opt: int) -> None:
    """LLVM's passes: at level 1 those that clean up, for loops which are vectors already; from 2 on
    the standard pipeline with its vectorisers.
    """
    binding = host().binding
    if opt == 0:
        return
    tuning = binding.create_pipeline_tuning_options(speed_level=opt)
    builder = binding.create_pass_builder(machine, tuning)
    if opt > 1:
        passes = builder.getModulePassManager()
    else:
        passes = binding.create_new_module_pass_manager()
        passes.add_sroa_pass()
        passes.add_instruction_combine_pass()
        passes.add_simplify_cfg_pass()
    passes.run(module, builder)
    # llvmlite inherits a `_dispose` that does nothing before the one that frees the passes, and
    # loses 100 KB each time.
    binding.newpassmanagers.NewPassManager._dispose(passes)
    passes.detach()


# --- Libraries -----------------------------------------------------------------------------------


class Library:
    """Functions in native code, alive as long as this object is.

    `ir` is the source (empty where it came from the cache by its key), `size` the bytes of its
    object code, `key` its name in the cache, `from_cache` whether it was found there, `times`
    milliseconds spent on `parse`, `optimise`,
    `generate`, `load` and all together, `total`. Whoever keeps an address keeps the Library too:
    dropping it frees the code.
    """

    __slots__ = ("_tracker", "from_cache", "ir", "key", "names", "opt", "size", "target", "times")

    def __init__(
        self,
        code: bytes,
        names: tuple[str, ...],
        wanted: Target,
        clock: "_Clock",
        *,
        ir: str = "",
        key: str = "",
        opt: int = 2,
        from_cache: bool = False,
    ) -> None:
        self._tracker = _link(code, names, ir)
        clock.stop("load")
        self.names, self.target, self.times = names, wanted, clock.times
        self.ir, self.key, self.opt, self.from_cache = ir, key, opt, from_cache
        self.size = len(code)

    def address(self, name: str) -> int:
        """Where a function begins. NativeError if the module has no such function."""
        if name not in self.names:
            raise NativeError(f"no function {name!r}: there are {', '.join(self.names) or 'none'}")
        return self._tracker[name]

    def function(self, name: str, *signature: Any) -> Any:
        """The function as a Python callable: `signature` is the type of its result, None for none,
        and those of its arguments, all of ctypes. It keeps the Library alive.
        """
        result: Any = ctypes.CFUNCTYPE(*signature)(self.address(name))
        result.library = self
        return result

    def optimised_ir(self) -> str:
        """The module after LLVM's passes."""
        return str(self._optimised())

    def assembly(self) -> str:
        """The machine code as text."""
        return _machine(self.target, self.opt).emit_assembly(self._optimised())

    def _optimised(self) -> Any:
        if not self.ir:
            raise NativeError("this library was loaded without its source")
        module = _parse(self.ir)
        _optimise(module, _machine(self.target, self.opt), self.opt)
        return module


def build(
    ir: str,
    *,
    opt: int = 2,
    cpu: str | None = None,
    features: str | None = None,
    cached: bool = True,
) -> Library:
    """Compile a module of LLVM IR and load it.

    opt: 0 as it stands; 1 cheap clean-up, for code that is written with vectors already; 2 and 3
    LLVM's standard pipelines, with vectorisation. cpu and features replace the chosen target.
    cached: look in the cache on disk first, and keep the result there. NativeError says what is
    wrong with the module.
    """
    wanted = target() if cpu is None else Target(cpu, "")
    if features is not None:
        wanted = wanted._replace(features=features)
    clock = _Clock()
    key = ""
    if cached:
        key = cache.key("object", _made_for(wanted), str(opt), ir)
        found = _from_cache(key, wanted, clock, ir, opt)
        if found is not None:
            return found
    with lock:
        module = _parse(ir)
        clock.stop("parse")
        machine = _machine(wanted, opt)
        _optimise(module, machine, opt)
        clock.stop("optimise")
        code = machine.emit_object(module)
        clock.stop("generate")
    names = tuple(re.findall(r'^define (?!internal |private )[^@]*@"?([\w.$-]+)', ir, re.M))
    library = Library(code, names, wanted, clock, ir=ir, key=key, opt=opt)
    if cached:
        cache.store(key, "\n".join((_made_for(wanted), *names)).encode() + b"\0" + code)
    return library


def load(key: str) -> Library | None:
    """A library that was built before, by its `key`: without its source. None if the cache has it
    no longer, or it is for another CPU or LLVM.
    """
    return _from_cache(key, target(), _Clock(), "", 2)


def _from_cache(key: str, wanted: Target, clock: "_Clock", ir: str, opt: int) -> Library | None:
    blob = cache.load(key)
    if blob is None:
        return None
    head, _, code = blob.partition(b"\0")
    made_for, *names = head.decode().split("\n")
    if made_for != _made_for(wanted):
        return None
    return Library(code, tuple(names), wanted, clock, ir=ir, key=key, opt=opt, from_cache=True)


class _Clock:
    """Milliseconds between stops."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {"parse": 0.0, "optimise": 0.0, "generate": 0.0}
        self.begin = self.last = time.perf_counter()

    def stop(self, name: str) -> None:
        """The time since the last stop belongs to `name`."""
        now = time.perf_counter()
        self.times[name] = (now - self.last) * 1e3
        self.times["total"] = (now - self.begin) * 1e3
        self.last = now


def _link(code: bytes, names: tuple[str, ...], ir: str) -> Any:
    """Load object code; the result keeps it in memory and knows the addresses of `names`."""
    with lock:
        jit = _jit()
        builder = host().binding.JITLibraryBuilder()
        builder.add_object_img(code).add_jit_library("runtime")
        if runtime.needs_half(code):
            builder.add_jit_library(_half(jit))
        for name in names:
            builder.export_symbol(name)
        try:
            return builder.link(jit, f"library{next(_numbers)}")
        except RuntimeError as error:
            outside = set(re.findall(r'^declare [^@]*@"?(?!llvm\.)([\w.$-]+)', ir, re.M))
            outside -= set(runtime.addresses())
            called = ", ".join(sorted(outside))
            why = f"it calls {called}: addresses outside are passed as data" if called else error
            raise NativeError(f"LLVM cannot load the module: {why}") from None


def _jit() -> Any:
    """The one linker of the process, with the library of functions that LLVM calls by itself."""
    if not _jits:
        at_home = host()
        jit = at_home.binding.create_lljit_compiler(
            _machine(at_home.target, 2),
            use_jit_link=sys.platform != "win32",  # the newer linker; it knows little of Windows
            suppress_errors=True,
        )
        builder = at_home.binding.JITLibraryBuilder()
        for name, address in runtime.addresses().items():
            builder.import_symbol(name, address)
        _jits.extend((jit, builder.link(jit, "runtime")))
    return _jits[0]


def _half(jit: Any) -> str:
    """The name of the library of conversions of float16, which is compiled at its first use."""
    if len(_jits) == 2:
        code = _machine(Target("x86-64", ""), 2).emit_object(_parse(runtime.HALF))
        builder = host().binding.JITLibraryBuilder().add_object_img(code)
        _jits.append(builder.link(jit, "half"))
    return "half"


def assembly_for(ir: str, triple: str, cpu: str = "generic", features: str = "") -> str:
    """The machine code, as text, that LLVM makes of a module for another machine, optimised.

    NativeError if this build of LLVM does not know it.
    """
    binding = host().binding
    with lock:
        binding.initialize_all_targets()
        binding.initialize_all_asmprinters()
        try:
            kind = binding.Target.from_triple(triple)
        except RuntimeError as error:
            raise NativeError(str(error)) from None
        machine = kind.create_target_machine(cpu=cpu, features=features, opt=2, reloc="pic")
        module = _parse(ir)
        module.triple = triple
        _optimise(module, machine, 2)
        return machine.emit_assembly(module)
