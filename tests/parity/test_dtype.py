"""dtypes, sizes, devices and limits: texts, arithmetic and errors as PyTorch's."""

import itertools

import pytest
from side_by_side import assert_same, outcome

import dynagrad

torch = pytest.importorskip("torch")

GIVEN = "import copy, pickle; s = torch.Size([2, 3, 4]); d = torch.device('cpu')"

EXPRESSIONS = """
torch.float, torch.double, torch.half, torch.long, torch.int, torch.short, torch.bool
torch.cfloat, torch.cdouble, torch.uint8, torch.int8, torch.bfloat16, torch.uint16, torch.uint64
torch.float is torch.float32, torch.long is torch.int64
[t.itemsize for t in (torch.float16, torch.bool, torch.complex128, torch.int32, torch.bfloat16)]
[t.is_floating_point for t in (torch.float16, torch.bool, torch.complex128, torch.int32)]
[t.is_complex for t in (torch.float16, torch.complex128)]
[t.is_signed for t in (torch.float16, torch.bool, torch.uint8, torch.int8)]
torch.complex64.to_real(), torch.float64.to_complex(), torch.float32.to_complex()
copy.deepcopy(torch.float32) is torch.float32
pickle.loads(pickle.dumps(torch.int8)) is torch.int8
len({torch.float32, torch.float, torch.float64})
s, s[0], s[-1], s[1:], len(s), s.numel(), list(s)
s + (5,), s * 2, s == (2, 3, 4), hash(s) == hash((2, 3, 4))
torch.Size(), torch.Size((1,)), torch.Size([]).numel()
isinstance(s, tuple), tuple(s), s.index(3), s.count(2)
(1,) + s
pickle.loads(pickle.dumps(s))
d, str(d), d.type, d.index, torch.device('cpu:0'), torch.device('cpu', 0)
torch.device('cuda:1'), torch.device('cuda', 1).index, torch.device(type='cpu')
d == torch.device('cpu'), d == 'cpu', d == torch.device('cpu:0')
hash(d) == hash(torch.device('cpu'))
torch.device('cuda:1', 1)
torch.finfo(torch.float32), torch.finfo(torch.float16), torch.finfo(torch.float64)
torch.finfo(torch.float32).eps, torch.finfo(torch.float64).tiny, torch.finfo().max
torch.finfo(torch.complex64).dtype
torch.finfo(torch.int32)
torch.iinfo(torch.int8), torch.iinfo(torch.uint8), torch.iinfo(torch.int64)
torch.iinfo(torch.int32).max, torch.iinfo(torch.int16).bits, torch.iinfo(torch.int8).dtype
torch.iinfo(torch.float32)
torch.get_default_dtype()
torch.contiguous_format, torch.preserve_format, torch.strided, torch.sparse_coo
"""


@pytest.mark.parametrize("expression", EXPRESSIONS.strip().splitlines())
def test_as_pytorch(expression: str) -> None:
    assert_same(outcome(torch, expression, GIVEN), outcome(dynagrad, expression, GIVEN))


@pytest.mark.parametrize("expression", ["torch.device('foo')", "torch.device(1.5)"])
def test_errors_in_own_words(expression: str) -> None:
    reference = outcome(torch, expression)
    assert_same(reference, outcome(dynagrad, expression), own_words=True)


DTYPES = """
float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 bool complex64 complex128
""".split()


def test_promotion_of_every_pair() -> None:
    for a, b in itertools.product(DTYPES, DTYPES):
        for function in ("promote_types", "can_cast"):
            expression = f"torch.{function}(torch.{a}, torch.{b})"
            assert_same(outcome(torch, expression), outcome(dynagrad, expression))


OPERANDS = [
    *(f"torch.ones({shape}, dtype=torch.{d})" for shape in ("2", "()") for d in DTYPES),
    *("True", "2", "2.5", "2j"),
]


def test_result_type_of_every_pair_of_operands() -> None:
    pytest.importorskip("ml_dtypes")
    for a, b in itertools.product(OPERANDS, OPERANDS):
        expression = f"torch.result_type({a}, {b})"
        reference = outcome(torch, expression)
        if reference["value"] == "complex32":  # which NumPy lacks
            reference["value"] = "complex64"
        assert outcome(dynagrad, expression) == reference, expression
