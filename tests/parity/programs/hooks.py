import torch
import torch.nn as nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
acts = {}


def get(name):
    def hook(model, input, output):
        acts[name] = output.detach()

    return hook


hs = [layer.register_forward_hook(get(n)) for n, layer in net.named_modules()]
net(torch.ones(2, 2))
print(acts.keys(), acts["1"])
[h.remove() for h in hs]
w = net[0].weight
h = w.register_hook(lambda g: g.clamp(-0.1, 0.1))
net(torch.ones(2, 2)).sum().backward()
print(w.grad)
h.remove()
h = net.register_forward_pre_hook(lambda m, a: (a[0] * 2,))
print(net(torch.ones(1, 2)))
h.remove()
h = net.register_forward_hook(lambda m, a, o: o * 0)
print(net(torch.ones(1, 2)))
h.remove()
h = net[2].register_full_backward_hook(lambda m, gi, go: print("grads", gi, go))
net(torch.ones(1, 2)).backward()
h.remove()
v = torch.ones(2, requires_grad=True)
y = v * 2
y.register_hook(lambda g: print("y grad", g))
y.sum().backward()
v.register_post_accumulate_grad_hook(lambda p: print("acc", p.grad))
(v * 3).sum().backward()
y = (v * 2).exp()
y.grad_fn.register_hook(
    lambda gi, go: print("node", [g.tolist() for g in gi], [g.tolist() for g in go])
)
y.sum().backward()
y.grad_fn.next_functions[0][0].register_prehook(lambda g: print("pre", g))
print(type(y.grad_fn).__name__)
try:
    torch.ones(1).register_hook(lambda g: g)
except RuntimeError as e:
    print(e)
