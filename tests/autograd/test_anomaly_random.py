"""Random programs in which exactly one line makes the first nan: the report must name that line."""

import linecache
import warnings
from itertools import count

import numpy as np
from anomalies import culprit
from hypothesis import given
from hypothesis import strategies as st

import dynagrad as torch

_number = count()

#: lines that keep values finite and derivatives finite and nonzero
SAFE = [
    "{new} = torch.sin({old})",
    "{new} = torch.tanh({old}) + 0.25",
    "{new} = torch.exp(-{old})",
    "{new} = {old} * 1.5 + 0.125",
    "{new} = {old} * weights",
    "{new} = {old} @ matrix",
    "{new} = {old}.t().contiguous().t()",
    "{new} = {old} + {old}.sum(0, keepdim=True)",
    "{new} = torch.cat([{old}[:1], {old}[1:]])",
    "{new} = torch.sigmoid({old}).reshape(3, 3)",
    "{new} = ({old} * 1).mul_(0.5)",
    "{new} = torch.where({old} > 0, {old} * 2, {old} * 3)",
]
#: two lines each, of which the second makes the first nan or infinity
FORWARD = [
    ("s = {old} * {old} + 1", "{new} = torch.log(-s)"),
    ("s = {old} * {old} + 1", "{new} = torch.sqrt(-s)"),
    ("s = {old} * 0", "{new} = s / s.detach()"),
    ("s = {old} * {old} + 2", "{new} = torch.acos(s)"),
    ("s = ({old} * {old} + 1) * 1000", "{new} = torch.exp(s) - torch.exp(s)"),
    ("s = {old} * {old} + 1", "{new} = s.detach().neg().sqrt_() * {old}"),
]
BACKWARD = [
    ("s = {old} * 0", "{new} = torch.sqrt(s)"),
    ("s = {old} * 0", "{new} = s ** 0.5"),
    ("s = {old} * 0 + 1", "{new} = torch.acos(s)"),
    ("s = {old} * 0", "{new} = torch.where(s > 0, torch.log(s), s)"),
]


def build(before, bad, after):
    """A program as source text, and the number of the line to blame (0 without a bad one)."""
    lines, old = [], "x"
    for i, template in enumerate([*before, *(bad or ()), *after]):
        lines.append(template.format(old=old, new=f"v{i}"))
        if not lines[-1].startswith("s ="):
            old = f"v{i}"
    lines.append(f"{old}.mean().backward()")
    return lines, len(before) + 2 if bad else 0


def execute(lines):
    """Run a program under anomaly mode: its error or None, its warnings, the name of its file."""
    name = f"<random program {next(_number)}>"
    text = "\n".join(lines)
    linecache.cache[name] = len(text), None, [line + "\n" for line in lines], name
    rng = np.random.default_rng(len(text))
    names = {
        "torch": torch,
        "x": torch.tensor(rng.uniform(0.2, 0.9, (3, 3)), requires_grad=True),
        "weights": torch.tensor(rng.uniform(0.5, 1.5, 3)),
        "matrix": torch.tensor(rng.uniform(0.1, 0.6, (3, 3))),
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with torch.autograd.set_detect_anomaly(True):
            try:
                exec(compile(text, name, "exec"), names)
            except RuntimeError as error:
                return error, caught, name
    return None, caught, name


some = st.lists(st.sampled_from(SAFE), max_size=5)


@given(before=some, bad=st.sampled_from(FORWARD), after=some)
def test_producer_in_the_forward_pass(before, bad, after):
    lines, blamed = build(before, bad, after)
    error, caught, name = execute(lines)
    if error is None:  # gradients may be finite all the same: then the warning names the line
        assert f"{name}:{blamed}:" in str(caught[0].message), "\n".join(lines)
    else:
        assert culprit(error).startswith(f"{name}:{blamed}:"), "\n".join([*lines, str(error)])


@given(before=some, bad=st.sampled_from(BACKWARD), after=some)
def test_producer_in_the_backward_pass(before, bad, after):
    lines, blamed = build(before, bad, after)
    error, _, name = execute(lines)
    assert error is not None, "\n".join(lines)
    assert culprit(error).startswith(f"{name}:{blamed}:"), "\n".join([*lines, str(error)])


@given(before=some, after=some)
def test_no_false_alarm(before, after):
    lines, _ = build(before, None, after)
    error, caught, _ = execute(lines)
    assert error is None and not caught, "\n".join([*lines, str(error)])
