"""What training scripts touch in passing: devices, backends, torch.compile, pytrees, timers."""

import collections
import inspect
import subprocess
import sys
import warnings

import pytest
from scenario import Cases, differences, run

torch = pytest.importorskip("torch")
pytest.importorskip("torch.utils._pytree")
pytest.importorskip("torch.utils.benchmark")

import dynagrad  # noqa: E402
import dynagrad.utils._pytree  # noqa: E402
import dynagrad.utils.benchmark  # noqa: E402

scenario = Cases()


@scenario
def devices(torch, say):
    spellings = ("cpu", "cpu:0", "cuda", "cuda:0", "cuda:12", "mps", "xpu:1", "meta")
    say([(d.type, d.index, str(d), repr(d)) for d in map(torch.device, spellings)])
    say(repr(torch.device("cuda", 1)), repr(torch.device(type="cuda", index=0)))
    say(torch.device("cuda:1") == torch.device("cuda", 1), torch.device("cpu") == "cpu")
    say(hash(torch.device("cuda:1")) == hash(torch.device("cuda", 1)))
    for wrong in ("foo", "cuda:a", "cuda:-1", "cuda:", "cuda:01", "", "CPU", 0, -1):
        say.error(torch.device, wrong)
    say.error(torch.device, "cuda:0", 1)
    say.error(torch.device, "cuda", -1)
    chosen = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    say(chosen.type, torch.ones(2).to(chosen), torch.ones(2).is_cuda)


@scenario
def other_devices_are_refused(torch, say):
    x, layer = torch.ones(2), torch.nn.Linear(2, 2)
    for device in ("cuda", "cuda:0", "mps", "xpu", "vulkan", 0):
        try:
            x.to(device)
        except Exception as error:
            say(type(error).__name__, str(error).split(":")[0].split("\n")[0].rstrip("."))
    for call in (x.cuda, layer.cuda, layer.xpu, lambda: torch.ones(2, device="cuda")):
        try:
            call()
        except Exception as error:
            say(type(error).__name__, str(error).split(":")[0])


@scenario
def cuda_without_cuda(torch, say):
    cuda = torch.cuda
    say(cuda.is_available(), cuda.device_count(), cuda.is_initialized(), cuda.is_bf16_supported())
    say(cuda.memory_allocated(), cuda.max_memory_allocated("cuda:0"), cuda.memory_reserved())
    say(cuda.empty_cache(), cuda.manual_seed(1), cuda.manual_seed_all(1), cuda.seed())
    say(dict(cuda.memory_stats()), cuda.get_rng_state_all(), cuda.set_rng_state_all([]))
    say(cuda.get_arch_list(), len(cuda.default_generators), cuda.set_device(-1))
    say.error(cuda.manual_seed, "a")
    say.error(cuda.set_device, "cpu")
    calls = "synchronize current_device get_device_name get_device_capability current_stream init "
    calls += "get_rng_state mem_get_info initial_seed ipc_collect"
    for name in calls.split():
        say.error(getattr(cuda, name))
    say.error(cuda.Stream)
    say.error(cuda.FloatTensor, 3)
    say(isinstance(torch.ones(1), cuda.FloatTensor))
    with cuda.stream(None), cuda.device(-1), cuda.device_of(torch.ones(1)):
        say(torch.ones(1))
    say.error(cuda.nvtx.range_push, "a")
    say(issubclass(cuda.OutOfMemoryError, RuntimeError), cuda.OutOfMemoryError.__name__)
    say(cuda.OutOfMemoryError is torch.OutOfMemoryError)


@scenario
def accelerators(torch, say):
    acc = torch.accelerator
    say(acc.is_available(), acc.device_count(), acc.current_accelerator())
    for name in "synchronize current_device_index current_stream empty_cache memory_stats".split():
        say.error(getattr(acc, name))
    say.error(acc.set_device_index, 0)
    say(torch.xpu.is_available(), torch.xpu.device_count(), torch.xpu.memory_allocated())
    say(torch.mps.is_available(), torch.mps.device_count(), torch.mps.manual_seed(0))
    for call in (torch.mps.empty_cache, torch.mps.synchronize, torch.xpu.synchronize):
        say.error(call)
    say([torch.get_device_module(n).__name__.split(".")[-1] for n in ("cpu", "cuda", None)])
    say.error(torch.get_device_module, "foo")


@scenario
def backends(torch, say):
    cudnn = torch.backends.cudnn
    say(cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, cudnn.version())
    before = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = True, True
    say(cudnn.benchmark, cudnn.deterministic)
    cudnn.benchmark, cudnn.deterministic = before
    with cudnn.flags(enabled=False, benchmark=True):
        say(cudnn.enabled, cudnn.benchmark)
    say(cudnn.enabled, cudnn.benchmark, cudnn.is_available())
    say(torch.backends.mps.is_available(), torch.backends.mps.is_built())
    say(torch.backends.cuda.is_built(), torch.backends.mkldnn.enabled)
    say(torch.backends.opt_einsum.is_available(), torch.backends.opt_einsum.enabled)
    say(torch.backends.cpu.get_cpu_capability())
    torch.set_float32_matmul_precision("high")
    say(torch.get_float32_matmul_precision())
    torch.set_float32_matmul_precision("highest")


@scenario
def processes(torch, say):
    d = torch.distributed
    say(d.is_initialized(), d.is_nccl_available(), d.is_torchelastic_launched())
    say.error(d.get_rank)
    say.error(d.barrier)
    say.error(torch.nn.parallel.DistributedDataParallel, torch.nn.Linear(2, 2))


@scenario
def compiling(torch, say):
    layer, f = torch.nn.Linear(2, 2), lambda x: x * 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        say(torch.compile(f, disable=True)(torch.ones(2)))
        layer.compile(mode="default", fullgraph=True)
    say.error(torch.compile, 3)
    say.error(torch.compile, f, mode="foo")
    say.error(torch.compile, f, mode="default", options={"a": 1})
    c = torch.compiler
    say(c.is_compiling(), c.is_exporting(), c.reset(), c.cudagraph_mark_step_begin())
    say(c.allow_in_graph(f) is f, c.assume_constant_result(f) is f)
    with c.set_stance("force_eager"):
        say(c.disable(f)(torch.ones(2)), c.disable()(f)(torch.ones(2)))
    say(c.wrap_numpy(lambda a: a + 1)(torch.ones(2)))


@scenario
def pytrees(torch, say):
    P = torch.utils._pytree
    point = collections.namedtuple("point", "x y")
    trees = [
        5,
        None,
        [],
        {"b": 1, "a": [2, (3, None)]},
        point(1, [2, {}]),
        collections.OrderedDict(b=1, a=2),
        collections.defaultdict(list, a=[1]),
        collections.deque([1, 2]),
    ]
    for tree in trees:
        leaves, spec = P.tree_flatten(tree)
        back = P.tree_unflatten(leaves, spec)
        say(leaves, spec.num_leaves, spec.num_children, spec.num_nodes, spec.is_leaf())
        say(back == tree, type(back) is type(tree), P.tree_is_leaf(tree))
    tree = {"a": [1, 2.5], "b": (torch.ones(()), "x")}
    say(P.tree_map(str, tree)["a"], P.tree_leaves(tree), list(P.tree_iter(tree)))
    say(P.tree_map(lambda a, b: a + b, [1, (2, 3)], [10, (20, 30)]))
    say(P.tree_map_only(int, lambda x: x * 10, tree)["a"])
    say(P.tree_map_only((int, float), lambda x: x * 10, tree)["a"])
    say(P.tree_map_only(lambda x: x == 1, lambda x: "one", tree)["a"])
    say(P.tree_map(len, [[1, 2], [3]], is_leaf=lambda x: x in ([1, 2], [3])))
    say(P.tree_all(lambda x: x, [1, 0]), P.tree_any(lambda x: x, [1, 0]))
    say(P.tree_all_only(int, lambda x: x > 0, tree), P.tree_any_only(str, str.isupper, tree))
    same = P.tree_structure([1, {"a": 2}]) == P.tree_structure([3, {"a": 4}])
    say(same, P.tree_structure([1]) == P.tree_structure((1,)))
    say.error(P.tree_map, max, [1, 2], [1])


@pytest.mark.parametrize("case", scenario, ids=lambda case: case.__name__)
def test_same_as_pytorch(case, monkeypatch):
    # PyTorch's lists of samples, once imported, let nobody set flags any more
    names = torch.backends.flags_frozen.__globals__
    monkeypatch.setitem(names, "__allow_nonbracketed_mutation_flag", True)
    found = differences(run(case, dynagrad), run(case, torch))
    if found:
        pytest.fail("\n".join(found[:12]), pytrace=False)


def test_settings_of_onednn_are_kept():
    mkldnn = dynagrad.backends.mkldnn
    with mkldnn.flags(enabled=False), mkldnn.verbose(mkldnn.VERBOSE_OFF):
        assert not mkldnn.enabled
    assert mkldnn.enabled and mkldnn.allow_tf32 is None
    with pytest.raises(RuntimeError, match="invalid torch.compile stance"):
        dynagrad.compiler.set_stance("foo")


@pytest.mark.parametrize("name", ["compile", "compiler.disable", "compiler.set_stance"])
def test_signatures(name):
    functions = []
    for library in (dynagrad, torch):
        for part in name.split("."):
            library = getattr(library, part)
        functions.append(library)
    ours, theirs = (
        [(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()]
        for f in functions
    )
    assert ours == theirs


def test_compile_makes_modules_and_functions_that_say_the_same():
    layer = dynagrad.nn.Linear(2, 2)
    x = dynagrad.ones(3, 2)
    expected = layer(x)
    compiled = dynagrad.compile(layer, mode="max-autotune")
    assert compiled._orig_mod is layer or compiled is layer  # the latter without llvmlite
    for _ in range(3):
        assert dynagrad.allclose(compiled(x), expected)
    layer.compile(fullgraph=True)
    for _ in range(3):
        assert dynagrad.allclose(layer(x), expected)

    @dynagrad.compile(fullgraph=True)
    def double(x):
        return x * 2

    assert [double(x).sum().item() for _ in range(3)] == [12.0] * 3


def test_timers():
    benchmark = dynagrad.utils.benchmark
    timer = benchmark.Timer("x + y", globals={"x": 1, "y": 2}, label="sum", description="ints")
    once = timer.timeit(100)
    assert once.number_per_run == 100 and len(once.times) == 1
    assert 0 < once.median == once.mean < 1
    assert "sum" in repr(once) and "ints" in repr(once) and "1 measurement, 100 runs" in repr(once)
    many = timer.blocked_autorange(min_run_time=0.01)
    assert sum(many.raw_times) >= 0.01 and many.median <= max(many.times)
    assert timer.adaptive_autorange(max_run_time=0.02).times
    (joined,) = benchmark.Measurement.merge([once, timer.timeit(100)])
    assert len(joined.times) == 2
    for wrong in ({"stmt": len}, {"language": "c++"}, {"global_setup": "x"}):
        with pytest.raises(ValueError):
            benchmark.Timer(**wrong)
    threads = dynagrad.get_num_threads()
    benchmark.Timer(num_threads=1).timeit(2)
    assert dynagrad.get_num_threads() == threads


@pytest.mark.parametrize(
    ("seconds", "unit"), [(3e-9, "ns"), (2e-6, "us"), (5e-3, "ms"), (3.0, "s"), (1e-12, "ns")]
)
def test_units(seconds, unit):
    assert dynagrad.utils.benchmark.select_unit(seconds)[0] == unit


PROGRAM = """
import torch, torch.hub
import torch._dynamo, torch._inductor.config
import torch.utils.model_zoo as model_zoo
from torch.hub import load_state_dict_from_url
from torch.cuda.amp import autocast, GradScaler
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.nn.utils.parametrizations import weight_norm
from torch.types import Device, Number
from torch.utils._pytree import tree_map

torch._dynamo.config.suppress_errors = True
torch._inductor.config.coordinate_descent_tuning = True
print(torch.version.cuda, torch.cuda.memory.memory_allocated(), torch.compiler.is_compiling())
for f in (lambda: load_state_dict_from_url("u"), lambda: model_zoo.load_url("u"),
          lambda: torch.hub.load("a/b", "m")):
    try:
        f()
    except RuntimeError as error:
        print(str(error).split(":")[0])
for name in ("fx", "ao.quantization", "quantization", "export"):
    try:
        exec(f"import torch.{name}")
    except ImportError as error:
        print(error)
try:
    torch.fx
except AttributeError as error:
    print(error)
"""


def test_a_script_that_imports_much(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    command = [sys.executable, "-m", "dynagrad", "run", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "None 0 False"
    assert lines[1:4] == [
        "torch.hub.load_state_dict_from_url('u')",
        "torch.hub.load_state_dict_from_url('u')",
        "torch.hub.load('a/b')",
    ]
    for line, word in zip(lines[4:], ("fx", "ao", "quantization", "export", "fx"), strict=True):
        assert word in line and "It is for" in line, line


def test_the_folder_of_downloads(monkeypatch):
    monkeypatch.setenv("TORCH_HOME", "cache")
    assert dynagrad.hub.get_dir() == torch.hub.get_dir()
