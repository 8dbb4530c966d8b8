"""Functions with derivatives of their own, for the tests of transforms: of a library `torch`."""


def numbers(torch, *shape, phase=0.3):
    """Fixed numbers of a shape, in double precision."""
    count = 1
    for n in shape:
        count *= n
    flat = torch.sin(torch.arange(count, dtype=torch.float64) * 1.7 + phase) * 1.5
    return flat.reshape(shape)


def cube(torch):
    """x**3 and its derivative, with a generated vmap."""

    class Cube(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x**3, 3 * x**2

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0], output[1])
            ctx.save_for_forward(inputs[0], output[1])

        @staticmethod
        def backward(ctx, g, h):
            x, slope = ctx.saved_tensors
            return g * slope + h * 6 * x

        @staticmethod
        def jvp(ctx, t):
            x, slope = ctx.saved_tensors
            return t * slope, 6 * x * t

    return Cube


def product(torch):
    """x * y * factor, with a vmap of its own."""

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(x, y, factor):
            return x * y * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, y, ctx.factor = inputs
            ctx.save_for_backward(x, y)
            ctx.save_for_forward(x, y)

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return g * y * ctx.factor, g * x * ctx.factor, None

        @staticmethod
        def jvp(ctx, x_t, y_t, _):
            x, y = ctx.saved_tensors
            return (x_t * y + x * y_t) * ctx.factor

        @staticmethod
        def vmap(info, in_dims, x, y, factor):
            x_dim, y_dim, _ = in_dims
            x = x.unsqueeze(-1) if x_dim is None else x.movedim(x_dim, -1)
            y = y.unsqueeze(-1) if y_dim is None else y.movedim(y_dim, -1)
            return Product.apply(x, y, factor), -1

    return Product


def sorting(torch):
    """A sort, whose indices have no derivative, from plain NumPy-like code."""

    class Take(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, index):
            return x.gather(0, index)

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, index = inputs
            ctx.save_for_backward(index)
            ctx.save_for_forward(index)
            ctx.length = x.shape[0]

        @staticmethod
        def backward(ctx, g):
            (index,) = ctx.saved_tensors
            zeros = g.new_zeros(ctx.length)
            return zeros.scatter_add(0, index, g), None

        @staticmethod
        def jvp(ctx, t, _):
            (index,) = ctx.saved_tensors
            return t.gather(0, index)

    class Sort(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            index = x.argsort()
            return x.gather(0, index), index

        @staticmethod
        def setup_context(ctx, inputs, output):
            values, index = output
            ctx.mark_non_differentiable(index)
            ctx.save_for_backward(index)
            ctx.save_for_forward(index)

        @staticmethod
        def backward(ctx, g, _):
            (index,) = ctx.saved_tensors
            return Take.apply(g, index.argsort())

        @staticmethod
        def jvp(ctx, t):
            (index,) = ctx.saved_tensors
            return Take.apply(t, index), None

    return Sort


def sine(torch):
    """sin(x), which saves a tensor of its own, and other tensors for jvp than for backward."""

    class Sine(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return torch.sin(x), torch.cos(x)

        @staticmethod
        def setup_context(ctx, inputs, output):
            (x,), (_, slope) = inputs, output
            ctx.mark_non_differentiable(slope)
            ctx.save_for_backward(x, None, torch.ones_like(x) * 3.0)
            ctx.save_for_forward(torch.full_like(x, 2.0), x)

        @staticmethod
        def backward(ctx, g, _):
            x, nothing, three = ctx.saved_tensors
            return g * torch.cos(x) * three / 3 if nothing is None else g

        @staticmethod
        def jvp(ctx, t):
            two, x = ctx.saved_tensors
            return t * torch.cos(x) * two / 2, None

    return Sine


def functions_of_one(torch):
    """Each Function as a function from a vector to a vector."""
    Cube, Product, Sort = cube(torch), product(torch), sorting(torch)
    Sine = sine(torch)
    return {
        "sine": lambda x: Sine.apply(x)[0] * x,
        "cube": lambda x: Cube.apply(x)[0],
        "slope": lambda x: Cube.apply(x)[1],
        "both": lambda x: Cube.apply(x)[0] * Cube.apply(x)[1],
        "product": lambda x: Product.apply(x, torch.sin(x), 2),
        "square": lambda x: Product.apply(x, x, 0.5),
        "chain": lambda x: Product.apply(Cube.apply(x)[1], x.sum(), 2.0),
        "sort": lambda x: Sort.apply(x)[0] * x,
        "sorts": lambda x: torch.sin(Sort.apply(torch.cos(Sort.apply(x)[0]))[0]) * x,
    }


def plain(torch):
    """The same functions of plain operations: what they ought to compute where PyTorch loses the
    derivative of a Function's jvp.
    """
    return {
        "sine": lambda x: torch.sin(x) * x,
        "cube": lambda x: x**3,
        "slope": lambda x: 3 * x**2,
        "both": lambda x: 3 * x**5,
        "product": lambda x: 2 * x * torch.sin(x),
        "square": lambda x: 0.5 * x * x,
        "chain": lambda x: 6 * x**2 * x.sum(),
        "sort": lambda x: x.sort()[0] * x,
        "sorts": lambda x: torch.sin(torch.cos(x.sort()[0]).sort()[0]) * x,
    }
