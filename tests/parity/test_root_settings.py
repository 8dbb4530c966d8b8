"""Numbers, settings, files, branches and removed names at torch's root, against PyTorch's."""

import warnings

import pytest

torch = pytest.importorskip("torch")

from scenario import Cases, differences, run  # noqa: E402

import dynagrad  # noqa: E402

CASES = Cases()


@CASES
def numbers_in_the_place_of_sizes(torch, say):
    say(torch.sym_int(2.7), torch.sym_int(-2.7), torch.sym_float(3), torch.sym_sqrt(2))
    for pair in ((1, 2.0), (3, 2.0), (1, 2), (True, 2)):
        say(torch.sym_max(*pair), torch.sym_min(*pair))
    say(torch.sym_not(True), torch.sym_not(0), torch.sym_ite(True, 1, 2))
    say(torch.sym_sum([1, 2.5]), torch.sym_sum(1, 2, 3))
    say.error(torch.sym_ite, True, 1, 2.0)
    say.error(torch.sym_ite, 1, 1, 2)
    say.error(torch.sym_sqrt, -1)
    say.error(torch.sym_int, "a")


@CASES
def determinism_by_one_word(torch, say):
    try:
        for mode in ("warn", "error", "default", 1, 2, 0):
            torch.set_deterministic_debug_mode(mode)
            say(torch.get_deterministic_debug_mode())
            say(torch.are_deterministic_algorithms_enabled())
            say(torch.is_deterministic_algorithms_warn_only_enabled())
        for mode in ("x", 5):
            say.error(torch.set_deterministic_debug_mode, mode)
    finally:
        torch.use_deterministic_algorithms(False)


@CASES
def warnings_each_time(torch, say):
    x = torch.ones(2, 2)
    torch.set_warn_always(True)
    try:
        say(torch.is_warn_always_enabled())
        for _ in range(2):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                torch.frobenius_norm(x, 0)
            say([str(w.message)[:60] for w in caught])
    finally:
        torch.set_warn_always(False)
    say(torch.is_warn_always_enabled())
    say.error(torch.set_warn_always, 1)


@CASES
def older_norms(torch, say):
    x = (torch.arange(24, dtype=torch.float64) * 0.37 % 1.0).reshape(2, 3, 4).requires_grad_()
    for result in (
        torch.frobenius_norm(x, 1),
        torch.frobenius_norm(x, (0, 2), True),
        torch.frobenius_norm(x, ()),
        torch.nuclear_norm(x[0]).reshape(1),
        torch.nuclear_norm(x[0], True),
        torch.nuclear_norm(x, (0, 2)),
        torch.norm_except_dim(x),
        torch.norm_except_dim(x, 3, 1),
        torch.norm_except_dim(x, 1, 2),
        torch.norm_except_dim(x, 2, -1),
    ):
        say(result.detach(), torch.autograd.grad(result.sum(), x))
    say.error(torch.frobenius_norm, x, (0, 1, 2))
    say.error(torch.frobenius_norm, torch.ones(2, dtype=torch.int64), 0)


@CASES
def extreme_eigenpairs(torch, say):
    m = (torch.arange(144, dtype=torch.float64) * 0.37 % 1.0).reshape(12, 12)
    a = (m @ m.T + torch.diag(torch.arange(12.0))).requires_grad_()
    b = torch.diag(torch.arange(1.0, 13.0, dtype=torch.float64))
    for kwargs in ({"k": 3}, {"k": 2, "largest": False}, {"k": 2, "B": b}, {}):
        torch.manual_seed(0)
        values, vectors = torch.lobpcg(a, tol=1e-12, niter=500, **kwargs)
        say(values.detach().round(decimals=6), tuple(vectors.shape))
        if "B" not in kwargs:
            (g,) = torch.autograd.grad(values.sum(), a)
            say(((g + g.mT) / 2).round(decimals=5))
    say.error(torch.lobpcg, a, 5)


@CASES
def branches(torch, say):
    x = torch.arange(3.0, requires_grad=True)

    def up(a):
        return a * 2

    def down(a):
        return -a

    for pred in (torch.tensor(True), torch.tensor([False])):
        (g,) = torch.autograd.grad(torch.cond(pred, up, down, (x,)).sum(), x)
        say(g)
    say(torch.cond(False, up, down, (x,)).detach())
    say.error(torch.cond, torch.tensor([True, False]), up, down, (x,))
    say.error(torch.cond, "a", up, down, (x,))
    say.error(torch.cond, torch.tensor(True), 1, 2, (x,))
    say.error(torch.cond, torch.tensor(True), up, down, (3,))
    say.error(torch.cond, torch.tensor(True), up, down, 3)


@CASES
def names_that_were_removed(torch, say):
    x = torch.ones(2, 2, requires_grad=True)
    for f in (torch.eig, torch.symeig, x.eig, x.symeig):
        say.error(f, *(() if hasattr(f, "__self__") else (x,)))
    for f in (torch.solve, torch.lstsq, x.solve, x.lstsq, x.reinforce):
        say.error(f, x, *(() if hasattr(f, "__self__") else (x,)))
    say.error(torch.matrix_rank, x)
    say.error(torch.autograd.variable, x)
    say.warning(lambda: x.volatile)
    say.warning(lambda: setattr(x, "volatile", True))
    say(x.name, x.grad_dtype, torch.ones(1, dtype=torch.int64).grad_dtype)
    say.error(lambda: (x * 1).grad_dtype)


@CASES
def what_replaces_a_parameter(torch, say):
    t, other = torch.ones(2), torch.zeros(2, requires_grad=True)
    say(t.module_load(other.detach()), t, t.module_load(other, assign=True))
    say.error(torch.ones(3).module_load, other)
    say(torch.is_storage(t.untyped_storage()), torch.is_storage(t))


@CASES
def dimensions_by_a_pattern(torch, say):
    x = torch.arange(24.0).reshape(2, 3, 4)
    f = torch.func.rearrange
    for pattern, sizes in (
        ("b c h -> h b c", {}),
        ("b c (h s) -> b (c s) h", {"s": 2}),
        ("b ... -> ... b", {}),
        ("... h -> (... h)", {}),
        ("(b1 b2) c h -> b1 b2 1 (c h)", {"b1": 1}),
        ("b c h -> b () c h", {}),
    ):
        say(f(x, pattern, **sizes))
    say(f([x[0], x[1]], "n c h -> c (n h)"))
    kinds = []
    for pattern, sizes in (
        ("b c -> c b", {}),
        ("b c h -> b c", {}),
        ("b b h -> b h", {}),
        ("b c (h s) -> b c h s", {"s": 3}),
        ("b c (h s) -> b c h s", {}),
        ("b c h", {}),
    ):
        try:
            f(x, pattern, **sizes)
        except Exception as error:
            kinds.append(type(error).__name__)
    say(len(kinds))


@CASES
def below_the_transforms(torch, say):
    def f(x):
        say(torch.func.debug_unwrap(x).shape[0])
        return x.sum()

    torch.func.vmap(f)(torch.ones(2, 3))
    torch.func.vmap(torch.func.grad(f))(torch.ones(2, 3))
    torch.func.jvp(f, (torch.ones(3),), (torch.ones(3),))
    m = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 3))
    say(torch.func.replace_all_batch_norm_modules_(m) is m, m[0].running_mean)
    say(m[0].num_batches_tracked, m[0].track_running_stats)


@pytest.mark.parametrize("scenario", CASES, ids=lambda f: f.__name__)
def test_equals_pytorch(scenario):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = run(scenario, dynagrad), run(scenario, torch)
    found = differences(ours, theirs)
    assert not found, found


def test_memory_in_a_file(tmp_path):
    def scenario(torch, say):
        name = str(tmp_path / torch.__name__)
        x = torch.from_file(name, shared=True, size=3, dtype=torch.float64)
        x += 1
        own = torch.from_file(name, size=2, dtype=torch.float64, requires_grad=True)
        say(own, own * 2, torch.from_file(name))
        with torch.no_grad():
            own += 5
        say(torch.from_file(name, True, 3, dtype=torch.float64), own.detach())
        for size in (9, 3):
            with pytest.raises(RuntimeError) as told:
                torch.from_file(name + "x" * (size == 3), size=size)
            say(str(told.value).replace(name, "").split("\n")[0])

    assert not differences(run(scenario, dynagrad), run(scenario, torch))


def test_vmap_over_a_condition():
    def f(pred, x):
        return dynagrad.cond(pred, lambda a: (a * 2,), lambda a: (-a,), (x,))[0]

    pred = dynagrad.tensor([True, False, True])
    x = dynagrad.arange(6.0).reshape(3, 2)
    expected = dynagrad.stack([x[0] * 2, -x[1], x[2] * 2])
    assert dynagrad.equal(dynagrad.vmap(f)(pred, x), expected)
    g = dynagrad.func.grad(lambda x: dynagrad.vmap(f)(pred, x).sum())(x)
    assert g.tolist() == [[2.0, 2.0], [-1.0, -1.0], [2.0, 2.0]]
