"""Under the alias, `torch` is dynagrad: modules, names, versions, pickles, errors."""

import ast
import importlib.util
import os
import sys
from pathlib import Path

import pytest
from launching import PLAINLY, UNDER_DYNAGRAD, launch, printed, write

import dynagrad
from dynagrad.alias import TORCH_VERSION, missing_attribute
from dynagrad.torch_version import TorchVersion

# Tells how a statement ends: "no error", or the error's type and text.
TRY = """\
def tried(statement):
    try:
        exec(statement, {})
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "no error"
"""


def tried(statements: list[str], folder: Path, **settings: str) -> list[str]:
    """How each statement ends in one process under the alias."""
    code = TRY + f"print([tried(statement) for statement in {statements!r}])"
    return ast.literal_eval(printed(code, folder, **settings))


# --- Modules ---------------------------------------------------------------------------------

SAME = """
import torch, torch.nn as nn; assert nn is torch.nn is dynagrad.nn
import torch as th; assert th.nn.functional is dynagrad.nn.functional
import torch.nn.functional as F; assert F is dynagrad.nn.functional
from torch import nn, optim; assert nn is dynagrad.nn and optim is dynagrad.optim
from torch.optim.lr_scheduler import StepLR; assert StepLR is dynagrad.optim.lr_scheduler.StepLR
from torch.nn.modules.linear import Linear; assert Linear is dynagrad.nn.Linear
from torch.nn.parameter import Parameter; assert Parameter is dynagrad.nn.Parameter
import torch.autograd, torch.utils; assert torch.autograd is dynagrad.autograd
import torch.version; assert torch.version.__version__ == torch.__version__
import importlib; assert importlib.import_module("torch.optim") is dynagrad.optim
import importlib; import torch; importlib.reload(torch); assert torch.nn is dynagrad.nn
import sys, torch.nn; assert sys.modules["torch.nn"] is sys.modules["dynagrad.nn"]
import sys, torch as a; del sys.modules["torch"]; import torch as b; assert a is b
from torch import *; assert tanh is dynagrad.tanh and Tensor is dynagrad.Tensor
import torch; dynagrad.alias_torch(); import torch as again; assert again is torch
import torch; assert torch.Tensor is dynagrad.Tensor and torch.tanh is dynagrad.tanh
import torch; assert {"nn", "tanh", "Tensor", "version"} <= set(dir(torch))
import inspect, torch; assert "class Linear" in inspect.getsource(torch.nn.Linear)
""".strip().splitlines()


def test_modules_and_names_are_dynagrads(tmp_path: Path) -> None:
    ends = tried([f"import dynagrad; {statement}" for statement in SAME], tmp_path)
    assert dict(zip(SAME, ends, strict=True)) == dict.fromkeys(SAME, "no error")


@pytest.mark.parametrize("statement", SAME)
def test_modules_need_no_other_import_before(statement: str, tmp_path: Path) -> None:
    assert printed(f"import dynagrad; {statement}; print('good')", tmp_path) == "good\n"


def test_search_without_import(tmp_path: Path) -> None:
    code = """\
        from importlib.util import find_spec
        found = ("torch", "torch.nn", "torch.optim.lr_scheduler", "torch.version")
        assert all(find_spec(name).name for name in found)
        import torch
        assert all(find_spec(name).name for name in found)
        absent = ("torch.nothing", "torch.nn.nothing", "torch._C", "torch.core")
        print([find_spec(name) for name in absent], torch.__spec__.name, torch.__name__)
        """
    assert printed(code, tmp_path) == "[None, None, None, None] torch torch\n"


def test_no_file_of_pytorch_is_loaded(tmp_path: Path) -> None:
    code = """\
        import os, sys
        import torch, torch.nn, torch.optim, torch.autograd, torch.utils
        files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
        print([name for name in files if os.sep + "torch" + os.sep in name])
        """
    assert printed(code, tmp_path) == "[]\n"


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_worker_processes_take_the_alias_over(tmp_path: Path, method: str) -> None:
    if sys.platform == "win32" and method != "spawn":
        pytest.skip("Windows has spawn alone")
    code = f"""\
        import multiprocessing
        import torch
        import torch.nn as nn

        def work(queue):
            import dynagrad
            queue.put((torch.__version__, nn is dynagrad.nn, "dynagrad" in torch.__file__))

        if __name__ == "__main__":
            context = multiprocessing.get_context("{method}")
            queue = context.Queue()
            worker = context.Process(target=work, args=(queue,))
            worker.start()
            print(*queue.get(timeout=60))
            worker.join()
        """
    path = write(tmp_path / "program.py", code)
    done = launch(UNDER_DYNAGRAD, str(path), folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{TORCH_VERSION} True True\n"), done.stderr


def test_setting_a_name_reaches_dynagrad(tmp_path: Path) -> None:
    code = """\
        import dynagrad, torch
        from unittest import mock
        tanh = torch.tanh
        with mock.patch("torch.tanh", "other"):
            assert torch.tanh == dynagrad.tanh == "other"
        assert torch.tanh is dynagrad.tanh is tanh
        torch.mine = 1
        assert dynagrad.mine == 1
        del torch.mine
        assert not hasattr(torch, "mine") and not hasattr(dynagrad, "mine")
        torch.__version__ = "0"
        print(dynagrad.__version__)
        """
    assert printed(code, tmp_path) == f"{dynagrad.__version__}\n"


# --- Names of classes and functions, pickles ------------------------------------------------


def test_classes_and_functions_say_torch(tmp_path: Path) -> None:
    code = """\
        import torch
        import torch.nn.functional
        print(torch.Tensor, torch.Size, torch.nn.Linear, torch.nn.Parameter, torch.no_grad)
        print(torch.optim.SGD, torch.optim.lr_scheduler.StepLR, torch.tanh.__module__)
        print(torch.nn.functional.linear.__module__)
        """
    assert printed(code, tmp_path).splitlines() == [
        "<class 'torch.Tensor'> <class 'torch.Size'> <class 'torch.nn.modules.linear.Linear'> "
        "<class 'torch.nn.parameter.Parameter'> <class 'torch.autograd.grad_mode.no_grad'>",
        "<class 'torch.optim.sgd.SGD'> <class 'torch.optim.lr_scheduler.StepLR'> torch",
        "torch.nn.functional",
    ]


def test_names_stay_dynagrads_without_the_alias() -> None:
    assert dynagrad.Tensor.__module__.startswith("dynagrad.")
    assert dynagrad.nn.Linear.__module__ == "dynagrad.nn.modules.linear"


def test_pickles_say_torch_and_load_again(tmp_path: Path) -> None:
    code = """\
        import pathlib, pickle, torch
        values = [torch.Tensor, torch.nn.Linear, torch.optim.SGD, torch.no_grad, torch.tanh]
        text = pickle.dumps(values)
        assert b"dynagrad" not in text
        assert all(a is b for a, b in zip(pickle.loads(text), values, strict=True))
        pathlib.Path("pickled").write_bytes(text)
        """
    printed(code, tmp_path)
    later = "import pathlib, pickle; print(pickle.loads(pathlib.Path('pickled').read_bytes())[1])"
    assert printed(later, tmp_path) == "<class 'torch.nn.modules.linear.Linear'>\n"


# --- What is missing -------------------------------------------------------------------------

LACKING = f"dynagrad {dynagrad.__version__} lacks it."


def test_missing_names_are_named_with_their_neighbours(tmp_path: Path) -> None:
    cases = {
        "import torch; torch.tahn": (
            f"AttributeError: module 'torch' has no attribute 'tahn': {LACKING} Near names: ",
            "torch.tanh",
        ),
        "import torch; torch.SIZE": ("AttributeError: module 'torch' has no", "torch.Size"),
        "import torch.nn; torch.Linear": (
            "AttributeError: module 'torch' has no",
            "torch.nn.Linear",
        ),
        "import torch; torch.nn.tanh": ("AttributeError: module 'torch.nn' has", "torch.tanh"),
        "import torch; torch.nn.Linaer": (
            f"AttributeError: module 'torch.nn' has no attribute 'Linaer': {LACKING}",
            "torch.nn.Linear",
        ),
        "import torch; torch.optim.Sgd": (
            "AttributeError: module 'torch.optim'",
            "torch.optim.SGD",
        ),
        "from torch import tahn": (
            f"ImportError: cannot import name 'tahn' from 'torch': {LACKING} Near names: ",
            "torch.tanh",
        ),
        "from torch.nn import Linaer": (
            f"ImportError: cannot import name 'Linaer' from 'torch.nn': {LACKING}",
            "torch.nn.Linear",
        ),
        "from torch.nn.functional import rleu": (
            f"ImportError: cannot import name 'rleu' from 'torch.nn.functional': {LACKING}",
            "torch.nn.functional.relu",
        ),
        "import torch.qqqq": (f"ModuleNotFoundError: No module named 'torch.qqqq': {LACKING}", ""),
        "import torch.nn.qqqq.deep": ("ModuleNotFoundError: No module named 'torch.nn.qqqq'", ""),
        "import torch.nn.Linear": ("ModuleNotFoundError: No module named 'torch.nn.Linear'", ""),
        "import torch.optm": ("ModuleNotFoundError: No module named 'torch.optm'", "torch.optim"),
        "import torch.core": ("ModuleNotFoundError: No module named 'torch.core'", ""),
        "import torch; torch.ops.aten": (
            "AttributeError: module 'torch' has no",
            "",
        ),
        "import torch; torch._prims": ("AttributeError: module 'torch'", "PyTorch's public API"),
        "import torch; torch.__nothing__": (
            "AttributeError: module 'torch' has no attribute '__nothing__'",
            "",
        ),
        "import dynagrad; dynagrad.tahn": (
            f"AttributeError: module 'dynagrad' has no attribute 'tahn': {LACKING}",
            "dynagrad.tanh",
        ),
    }
    for (statement, (start, word)), end in zip(
        cases.items(), tried(list(cases), tmp_path), strict=True
    ):
        assert end.startswith(start), f"{statement}: {end}"
        assert word in end, f"{statement}: {end}"


def test_probing_works(tmp_path: Path) -> None:
    code = """\
        import torch
        names = ("tanh", "qqqq", "_C", "nn", "core", "__wrapped__")
        print([hasattr(torch, name) for name in names], hasattr(torch.nn, "Qqqq"))
        print(getattr(torch, "qqqq", "default"), getattr(torch.optim, "Qqqq", None))
        """
    expected = "[True, False, False, True, False, False] False\ndefault None\n"
    assert printed(code, tmp_path) == expected


def test_python_adds_no_second_suggestion(tmp_path: Path) -> None:
    done = launch(UNDER_DYNAGRAD, "-c", "import torch; torch.tahn", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("torch.tanh") == 1
    assert "Did you mean" not in done.stderr


def test_a_mistake_inside_a_module_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise AttributeError(
            f"'NoneType' object has no attribute 'shape' (for {name})", name="shape"
        )

    monkeypatch.setattr(dynagrad, "__getattr__", broken)
    torch = importlib.import_module("dynagrad.alias").TorchModule()
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'shape'"):
        _ = torch.qqqq


def test_missing_attribute_without_neighbours() -> None:
    error = missing_attribute("torch", "qqqq", ["tanh"])
    assert str(error) == f"module 'torch' has no attribute 'qqqq': {LACKING}"
    assert error.name == "qqqq"


# --- Libraries that need PyTorch itself -----------------------------------------------------

EXTENSION = "PyTorch's C extension"


def test_c_extension_is_refused_with_the_reason(tmp_path: Path) -> None:
    statements = [
        "import torch._C",
        "from torch._C import _get_tracing_state",
        "import torch; torch._C",
        "import torch.utils.cpp_extension",
        "from torch.utils import cpp_extension",
        "from torch.utils.cpp_extension import load_inline",
    ]
    for statement, end in zip(statements, tried(statements, tmp_path), strict=True):
        assert end.split(":")[0] in ("ModuleNotFoundError", "AttributeError"), statement
        assert f"This program needs {EXTENSION} (torch." in end, f"{statement}: {end}"
        assert "pure Python on NumPy" in end


def test_library_that_needs_the_c_extension_is_named(tmp_path: Path) -> None:
    write(tmp_path / "visionary" / "__init__.py", "from . import boxes")
    write(tmp_path / "visionary" / "boxes.py", "from torch._C import _nms")
    (end,) = tried(["import visionary"], tmp_path)
    assert end.startswith("ModuleNotFoundError: No module named 'torch._C': 'visionary' needs ")
    assert EXTENSION in end


def test_compiled_library_gets_a_note(tmp_path: Path) -> None:
    code = "raise ImportError('libtorch_cpu.so: cannot open shared object file: No such file')"
    done = launch(UNDER_DYNAGRAD, "-c", code, folder=tmp_path)
    assert done.returncode == 1
    assert f"was built against {EXTENSION}" in done.stderr
    done = launch(UNDER_DYNAGRAD, "-c", "raise ImportError('libother.so')", folder=tmp_path)
    assert EXTENSION not in done.stderr


def test_pytorch_imported_before_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "torch.py", "__version__ = '9.9.9'")
    code = "import torch, dynagrad; dynagrad.alias_torch()"
    write(tmp_path / "program.py", code)
    done = launch(PLAINLY, "program.py", folder=tmp_path)
    assert done.returncode == 1
    assert "RuntimeError: PyTorch itself (9.9.9" in done.stderr
    assert "Call dynagrad.alias_torch() before the first `import torch`" in done.stderr
    assert "dynagrad run" in done.stderr


def test_installed_pytorch_is_never_reached(tmp_path: Path) -> None:
    write(tmp_path / "installed" / "torch" / "__init__.py", "raise SystemExit('reached')")
    write(tmp_path / "installed" / "torch" / "nn.py", "raise SystemExit('reached')")
    write(tmp_path / "installed" / "torch" / "qqqq.py", "raise SystemExit('reached')")
    path = os.pathsep.join([str(tmp_path / "installed"), os.environ.get("PYTHONPATH", "")])
    ends = tried(["import torch, torch.nn", "import torch.qqqq"], tmp_path, PYTHONPATH=path)
    assert ends[0] == "no error"
    assert ends[1].startswith("ModuleNotFoundError: No module named 'torch.qqqq'")


# --- The version -----------------------------------------------------------------------------


def test_version(tmp_path: Path) -> None:
    code = """\
        import torch, dynagrad
        print(torch.__version__, dynagrad.__version__, torch.version.cuda, torch.version.hip)
        print(torch.__version__ >= "2.4", torch.__version__ > (1, 13), type(torch.__version__))
        """
    assert printed(code, tmp_path).splitlines() == [
        f"2.13.0+dynagrad {dynagrad.__version__} None None",
        "True True <class 'torch.torch_version.TorchVersion'>",
    ]


VERSIONS = [
    "1.9",
    "2",
    "2.2.0",
    "2.4",
    "2.13",
    "2.13.0",
    "2.13.1",
    "2.14",
    "10.0",
    "2.13.0+dynagrad",
]


@pytest.mark.parametrize("other", [*VERSIONS, (2, 13), (1, 9, 1), (3,)], ids=str)
def test_version_compares_as_pytorchs(other: str | tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.torch_version.TorchVersion("2.13.0+dynagrad")
    ours = TorchVersion("2.13.0+dynagrad")
    assert [ours < other, ours <= other, ours > other, ours >= other] == [
        theirs < other,
        theirs <= other,
        theirs > other,
        theirs >= other,
    ]
    assert (ours == other, ours != other) == (theirs == other, theirs != other)


def test_version_is_a_text() -> None:
    version = TorchVersion("2.13.0+dynagrad")
    assert version == "2.13.0+dynagrad"
    assert version.split("+") == ["2.13.0", "dynagrad"]
    assert {version: 1}["2.13.0+dynagrad"] == 1
    assert version < "main"  # no version number: compared as texts
