"""Compiling LLVM IR and running it in this process, from source and from the cache."""

import ctypes
import gc
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from dynagrad.compiler.native import cache  # noqa: E402
from dynagrad.compiler.native import llvm as native
from dynagrad.compiler.native.llvm import NativeError, assembly_for, build, load  # noqa: E402
from dynagrad.compiler.native.target import LEVELS, Target, resolve, using_target  # noqa: E402

X86 = native.host().triple.startswith("x86_64")
x86 = pytest.mark.skipif(not X86, reason="levels of x86-64")

SQUARE = """\
define double @square(double %x) nounwind {
  %y = fmul double %x, %x
  ret double %y
}
"""
#: y[i] += a * x[i], as a loop of single elements that LLVM has to vectorise.
AXPY = """\
define void @axpy(ptr noalias %y, ptr noalias %x, float %a, i64 %n) nounwind {
entry:
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
  %px = getelementptr float, ptr %x, i64 %i
  %py = getelementptr float, ptr %y, i64 %i
  %vx = load float, ptr %px
  %vy = load float, ptr %py
  %product = fmul float %vx, %a
  %sum = fadd float %product, %vy
  store float %sum, ptr %py
  %next = add nuw nsw i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %end
end:
  ret void
}
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A fresh cache for each test."""
    for name in ("DYNAGRAD_CACHE", "DYNAGRAD_CACHE_SIZE", "DYNAGRAD_TARGET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DYNAGRAD_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def targets() -> list[str]:
    """Names of targets whose code runs here."""
    has = native.host().target.features.split(",")
    return ["native"] + [name for name, needs in LEVELS.items() if X86 and f"+{needs}" in has]


def axpy(library) -> None:
    """Run the function of AXPY and check what it computes."""
    f = library.function(
        *("axpy", None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_float, ctypes.c_int64)
    )
    x, y = np.arange(103, dtype="f4"), np.ones(103, dtype="f4")
    f(y.ctypes.data, x.ctypes.data, 3.0, 102)
    np.testing.assert_array_equal(y, [*(1 + 3 * x[:102]), 1])


# --- Building ------------------------------------------------------------------------------------


@pytest.mark.parametrize("opt", [0, 1, 2, 3])
def test_runs(opt):
    library = build(SQUARE + AXPY, opt=opt)
    assert library.function("square", ctypes.c_double, ctypes.c_double)(3.0) == 9.0
    assert library.names == ("square", "axpy")
    axpy(library)
    assert library.times["total"] >= library.times["parse"] + library.times["generate"] > 0


def test_levels_optimise():
    texts = [build(AXPY, opt=opt).optimised_ir() for opt in (0, 1, 2)]
    assert ["x float>" in text for text in texts] == [False, False, True]
    wasteful = SQUARE.replace("  ret", "  %z = mul i64 3, 4\n  %w = add i64 %z, 1\n  ret")
    assert "add i64" in build(wasteful, opt=0).optimised_ir()
    assert "add i64" not in build(wasteful, opt=1).optimised_ir()


def test_a_function_keeps_its_code():
    square = build(SQUARE, cached=False).function("square", ctypes.c_double, ctypes.c_double)
    for _ in range(20):
        build(AXPY, cached=False)
    gc.collect()
    assert square(5.0) == 25.0


def test_private_functions_have_no_address():
    library = build(SQUARE.replace("define double", "define internal double") + AXPY)
    assert library.names == ("axpy",)
    with pytest.raises(NativeError, match="no function 'square': there are axpy"):
        library.address("square")


def test_same_names_in_several_libraries():
    one = build(SQUARE)
    other = build(SQUARE.replace("fmul", "fadd"))
    results = [f.function("square", ctypes.c_double, ctypes.c_double)(5.0) for f in (one, other)]
    assert results == [25.0, 10.0]


def resident() -> int:
    """Bytes of memory that this process has."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("opt", [1, 2])
def test_dropping_a_library_frees_it(opt):
    def some():
        for _ in range(30):
            build(AXPY, opt=opt, cached=False)
        gc.collect()
        return resident()

    some()
    before = some()
    # LLVM's linker keeps 8 KB for each name of a library; lost passes would be another 100 KB.
    assert some() - before < 30 * 24_000


def test_several_threads():
    results = []

    def work(number):
        text = SQUARE.replace("%x, %x", f"%x, {number}.0")
        f = build(text).function("square", ctypes.c_double, ctypes.c_double)
        results.append(f(2.0) == 2.0 * number)

    threads = [threading.Thread(target=work, args=[n // 2]) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 12


# --- Errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (SQUARE.replace("%x, %x", "%x, 1"), r"line 2: %y = fmul double %x, 1"),
        (SQUARE.replace("%y\n", "%z\n"), r"undefined value '%z'(.|\n)*line 3: ret double %z"),
        (
            "define i32 @f(i1 %c) {\nentry:\n  br i1 %c, label %a, label %b\na:\n"
            "  %x = add i32 1, 2\n  br label %b\nb:\n  ret i32 %x\n}\n",
            r"does not dominate all uses(.|\n)*line 5: %x = add i32 1, 2\nline 8: ret i32 %x",
        ),
        ("declare void @far()\n" + AXPY.replace("ret", "call void @far()\n  ret"), "it calls far:"),
    ],
)
def test_what_is_wrong_is_said(wrong, words, capfd, place):
    with pytest.raises(NativeError, match=words):
        build(wrong)
    assert capfd.readouterr() == ("", "")
    assert not place.exists() or not list(place.glob("*.entry"))


def test_what_has_to_be_there(monkeypatch):
    binding = native.host().binding
    assert native.is_available()
    monkeypatch.setattr(native, "_hosts", [])
    monkeypatch.setattr(binding, "llvm_version_info", (15, 0, 7))
    with pytest.raises(ImportError, match="needs llvmlite 0.46 or newer"):
        build(SQUARE)
    assert not native.is_available()
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    with pytest.raises(ImportError, match=r"pip install 'dynagrad\[jit\]'"):
        build(SQUARE)
    assert not native.is_available()


# --- The cache -----------------------------------------------------------------------------------


def test_second_build_is_from_the_cache(monkeypatch):
    first = build(AXPY)
    monkeypatch.setattr(native, "_parse", None)
    second, third = build(AXPY), load(first.key)
    assert third is not None
    assert [lib.from_cache for lib in (first, second, third)] == [False, True, True]
    assert second.names == third.names == first.names
    assert (second.ir, third.ir) == (AXPY, "")
    axpy(second)
    axpy(third)
    with pytest.raises(NativeError, match="without its source"):
        third.assembly()


def test_what_tells_entries_apart(monkeypatch):
    builds = [{}, {"opt": 1}, {"cpu": "generic"}, {"cpu": "generic", "features": ""}]
    libraries = [build(AXPY, **options) for options in builds]
    assert [library.from_cache for library in libraries] == [False, False, False, True]
    monkeypatch.setattr(native, "_hosts", [native.host()._replace(version="1.2.3")])
    assert not build(AXPY).from_cache
    assert load(libraries[0].key) is None
    assert "llvm 1.2.3" in native.fingerprint()


@x86
def test_code_for_another_cpu_is_not_loaded():
    with using_target("x86-64"):
        key = build(AXPY).key
        assert load(key) is not None
    assert load(key) is None


def test_a_damaged_entry_is_built_again(place, caplog):
    key = build(AXPY).key
    (file,) = place.glob("*.entry")
    file.write_bytes(file.read_bytes()[:-100])
    again = build(AXPY)
    assert not again.from_cache
    assert "damaged" in caplog.text
    axpy(again)
    assert build(AXPY).from_cache
    assert again.key == key


def test_without_the_cache(place):
    assert build(AXPY, cached=False).key == ""
    assert not place.exists()


def test_in_another_process(place):
    """Nothing of this process is in the code: addresses least of all."""
    library = build(SQUARE + CALLS)
    code = (
        "import ctypes\nfrom dynagrad.compiler.native import llvm as native\n"
        f"library = native.load({library.key!r})\n"
        "f = library.function('square', ctypes.c_double, ctypes.c_double)\n"
        "g = library.function('remainder_of', ctypes.c_double, ctypes.c_double, ctypes.c_double)\n"
        "print(f(7.0), g(7.5, 2.0), library.from_cache)\n"
    )
    run = [sys.executable, "-c", code]
    result = subprocess.run(run, capture_output=True, text=True, check=True)
    assert result.stdout == "49.0 1.5 True\n"


# --- What LLVM calls by itself -------------------------------------------------------------------

CALLS = """\
define double @remainder_of(double %x, double %y) nounwind {
  %z = frem double %x, %y
  ret double %z
}
define void @fill(ptr %p, i64 %n) nounwind {
  call void @llvm.memset.p0.i64(ptr %p, i8 7, i64 %n, i1 false)
  ret void
}
define void @copy(ptr %p, ptr %q, i64 %n) nounwind {
  call void @llvm.memcpy.p0.p0.i64(ptr %p, ptr %q, i64 %n, i1 false)
  call void @llvm.memmove.p0.p0.i64(ptr %q, ptr %p, i64 %n, i1 false)
  ret void
}
define double @sine(double %x) nounwind {
  %y = call double @llvm.sin.f64(double %x)
  ret double %y
}
define float @power(float %x, float %y) nounwind {
  %z = call float @llvm.pow.f32(float %x, float %y)
  ret float %z
}
define void @round(ptr %p) nounwind {
  %x = load <8 x double>, ptr %p, align 8
  %y = call <8 x double> @llvm.roundeven.v8f64(<8 x double> %x)
  %z = call <8 x double> @llvm.fma.v8f64(<8 x double> %y, <8 x double> %x, <8 x double> %x)
  store <8 x double> %z, ptr %p, align 8
  ret void
}
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)
declare double @llvm.sin.f64(double)
declare float @llvm.pow.f32(float, float)
declare <8 x double> @llvm.roundeven.v8f64(<8 x double>)
declare <8 x double> @llvm.fma.v8f64(<8 x double>, <8 x double>, <8 x double>)
"""


@pytest.mark.parametrize("name", targets())
def test_calls_of_the_c_library(name):
    real, single, place, size = ctypes.c_double, ctypes.c_float, ctypes.c_void_p, ctypes.c_int64
    with using_target(name):
        for turn in range(2):
            library = build(CALLS)
            assert library.from_cache == bool(turn)
            assert library.function("remainder_of", real, real, real)(-7.5, 2.0) == -1.5
            assert library.function("sine", real, real)(2.0) == np.sin(2.0)
            assert library.function("power", single, single, single)(2.0, 5.0) == 32.0
            x, y = np.zeros(5000, "u1"), np.arange(5000).astype("u1")
            library.function("fill", None, place, size)(x.ctypes.data, 4000)
            assert x.sum() == 28000
            library.function("copy", None, place, place, size)(x.ctypes.data, y.ctypes.data, 5000)
            np.testing.assert_array_equal(x, y)
            v = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 1e100, 0.0, 3.75])
            expected = np.rint(v) * v + v
            library.function("round", None, place)(v.ctypes.data)
            np.testing.assert_array_equal(v, expected)


def conversion(source: str, target: str, op: str) -> str:
    """A function that converts an array."""
    return f"""\
define void @convert(ptr noalias %y, ptr noalias %x, i64 %n) nounwind {{
entry:
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
  %px = getelementptr {source}, ptr %x, i64 %i
  %py = getelementptr {target}, ptr %y, i64 %i
  %vx = load {source}, ptr %px
  %vy = {op} {source} %vx to {target}
  store {target} %vy, ptr %py
  %next = add nuw nsw i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %end
end:
  ret void
}}
"""


def converted(x: np.ndarray, kinds: str) -> np.ndarray:
    names = {"e": "half", "f": "float", "d": "double"}
    op = "fpext" if "edf".index(kinds[0]) < "edf".index(kinds[1]) and kinds[0] == "e" else "fptrunc"
    library = build(conversion(names[kinds[0]], names[kinds[1]], op))
    f = library.function("convert", None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    out = np.empty(x.size, kinds[1])
    f(out.ctypes.data, x.ctypes.data, x.size)
    return out


def halfway(dtype: str) -> np.ndarray:
    """Every float16, what lies half way between neighbours, a little below and above, and what has
    no float16 at all.
    """
    halves = np.arange(1 << 16, dtype="u2").view("e")
    finite = np.sort(halves[np.isfinite(halves)].astype("d"))
    middle = (finite[1:] + finite[:-1]) / 2
    ends = np.array([65519.999, 65520, 65520.001, 1e30, 1e300, 1e-40, 1e-300, np.inf, np.nan], "d")
    with np.errstate(over="ignore", under="ignore"):
        x = np.concatenate([finite, middle, middle * (1 + 1e-7), ends, -ends]).astype(dtype)
        near = [np.nextafter(x, np.array(side, dtype)) for side in (-np.inf, np.inf)]
    return np.concatenate([x, *near])


@pytest.mark.parametrize("name", targets())
@pytest.mark.parametrize("kinds", ["ef", "fe", "de"])
def test_float16(name, kinds):
    """As NumPy converts, bit for bit; of NaNs, that they are."""
    whole = np.arange(1 << 16, dtype="u2").view("e")
    x = whole if kinds[0] == "e" else halfway(kinds[0])
    with np.errstate(all="ignore"):
        expected = x.astype(kinds[1])
    with using_target(name):
        found = converted(x, kinds)
    bits = {"e": "u2", "f": "u4"}[kinds[1]]
    nan = np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(found), nan)
    np.testing.assert_array_equal(found.view(bits)[~nan], expected.view(bits)[~nan])


# --- Targets -------------------------------------------------------------------------------------


@x86
@pytest.mark.parametrize("name", targets()[1:])
def test_levels(name):
    registers = {"x86-64": "xmm", "x86-64-v2": "xmm", "x86-64-v3": "ymm", "x86-64-v4": "zmm"}
    with using_target(name):
        library = build(AXPY)
        axpy(library)
        text = library.assembly()
    used = {kind for kind in ("xmm", "ymm", "zmm") if f"%{kind}" in text}
    assert registers[name] in used
    assert max(used) == registers[name]


def test_the_environment_chooses(monkeypatch):
    monkeypatch.setenv("DYNAGRAD_TARGET", "x86-64" if X86 else "generic")
    assert native.target() == Target("x86-64" if X86 else "generic", "")
    with using_target("native"):
        assert native.target().cpu == native.host().target.cpu
    axpy(build(AXPY))


def test_a_target_that_cannot_run():
    host = Target("old", "+sse2,-avx2")
    assert resolve("native", host) == host
    assert resolve("x86-64", host) == Target("x86-64", "")
    with pytest.raises(ValueError, match=r"DYNAGRAD_TARGET=x86-64-v3: .*\(old\) has no avx2"):
        resolve("x86-64-v3", host)


def test_wide_vectors_are_used():
    host = Target("new", "+sse2,+avx2,+avx512vl")
    assert resolve("native", host).features == "+sse2,+avx2,+avx512vl,-prefer-256-bit"
    assert resolve("x86-64-v4", host) == Target("x86-64-v4", "-prefer-256-bit")
    assert resolve("x86-64-v3", host) == Target("x86-64-v3", "")


@pytest.mark.parametrize(
    ("triple", "cpu", "word"),
    [
        ("aarch64-unknown-linux-gnu", "generic", "fmul\tv"),
        ("arm64-apple-macosx", "apple-m1", "fmul.4s"),
        ("x86_64-unknown-linux-gnu", "x86-64-v4", "vmulps"),
    ],
)
def test_assembly_for_other_machines(triple, cpu, word):
    try:
        text = assembly_for(AXPY + CALLS, triple, cpu)
    except NativeError as error:
        pytest.skip(f"this build of LLVM knows no other machines: {error}")
    assert word in text


def test_no_such_machine():
    with pytest.raises(NativeError, match="No available targets"):
        assembly_for(AXPY, "abacus-unknown-none")


def test_fingerprint_names_all():
    text = native.fingerprint()
    assert cache.sources() in text
    assert f"llvm {native.host().version}" in text
    assert native.target().cpu in text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_compiles_in_a_forked_child():
    build(SQUARE, cached=False)
    busy = threading.Thread(target=lambda: [build(AXPY, cached=False) for _ in range(15)])
    busy.start()
    for _ in range(3):
        child = os.fork()
        if not child:
            f = build(SQUARE, cached=False).function("square", ctypes.c_double, ctypes.c_double)
            os._exit(0 if f(3.0) == 9.0 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    busy.join()
