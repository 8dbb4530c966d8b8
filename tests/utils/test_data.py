"""The DataLoader by itself: what one pass does, and how batches are made."""

import numpy as np
import pytest

import dynagrad
from dynagrad.utils import data


def numbers(n):
    return dynagrad.from_numpy(np.arange(n))


def test_batches_of_tensors_are_new_memory():
    x = dynagrad.from_numpy(np.arange(6.0).reshape(3, 2))
    (batch,) = next(iter(data.DataLoader(data.TensorDataset(x), batch_size=2)))
    batch[0, 0] = 100.0
    assert x[0, 0].item() == 0.0


def test_batches_of_recorded_tensors_are_recorded():
    x = dynagrad.from_numpy(np.ones((4, 2))).requires_grad_()
    (batch,) = next(iter(data.DataLoader(data.TensorDataset(x), batch_size=3)))
    batch.sum().backward()
    assert x.grad.tolist() == [[1.0, 1.0]] * 3 + [[0.0, 0.0]]


def test_two_passes_do_not_disturb_each_other():
    loader = data.DataLoader(numbers(4), batch_size=2)
    found = [(a.tolist(), b.tolist()) for a, b in zip(loader, loader, strict=True)]
    assert found == [([0, 1], [0, 1]), ([2, 3], [2, 3])]


def test_data_sets_that_fetch_many_items_at_once():
    class Many(data.Dataset):
        asked = []

        def __len__(self):
            return 5

        def __getitems__(self, indices):
            self.asked.append(indices)
            return [i * 10 for i in indices]

    found = [b.tolist() for b in data.DataLoader(Many(), batch_size=3)]
    assert found == [[0, 10, 20], [30, 40]]
    assert Many.asked == [[0, 1, 2], [3, 4]]


def test_a_collate_function_of_the_users_own():
    loader = data.DataLoader(range(5), batch_size=2, collate_fn=tuple)
    assert list(loader) == [(0, 1), (2, 3), (4,)]
    assert len(loader) == 3


def test_a_batch_sampler():
    loader = data.DataLoader(range(6), batch_sampler=[[5, 0], [1]])
    assert [b.tolist() for b in loader] == [[5, 0], [1]]


def test_subsets_of_subsets():
    x = data.TensorDataset(numbers(10))
    inner = data.Subset(data.Subset(x, range(2, 10)), [0, 3, 7])
    assert [b.tolist() for (b,) in data.DataLoader(inner, batch_size=2)] == [[2, 5], [9]]


def test_an_empty_share_of_a_split_warns():
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        data.random_split(range(2), [0.9, 0.1])


def test_a_subset_that_changes_items_must_change_many_too():
    class Doubled(data.Subset):
        def __getitem__(self, index):
            return super().__getitem__(index) * 2

    with pytest.raises(NotImplementedError, match="Doubled overrides __getitem__"):
        Doubled(range(3), [1])


def test_mixed_numbers_in_a_batch():
    assert data.default_collate([1, True]).dtype == dynagrad.int64
    assert data.default_collate([1, 2.5]).dtype == dynagrad.float32
    assert data.default_collate([1.0, 2]).dtype == dynagrad.float64
