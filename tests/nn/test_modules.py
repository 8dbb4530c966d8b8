"""Modules by themselves: attributes, copies, conversion, state, hooks."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import dynagrad
from dynagrad import nn


def tensor(values, dtype="float32"):
    return dynagrad.from_numpy(np.array(values, dtype))


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 3)
        self.scale = nn.Parameter(tensor([2.0]))
        self.register_buffer("count", tensor(0, "int64"))
        self.register_buffer("scratch", tensor([1.0]), persistent=False)
        self.plain = "text"

    def forward(self, x):
        return self.linear(x) * self.scale


def test_attributes_go_where_they_belong():
    m = Small()
    assert [name for name, _ in m.named_parameters()] == ["scale", "linear.weight", "linear.bias"]
    assert [name for name, _ in m.named_buffers()] == ["count", "scratch"]
    assert list(m.state_dict()) == ["scale", "count", "linear.weight", "linear.bias"]
    m.extra = nn.Buffer(tensor([3.0]), persistent=False)
    assert isinstance(m.extra, nn.Buffer) and type(m.extra) is dynagrad.Tensor
    assert "extra" in dict(m.named_buffers()) and "extra" not in m.state_dict()
    m.count = tensor(5, "int64")
    assert m.state_dict()["count"].item() == 5
    m.scale = None
    assert "scale" not in m.state_dict() and m.scale is None
    m.linear = nn.Identity()
    assert list(m.children()) == [m.linear]
    del m.scratch
    assert not hasattr(m, "scratch")
    m.plain = nn.Parameter(tensor([1.0]))
    assert "plain" in dict(m.named_parameters()) and "plain" not in vars(m)
    with pytest.raises(AttributeError, match="'Small' object has no attribute 'absent'"):
        m.absent  # noqa: B018


def test_copies_and_pickles():
    m = Small()
    m(tensor([[1.0, 2.0]])).sum().backward()
    for other in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert type(other) is Small and type(other.scale) is nn.Parameter
        for (a, p), (b, q) in zip(m.named_parameters(), other.named_parameters(), strict=True):
            assert a == b and p is not q and p.tolist() == q.tolist() and q.requires_grad
        with dynagrad.no_grad():
            other.linear.weight[0, 0] = 100.0
        assert m.linear.weight[0, 0].item() != 100.0


def test_a_parameter_shared_by_two_modules_stays_shared():
    m = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    m[1].weight = m[0].weight
    assert len(list(m.parameters())) == 3
    for other in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert other[1].weight is other[0].weight


def test_conversion_keeps_parameters_and_gradients():
    m = Small()
    m(tensor([[1.0, 2.0]])).sum().backward()
    weight, gradient = m.linear.weight, m.linear.weight.grad.tolist()
    assert m.double() is m
    assert m.linear.weight is weight and weight.dtype == dynagrad.float64
    assert weight.grad.dtype == dynagrad.float64 and weight.grad.tolist() == gradient
    assert m.count.dtype == dynagrad.int64 and m.scratch.dtype == dynagrad.float64
    assert m(tensor([[1.0, 2.0]], "float64")).dtype == dynagrad.float64
    assert m.to(dynagrad.float16).scale.dtype == dynagrad.float16
    assert m.to("cpu", dynagrad.float32).scale.dtype == dynagrad.float32
    assert m.to(tensor([1.0], "float64")).scale.dtype == dynagrad.float64
    assert m.float().half().scale.dtype == dynagrad.float16
    with pytest.raises(AssertionError, match="not compiled with CUDA"):
        m.cuda()
    with pytest.raises(AssertionError, match="not compiled with CUDA"):
        m.to("cuda")


def test_modes():
    m = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))
    assert m.eval() is m and not m[1][0].training
    m.train()
    assert m[1][0].training
    small = Small().requires_grad_(False)
    assert not any(p.requires_grad for p in small.parameters())


def test_zero_grad():
    m = Small()
    m(tensor([[1.0, 2.0]])).sum().backward()
    m.zero_grad(set_to_none=False)
    assert m.scale.grad.tolist() == [0.0]
    m.zero_grad()
    assert m.scale.grad is None


def test_state_is_shared_loading_copies_and_assign_replaces():
    m, other = Small(), Small()
    state = m.state_dict()
    with dynagrad.no_grad():
        m.scale.mul_(2)
    assert state["scale"].tolist() == [4.0] and not state["scale"].requires_grad
    before = other.scale
    other.load_state_dict(state)
    assert other.scale is before and before.tolist() == [4.0]
    other.load_state_dict({k: v * 2 for k, v in state.items()}, assign=True)
    assert other.scale is not before and other.scale.tolist() == [8.0]
    assert type(other.scale) is nn.Parameter and other.scale.requires_grad
    assert m.state_dict(keep_vars=True)["scale"] is m.scale
    assert list(m.state_dict(prefix="m."))[0] == "m.scale"


def test_a_state_that_was_assigned_is_copied_by_the_next_load():
    state = nn.Linear(2, 2).state_dict()
    assigned, copied = nn.Linear(2, 2), nn.Linear(2, 2)
    assigned.load_state_dict(state, assign=True)
    copied.load_state_dict(state)
    assert assigned.weight.data_ptr() == state["weight"].data_ptr() != copied.weight.data_ptr()


class WithExtra(nn.Module):
    def __init__(self):
        super().__init__()
        self.held = "first"

    def get_extra_state(self):
        return self.held

    def set_extra_state(self, state):
        self.held = state


def test_extra_state_and_state_hooks():
    m = nn.Sequential(WithExtra(), Small())
    seen = []
    m.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(("pre", prefix, keep)))
    m[1].register_state_dict_post_hook(lambda m, state, prefix, meta: seen.append(prefix))
    m[1].register_load_state_dict_pre_hook(
        lambda m, state, prefix, *_: seen.append(("load", prefix))
    )
    m.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    m[0].held = "second"
    state = m.state_dict()
    assert state["0._extra_state"] == "second"
    m[0].held = "third"
    del state["1.scale"]
    assert repr(m.load_state_dict(state)) == "<All keys matched successfully>"
    assert m[0].held == "second"
    assert seen == [("pre", "", False), "1.", ("load", "1.")]


def test_submodules_by_name():
    m = nn.Sequential(nn.Sequential(nn.Linear(1, 2)), Small())
    assert m.get_submodule("0.0") is m[0][0]
    assert m.get_submodule("") is m
    assert m.get_parameter("0.0.bias") is m[0][0].bias
    assert m.get_buffer("1.count") is m[1].count
    m.set_submodule("0.0", nn.Identity())
    assert isinstance(m[0][0], nn.Identity)
    with pytest.raises(AttributeError, match="Sequential has no attribute `7`"):
        m.get_submodule("0.7")


def test_hooks_that_are_always_called():
    class Failing(nn.Module):
        def forward(self, x):
            raise ValueError("no")

    m = Failing()
    seen = []
    m.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    m.register_forward_hook(lambda m, args, out: seen.append("never"))
    with pytest.raises(ValueError, match="no"):
        m(1)
    assert seen == [None]


def test_backward_hooks_may_replace_gradients_and_check_their_number():
    m = nn.Linear(2, 1)
    x = tensor([[1.0, 2.0]]).requires_grad_()
    handle = m.register_full_backward_hook(lambda m, ins, outs: (ins[0] * 0,))
    m(x).sum().backward()
    assert x.grad.tolist() == [[0.0, 0.0]]
    handle.remove()
    m.register_full_backward_hook(lambda m, ins, outs: (None, None))
    with pytest.raises(RuntimeError, match="Backward hook returned an invalid number of"):
        m(x).sum().backward()


def test_older_backward_hooks_see_the_last_operation():
    m = nn.Linear(2, 1)
    seen = []
    m.register_backward_hook(lambda m, ins, outs: seen.append(outs[0].tolist()))
    m(tensor([[1.0, 2.0]])).sum().backward()
    assert seen == [[[1.0]]]


def test_modules_are_freed_without_the_collector():
    gc.disable()
    try:
        m = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
        m.register_forward_hook(lambda m, args, out: None)
        m(tensor([[1.0, 2.0]])).sum().backward()
        found = weakref.ref(m), weakref.ref(m[0].weight)
        del m
        assert [ref() for ref in found] == [None, None]
    finally:
        gc.enable()


def test_parameters_share_the_memory_of_their_data():
    t = tensor([1.0, 2.0])
    p = nn.Parameter(t)
    t[0] = 5.0
    assert p.tolist() == [5.0, 2.0]
    assert p._version == 1
    assert p.is_leaf and p.requires_grad
    with dynagrad.no_grad():
        assert nn.Parameter(t).requires_grad
    assert nn.Parameter().shape == (0,)
    with pytest.raises(RuntimeError, match="Only Tensors of floating point"):
        nn.Parameter(tensor([1], "int64"))
    with pytest.raises(TypeError, match="Parameter data must be a Tensor, not list"):
        nn.Parameter([1.0])


def test_parameters_of_other_tensor_classes():
    class Mine(dynagrad.Tensor):
        pass

    t = tensor([1.0]).as_subclass(Mine)
    p = nn.Parameter(t)
    assert type(p) is Mine and isinstance(p, nn.Parameter) and p.requires_grad
    assert not isinstance(t, nn.Parameter)
    m = nn.Module()
    m.p = p
    assert list(m.parameters()) == [p]


def test_results_of_operations_on_parameters_are_tensors():
    p = nn.Parameter(tensor([1.0]))
    assert type(p * 2) is dynagrad.Tensor
    assert type(p.detach()) is dynagrad.Tensor


def test_older_names_of_init_warn():
    with pytest.warns(FutureWarning, match="`nn.init.uniform` is now deprecated"):
        nn.init.uniform(tensor([1.0]))
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        nn.init.kaiming_uniform_(tensor(np.ones((0, 3))))
    with pytest.warns(UserWarning, match="mean is more than 2 std"):
        nn.init.trunc_normal_(tensor([1.0, 2.0]), mean=9.0)


def test_init_counts_as_a_write():
    t = tensor([1.0, 2.0])
    nn.init.ones_(t)
    assert t._version == 1 and t.tolist() == [1.0, 1.0]
    leaf = nn.Parameter(tensor([[1.0, 2.0]]))
    nn.init.kaiming_normal_(leaf)
    assert leaf.is_leaf and leaf.grad_fn is None
