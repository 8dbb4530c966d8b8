"""Every public function inside transforms: vmap equals the loop, forward equals reverse mode,
vmap(grad) equals the loop. The calls are those of the parity tests.
"""

import re

import pytest

pytest.importorskip("torch")

from carried_calls import cases, check_jvp, check_vmap, check_vmap_of_grad  # noqa: E402

CASES = cases()
ids = pytest.mark.parametrize("case", CASES, ids=lambda case: case.text)

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
    ("argwhere(", "x", OUTPUT),
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


@ids
def test_vmap_equals_the_loop(case):
    names = tuple(case.arrays)
    for batched in sorted({(name,) for name in names} | {names}):
        refused_or(lambda b=batched: check_vmap(case, b), refusal(case, batched))


@ids
def test_forward_mode_is_the_transpose_of_reverse_mode(case):
    if case.text in NOT_TRANSPOSED:
        pytest.skip(NOT_TRANSPOSED[case.text])
    check_jvp(case)


@ids
def test_vmap_of_grad_equals_the_loop(case):
    refused_or(lambda: check_vmap_of_grad(case), refusal(case, tuple(case.arrays)))


def test_the_tables_were_found():
    assert len(CASES) > 1100
