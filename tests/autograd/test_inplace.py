"""In-place operations: what they protect, what they record, which stale values they betray."""

import pytest

import dynagrad as dg


def leaf(*values: float):
    return dg.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def node(t) -> str:
    return type(t.grad_fn).__name__


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.add_(1),
        lambda x: x.zero_(),
        lambda x: x.__setitem__(0, 1.0),
        lambda x: x.copy_(dg.ones(3)),
        lambda x: x.mul_(x),
    ],
)
def test_leaves_are_protected(write) -> None:
    x = leaf()
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        write(x)
    assert x.tolist() == [1.0, 2.0, 3.0]
    assert x._version == 0
    with dg.no_grad():
        write(x)
    assert x._version == 1 and x.is_leaf


def test_versions_are_shared_by_views_and_detach_not_by_data() -> None:
    x = dg.zeros(4)
    view, detached, data = x[1:], x.detach(), x.data
    x.add_(1)
    view[0] = 5.0
    detached.mul_(2)
    assert [t._version for t in (x, view, detached, data)] == [3, 3, 3, 0]
    data.zero_()
    assert [t._version for t in (x, view, detached, data)] == [3, 3, 3, 1]
    assert x.tolist() == [0.0] * 4


def test_both_lines_are_named() -> None:
    x = leaf()
    y = x.exp()  # saved here
    y.mul_(2)  # changed here
    with pytest.raises(RuntimeError) as caught:
        y.sum().backward()
    text = str(caught.value)
    assert text.startswith(
        "one of the variables needed for gradient computation has been modified by an inplace "
        "operation: [torch.FloatTensor [3]], which is output 0 of Exp, is at version 1; expected "
        "version 0 instead."
    )
    assert "y = x.exp()  # saved here" in text
    assert "y.mul_(2)  # changed here" in text
    assert text.count("test_inplace.py:") == 2


def test_the_line_of_a_write_through_a_view_is_named() -> None:
    x = leaf()
    y = x * 1
    z = y * y
    v = y[:1]
    v.add_(1)  # changed here
    with pytest.raises(RuntimeError, match=r"CopySlices, is at version 1.*(?s:.*)# changed here"):
        z.sum().backward()


def test_a_write_may_read_what_it_overwrites() -> None:
    x = leaf()
    w = leaf(4.0, 5.0, 6.0)
    y = x * 1
    y.mul_(w)
    y.add_(1)
    y.sum().backward()
    assert x.grad.tolist() == [4.0, 5.0, 6.0]
    assert w.grad.tolist() == [1.0, 2.0, 3.0]


def test_a_second_operand_in_the_same_memory_is_noticed() -> None:
    x = leaf()
    y = x * 1
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        y.mul_(y[0])
    assert y._version == 0


def test_an_in_place_result_is_watched_too() -> None:
    x = leaf()
    y = x * 1
    y[:2].exp_()
    y.mul_(2)
    with pytest.raises(RuntimeError, match="output 0 of Exp, is at version 2; expected version 1"):
        y.sum().backward()


def test_a_saved_result_among_several_is_watched() -> None:
    x = dg.tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True)
    values, vectors = dg.linalg.eigh(x)
    vectors.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        values.sum().backward()


def test_data_is_not_watched() -> None:
    x = leaf()
    y = x.exp()
    y.data.zero_()
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]


def test_history_of_a_base_and_its_views() -> None:
    x = leaf()
    y = x * 1
    v, w = y[:2], y.view(3, 1)
    assert (node(v), node(w)) == ("SliceBackward0", "ViewBackward0")
    v.mul_(x[1:])
    assert [node(t) for t in (y, v, w)] == ["CopySlices", *["AsStridedBackward0"] * 2]
    assert [f and type(f).__name__ for f, _ in y.grad_fn.next_functions] == [
        "MulBackward0",
        "SliceBackward0",
    ]
    y.add_(1)
    assert (node(y), node(v)) == ("AddBackward0", "AsStridedBackward0")
    (v * v).sum().backward()
    # v = (x0 x1 + 1, x1 x2 + 1)
    assert x.grad.tolist() == [12.0, 6.0 + 42.0, 28.0]


def test_buffers_take_up_history() -> None:
    x = leaf()
    buffer = dg.zeros(2, 3)
    rows = [buffer[i] for i in range(2)]
    buffer[0] = x
    rows[1].copy_(x * x)
    assert node(buffer) == "CopySlices"
    assert all(r.requires_grad for r in rows)
    buffer.sum().backward()
    assert x.grad.tolist() == [3.0, 5.0, 7.0]


def test_assigned_values_get_gradients() -> None:
    x, v = leaf(), leaf(10.0)
    y = x * 1
    y[1:2] = v
    y[0] = 7.0
    (y * y).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 6.0]
    assert v.grad.tolist() == [20.0]


def test_constants_end_the_gradient() -> None:
    x = leaf()
    y = x * 1
    y.zero_()
    assert y.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]


def test_integers_take_values_without_history() -> None:
    counts = dg.zeros(3, dtype=dg.int64)
    counts.copy_(leaf())
    assert not counts.requires_grad and counts.tolist() == [1, 2, 3]


def test_forbidden_views() -> None:
    y = leaf() * 1
    first, *_ = y.unbind(0)
    with pytest.raises(RuntimeError, match="Output 0 of Unbind is a view and is being modified"):
        first.add_(1)
    with dg.no_grad():
        v = y[:1]
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being"):
        v.add_(1)
    y.mul_(2)
    with pytest.raises(RuntimeError, match="its base or another view of its base has been"):
        first + 1
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and its base"):
        v + 1
    assert first.detach().item() == 2.0
    assert "grad_fn=<Invalid>" in repr(first)
    with dg.no_grad():
        assert (first + 1).item() == 3.0


def test_expanded_memory() -> None:
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        dg.ones(3, 1).expand(3, 4).add_(1)
    base = dg.ones(3, 1)
    base.expand(3, 4).zero_()
    assert base.tolist() == [[0.0]] * 3


def test_a_failed_write_changes_nothing() -> None:
    y = dg.ones(2)
    for bad in (dg.ones(3), dg.ones(2, 2), 1j):
        with pytest.raises(RuntimeError):
            y.add_(bad)
    assert (y.tolist(), y._version) == ([1.0, 1.0], 0)
    i = dg.ones(2, dtype=dg.int64)
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type Long"):
        i.mul_(0.5)
    assert (i.tolist(), i._version) == ([1, 1], 0)


def test_second_order_through_views() -> None:
    x = leaf()
    y = x * 1
    y[:2].mul_(x[1:])
    (g,) = dg.autograd.grad((y**2).sum(), x, create_graph=True)
    # f = (x0 x1)^2 + (x1 x2)^2 + x2^2
    a, b, c = 1.0, 2.0, 3.0
    assert g.tolist() == [2 * a * b * b, 2 * b * (a * a + c * c), 2 * c * b * b + 2 * c]
    (h,) = dg.autograd.grad(g[1], x)
    assert h.tolist() == [4 * a * b, 2 * (a * a + c * c), 4 * b * c]
