"""Every public function inside transforms: vmap equals the loop, forward equals reverse mode,
vmap(grad) equals the loop. The calls are those of the parity tests.
"""

import re

import pytest

pytest.importorskip("torch")

from carried_calls import (  # noqa: E402
    batch_of,
    cases,
    check_jvp,
    check_refuses_gradient,
    check_vmap,
    check_vmap_of_grad,
    constant,
    gradient_of,
)

from dynagrad import func, stack, tensor  # noqa: E402

CASES = cases()


def over(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.text)


#: calls without a derivative, in PyTorch neither
UNDERIVED = [case for case in CASES if ".unique" in case.text]
DERIVED = [case for case in CASES if ".unique" not in case.text]
FIXING = [case for case in CASES if constant(case)]

#: The size of these results depends on values: (part of the call, the tensors that decide it).
MASKED, SELECTED = "We do not support batching operators that can support", "over `mask` in torch"
OUTPUT = "We do not support batching operators that can output dynamic shape"
DYNAMIC = [
    ("masked_select(m", "m", SELECTED),
    ("masked_select(x", "x", SELECTED),
    ("x[x>0]", "x", MASKED),
    ("y[x > 0] *=", "x", MASKED),
    ("m[m > ", "m", MASKED),
    ("x[:, m>0]", "m", MASKED),
    ("x[:, m > 0]", "m", MASKED),
    ("x[(m > 0)", "m", MASKED),
    (".nonzero(", "xms", OUTPUT),
    ("unique", "x", OUTPUT),
]
UNBATCHED = "vmap: inplace arithmetic"

#: calls in which reverse mode is not the transpose of forward mode, in PyTorch neither
NOT_TRANSPOSED = {
    "y = x.clone(); y[L([0, 0]), L([1, 1])] += 1; y": "one place is written twice",
    "F.embedding(t, w, padding_idx=2)": "reverse mode leaves the padding's row out",
    **dict.fromkeys(
        "m.half() m.bfloat16().float() m.cfloat() m.type(torch.float32)".split(),
        "single precision on the way",
    ),
    "m.to(torch.float32)": "single precision on the way",
    "torch.stack([m, m.float(), m.int()])": "single precision on the way",
}


def refusal(case, batched):
    """The words in which PyTorch refuses a batch of these tensors here; None if it does not."""
    for part, names, words in DYNAMIC:
        if part in case.text and any(name in names for name in batched):
            return words
    written = re.match(r"\w+ = (torch|\w+)(\.zeros\(3, d| \* 1;|(\.detach\(\))?\.clone)", case.text)
    written = written or re.match(r"(\w+)[\w.()]*\.clone\(\)\.(addmm|addr)_", case.text)
    if written and written[1] not in batched and "resize_as_" not in case.text:
        return UNBATCHED
    return None


def refused_or(check, words):
    """The check, or the refusal with these words."""
    if words is None:
        check()
        return
    with pytest.raises(RuntimeError, match=re.escape(words)):
        check()


@over(CASES)
def test_vmap_equals_the_loop(case):
    names = tuple(case.arrays)
    for batched in sorted({(name,) for name in names} | {names}):
        refused_or(lambda b=batched: check_vmap(case, b), refusal(case, batched))


@over(DERIVED)
def test_forward_mode_is_the_transpose_of_reverse_mode(case):
    if case.text in NOT_TRANSPOSED:
        pytest.skip(NOT_TRANSPOSED[case.text])
    check_jvp(case)


@over(DERIVED)
def test_vmap_of_grad_equals_the_loop(case):
    refused_or(lambda: check_vmap_of_grad(case), refusal(case, tuple(case.arrays)))


@over(UNDERIVED)
def test_calls_without_a_derivative_refuse_it(case):
    (a,) = case.arrays.values()
    x, no_derivative = tensor(a), "the derivative for '_?unique"
    gradient = gradient_of(case)
    with pytest.raises(NotImplementedError, match=no_derivative):
        check_jvp(case)
    with pytest.raises(NotImplementedError, match=no_derivative):
        gradient(x)
    with pytest.raises(RuntimeError, match=OUTPUT):
        func.vmap(gradient)(stack([tensor(b) for b in batch_of(case, "x")]))


@over(FIXING)
def test_inputs_without_a_derivative_refuse_to_require_grad(case):
    for name in constant(case):
        check_refuses_gradient(case, name)


def test_the_tables_were_found():
    assert len(CASES) > 1100
    assert len(UNDERIVED) == 10
    assert len(FIXING) > 20
