# a += 1 writes into the same memory; a = a + 1 makes a new tensor.
import torch

a = torch.ones(1)
identity, address = id(a), a.data_ptr()
a += 1
print(a, id(a) == identity, a.data_ptr() == address)

b = a
a = a + 1
print(a, a is b, a.data_ptr() == b.data_ptr())
