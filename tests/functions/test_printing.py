"""Goldens of tensor printing: the texts are what PyTorch 2.13 prints for the same values."""

import math
import sys

import numpy as np
import pytest

from dynagrad.functions.printing import (
    PRINT_OPTS,
    PrintOptions,
    format_spec,
    format_tensor,
    format_wrapped,
    get_printoptions,
    set_printoptions,
    suffixes_for,
)

nan, inf = math.nan, math.inf
DEFAULTS = {
    "precision": 4,
    "threshold": 1000,
    "edgeitems": 3,
    "linewidth": 80,
    "sci_mode": None,
}


@pytest.fixture(autouse=True)
def _default_options():
    set_printoptions(profile="default")
    yield
    set_printoptions(profile="default")


def f32(values):
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (f32([1, 2, 3]), "tensor([1., 2., 3.])"),
        (f32([0.5, -2.25, 100]), "tensor([  0.5000,  -2.2500, 100.0000])"),
        (f32([1, 1000]), "tensor([   1., 1000.])"),
        (f32([1, 1001]), "tensor([1.0000e+00, 1.0010e+03])"),
        (f32([0.5, 500]), "tensor([  0.5000, 500.0000])"),
        (f32([0.5, 500.5]), "tensor([5.0000e-01, 5.0050e+02])"),
        (f32(1e8), "tensor(100000000.)"),
        (f32(1e8 + 8), "tensor(1.0000e+08)"),
        (f32(1e-4), "tensor(1.0000e-04)"),
        (np.array(1e-4), "tensor(0.0001)"),
        (np.array([1e-308, 1e308]), "tensor([1.0000e-308, 1.0000e+308])"),
        (f32([0, -0.0]), "tensor([0., -0.])"),
        (f32([nan, inf, -inf]), "tensor([nan, inf, -inf])"),
        (f32([nan, -inf, 0, -0.0, 1]), "tensor([nan, -inf, 0., -0., 1.])"),
        (f32([nan, -inf, -0.0, 1.5]), "tensor([   nan,   -inf, -0.0000, 1.5000])"),
        (f32([inf, 0, 1e-5]), "tensor([       inf, 0.0000e+00, 1.0000e-05])"),
        (f32(nan), "tensor(nan)"),
        (f32(0), "tensor(0.)"),
        (f32(-1.5), "tensor(-1.5000)"),
        (np.array([1, -20]), "tensor([  1, -20])"),
        (
            np.array([1, 2**64 - 1], np.uint64),
            "tensor([                   1, 18446744073709551615])",
        ),
        (np.array([True, False]), "tensor([ True, False])"),
        (np.array(True), "tensor(True)"),
        (np.array(3, np.int8), "tensor(3)"),
        (np.array([0.1, 2], np.float16), "tensor([0.1000, 2.0000])"),
        (np.array(complex(nan, -inf)), "tensor(nan-infj)"),
        (np.array([1 + 2j, -1.5 - 100j, 0]), "tensor([ 1.0000+2.j, -1.5000-100.j,  0.0000+0.j])"),
        (
            np.array([1 + 1e-5j, -1.5 - 100j, 0]),
            "tensor([ 1.0000+1.0000e-05j, -1.5000-1.0000e+02j,  0.0000+0.0000e+00j])",
        ),
        (np.zeros(0), "tensor([])"),
        (np.zeros((2, 0, 3)), "tensor([])"),
        (f32([[1, 2], [3, 4]]), "tensor([[1., 2.],\n        [3., 4.]])"),
    ],
)
def test_values(array, text):
    assert format_tensor(array) == text


def test_bfloat16_prints_its_exact_value_in_float32():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([0.1, nan, 3e38], ml_dtypes.bfloat16)
    assert format_tensor(array[:2]) == "tensor([0.1001,    nan])"
    assert format_tensor(array) == "tensor([1.0010e-01,        nan, 3.0041e+38])"
    assert format_spec(array[0:1].reshape(()), "", str) == "0.10009765625"


def test_blank_lines_part_the_blocks_of_higher_dimensions():
    expected = """\
tensor([[[[0, 1]],

         [[2, 3]]],


        [[[4, 5]],

         [[6, 7]]]])"""
    assert format_tensor(np.arange(8).reshape(2, 2, 1, 2)) == expected


def test_lines_break_at_the_line_width():
    expected = """\
tensor([0.0000, 0.1429, 0.2857, 0.4286, 0.5714, 0.7143, 0.8571, 1.0000, 1.1429,
        1.2857, 1.4286])"""
    assert format_tensor(f32(np.arange(11) / 7)) == expected
    set_printoptions(linewidth=17)
    assert format_tensor(np.arange(3)) == "tensor([0, 1, 2])"
    set_printoptions(linewidth=10)
    assert format_tensor(np.arange(3)) == "tensor([0,\n        1,\n        2])"


def test_a_long_vector_is_summarised():
    assert format_tensor(f32(np.arange(1000))).count(",") == 999
    array = np.arange(1001)
    assert format_tensor(array) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"
    array[500] = 10**12  # Hidden values have no say in the width.
    assert format_tensor(array) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"


def test_a_big_block_is_summarised_in_each_long_dimension():
    expected = """\
tensor([[[ 0,  ...,  3],
         [ 4,  ...,  7]],

        ...,

        [[16,  ..., 19],
         [20,  ..., 23]]])"""
    set_printoptions(threshold=20, edgeitems=1)
    assert format_tensor(np.arange(24).reshape(3, 2, 4)) == expected


def test_no_edge_items_means_dots_and_a_size():
    set_printoptions(threshold=0, edgeitems=0)
    shape = (2, 3)
    suffixes = suffixes_for("int64", "float32", shape)
    assert format_tensor(np.ones(shape, int), suffixes=suffixes) == "tensor([...], size=(2, 3))"
    assert suffixes_for("float32", "float32", ()) == ["size=()"]
    assert format_tensor(f32(1)) == "tensor(1.)"
    assert suffixes_for("float32", "float32", (0,)) == []
    assert suffixes_for("float32", "float32", (3,), device="meta") == ["device='meta'", "size=(3,)"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"precision": 2}, "tensor([ 0.12, 10.00])"),
        ({"precision": 0}, "tensor([ 0, 10])"),
        ({"profile": "short"}, "tensor([ 0.12, 10.00])"),
        ({"profile": "short", "precision": 3}, "tensor([ 0.123, 10.000])"),
        ({"sci_mode": True}, "tensor([1.2300e-01, 1.0000e+01])"),
        ({"sci_mode": True, "precision": 1}, "tensor([1.2e-01, 1.0e+01])"),
    ],
)
def test_options_change_the_notation(options, text):
    set_printoptions(**options)
    assert format_tensor(f32([0.123, 10])) == text


def test_sci_mode_off_and_on_against_the_values():
    set_printoptions(sci_mode=False)
    assert format_tensor(f32([1e-5, 1])) == "tensor([0.0000, 1.0000])"
    assert format_tensor(f32([1e9, inf])) == "tensor([1000000000.,         inf])"
    set_printoptions(sci_mode=True)
    assert format_tensor(f32([0, nan])) == "tensor([0., nan])"
    assert format_tensor(f32([1, inf])) == "tensor([1.0000e+00,        inf])"


def test_profiles_set_everything_and_each_call_sets_sci_mode():
    set_printoptions(precision=7, linewidth=33, sci_mode=True)
    assert get_printoptions() == DEFAULTS | {"precision": 7, "linewidth": 33, "sci_mode": True}
    set_printoptions(edgeitems=5)
    assert get_printoptions() == DEFAULTS | {"precision": 7, "linewidth": 33, "edgeitems": 5}
    set_printoptions(profile="no such profile")
    assert get_printoptions() == DEFAULTS | {"precision": 7, "linewidth": 33, "edgeitems": 5}
    set_printoptions(profile="full")
    assert get_printoptions() == DEFAULTS | {"threshold": inf}
    set_printoptions(3, 10, 2, 40, "short", True)
    assert get_printoptions() == {
        "precision": 3,
        "threshold": 10,
        "edgeitems": 2,
        "linewidth": 40,
        "sci_mode": True,
    }
    set_printoptions(profile="default")
    assert get_printoptions() == DEFAULTS
    assert vars(PRINT_OPTS) == vars(PrintOptions())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"precision": "a"}, ValueError, "precision must be an integer, not 'a'"),
        ({"precision": 2.0}, ValueError, "precision must be an integer, not 2.0"),
        ({"precision": -1}, ValueError, "precision must be 0 or more, not -1"),
        ({"edgeitems": 1.5}, TypeError, "edgeitems must be an integer, not 1.5"),
        ({"edgeitems": -1}, ValueError, "edgeitems must be 0 or more, not -1"),
        ({"threshold": "x"}, TypeError, "threshold must be a number, not 'x'"),
        ({"linewidth": "q"}, TypeError, "linewidth must be a number, not 'q'"),
        ({"linewidth": inf}, OverflowError, "sys.maxsize"),
        ({"bogus": 1}, TypeError, "unexpected keyword argument 'bogus'"),
    ],
)
def test_bad_options_are_refused_and_change_nothing(options, error, message):
    set_printoptions(precision=6)
    with pytest.raises(error, match=message):
        set_printoptions(**{"profile": "short", **options})
    assert get_printoptions() == DEFAULTS | {"precision": 6}


def test_a_line_is_never_broken_at_the_widest_line_width():
    set_printoptions(linewidth=sys.maxsize)
    assert "\n" not in format_tensor(np.arange(999))


@pytest.mark.parametrize(
    ("dtype", "default", "shape", "more", "suffixes"),
    [
        ("float32", "float32", (2,), {}, []),
        ("int64", "float32", (2,), {}, []),
        ("bool", "float32", (), {}, []),
        ("complex64", "float32", (2,), {}, []),
        ("complex64", "bfloat16", (2,), {}, []),
        ("complex64", "float64", (2,), {}, ["dtype=torch.complex64"]),
        ("complex128", "float64", (2,), {}, []),
        ("complex128", "float32", (2,), {}, ["dtype=torch.complex128"]),
        ("float32", "float64", (2,), {}, ["dtype=torch.float32"]),
        ("int32", "float32", (2,), {}, ["dtype=torch.int32"]),
        ("float32", "float32", (0,), {}, []),
        ("int64", "float32", (0,), {}, ["dtype=torch.int64"]),
        ("bool", "float32", (0, 3), {}, ["size=(0, 3)", "dtype=torch.bool"]),
        ("complex64", "float32", (0,), {}, ["dtype=torch.complex64"]),
        ("float32", "float32", (2,), {"requires_grad": True}, ["requires_grad=True"]),
        (
            "float64",
            "float32",
            (2,),
            {"requires_grad": True, "grad_fn_name": "MulBackward0"},
            ["dtype=torch.float64", "grad_fn=<MulBackward0>"],
        ),
        ("float32", "float32", (2,), {"grad_fn_name": "Invalid"}, ["grad_fn=<Invalid>"]),
        (
            "int64",
            "float32",
            (),
            {"device": "meta"},
            ["device='meta'", "size=()", "dtype=torch.int64"],
        ),
        (
            "float32",
            "float32",
            (1,),
            {"requires_grad": True, "tangent": "tensor([3.])"},
            ["requires_grad=True", "tangent=tensor([3.])"],
        ),
    ],
)
def test_suffixes(dtype, default, shape, more, suffixes):
    assert suffixes_for(dtype, default, shape, **more) == suffixes


def test_suffixes_go_to_a_new_line_where_they_do_not_fit():
    suffixes = ["dtype=torch.float64", "grad_fn=<MulBackward0>"]
    array = np.full(10, 0.25)
    assert format_tensor(array[:3], suffixes=suffixes) == (
        "tensor([0.2500, 0.2500, 0.2500], dtype=torch.float64, grad_fn=<MulBackward0>)"
    )
    assert format_tensor(array[:4], suffixes=suffixes) == (
        "tensor([0.2500, 0.2500, 0.2500, 0.2500], dtype=torch.float64,\n"
        "       grad_fn=<MulBackward0>)"
    )
    assert format_tensor(array, suffixes=suffixes, prefix="My(") == (
        "My([0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500,\n"
        "    0.2500], dtype=torch.float64, grad_fn=<MulBackward0>)"
    )


@pytest.mark.parametrize(
    ("linewidths", "broken_before"),
    [
        ((10, 29), ["size", "dtype", "grad_fn"]),
        ((30, 49), ["dtype", "grad_fn"]),
        ((50, 50), ["dtype"]),
        ((51, 74), ["grad_fn"]),
        ((75, 200), []),
    ],
)
def test_the_columns_at_which_suffixes_break(linewidths, broken_before):
    suffixes = ["size=(0, 1, 1, 1)", "dtype=torch.float64", "grad_fn=<MulBackward0>"]
    expected = "tensor([], size=(0, 1, 1, 1), dtype=torch.float64, grad_fn=<MulBackward0>)"
    for name in broken_before:
        expected = expected.replace(f", {name}=", f",\n       {name}=")
    for linewidth in linewidths:
        set_printoptions(linewidth=linewidth)
        assert format_tensor(np.zeros((0, 1, 1, 1)), suffixes=suffixes) == expected


def test_the_columns_at_which_values_break():
    numbers = np.array([1 + 2j, 3 - 1j])
    matrix = np.array([[0.5, 1.0]])
    set_printoptions(linewidth=23)
    assert format_tensor(numbers) == "tensor([1.+2.j, 3.-1.j])"
    assert format_tensor(matrix) == "tensor([[0.5000,\n         1.0000]])"
    set_printoptions(linewidth=22)
    assert format_tensor(numbers) == "tensor([1.+2.j,\n        3.-1.j])"
    set_printoptions(linewidth=24)
    assert format_tensor(matrix) == "tensor([[0.5000, 1.0000]])"


def test_contents_stand_in_for_the_values():
    assert format_tensor(np.ones(3), contents="...", suffixes=["device='meta'"]) == (
        "tensor(..., device='meta')"
    )


def test_wrapped_tensors_are_indented_at_each_level():
    batched = format_wrapped("BatchedTensor", 1, "tensor([[1.],\n        [1.]])", bdim=0)
    assert (
        format_wrapped("GradTrackingTensor", 2, batched)
        == """\
GradTrackingTensor(lvl=2, value=
    BatchedTensor(lvl=1, bdim=0, value=
        tensor([[1.],
                [1.]])
    )
)"""
    )


def test_format_of_a_scalar_is_that_of_its_python_number():
    scalar = f32(0.1)
    assert format_spec(scalar, ".3f", str) == "0.100"
    assert format_spec(scalar, "", str) == "0.10000000149011612"
    assert format_spec(np.array(3), "5d", str) == "    3"
    assert format_spec(np.array(True), "", str) == "True"
    assert format_spec(np.array(1j), ".2f", str) == "0.00+1.00j"
    with pytest.raises(ValueError, match="Unknown format code 'd' for object of type 'float'"):
        format_spec(scalar, "d", str)


def test_format_of_all_else_is_the_repr_and_takes_no_spec():
    assert format_spec(f32([1]), "", lambda: "the repr") == "the repr"
    assert format_spec(f32(1), "", lambda: "the repr", type_name="Parameter") == "the repr"
    with pytest.raises(TypeError, match=r"passed to Tensor.__format__: '.2f' for shape \(1,\)"):
        format_spec(f32([1]), ".2f", lambda: "the repr")
    with pytest.raises(TypeError, match=r"unsupported format string passed to Parameter.__form"):
        format_spec(f32(1), ".2f", lambda: "the repr", type_name="Parameter")
