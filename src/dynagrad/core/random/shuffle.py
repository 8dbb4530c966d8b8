"""Random permutations: the results of two shuffles, without a Python loop (imports NumPy only).

R. Durstenfeld, "Algorithm 235: Random permutation" (1964). Each step of a shuffle depends on those
before it, but which earlier step wrote the place that a step reads is known from the random numbers
alone: the last one with the same target. Sorting pairs (target, step) finds all of these at once;
what remains are short chains, followed by doubling. The results are exactly those of the loops in
the docstrings, which are PyTorch's.
"""

import numpy as np

# Below this length a loop over a list takes less time.
_LOOP_BELOW = 400


def swap_shuffle(words: np.ndarray, n: int) -> np.ndarray:
    """The permutation of 0..n-1 (int64) made from n - 1 random words (uint32) by

    for i in range(n - 1):
        j = i + words[i] % (n - i)
        r[i], r[j] = r[j], r[i]
    """
    if n < _LOOP_BELOW:
        order = list(range(n))
        for i, word in enumerate(words.tolist()):
            j = i + word % (n - i)
            order[i], order[j] = order[j], order[i]
        return np.array(order, np.int64)
    step = np.arange(n)
    target = step.copy()
    target[:-1] += words % np.arange(n, 1, -1, dtype=np.uint32)
    before, last = _earlier_steps(target)
    # A step leaves in its target what it found at its own place: back to a place never written.
    found = _chain_ends(np.where(last >= 0, last, step))
    return np.where(before >= 0, found[before], target)


def inside_out_shuffle(target: np.ndarray) -> np.ndarray:
    """The permutation of 0..n-1 made from random targets, target[i] in 0..i (all int64), by

    for i in range(n):
        r[i] = r[target[i]]
        r[target[i]] = i
    """
    step = np.arange(target.size)
    before, _ = _earlier_steps(target)
    ends = _chain_ends(np.where(before >= 0, step, target))
    order = np.where(before[ends] >= 0, before[ends], ends)
    order[target] = step  # NumPy keeps the last of repeated assignments, as the loop does
    return order


def _earlier_steps(target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each step i the last j < i with target[j] == target[i], and for each place k the last
    j < k with target[j] == k; -1 where there is none."""
    n = target.size
    half, unsigned = (16, np.uint32) if n <= 1 << 16 else (32, np.uint64)
    key = target.astype(unsigned) << unsigned(half)
    key |= np.arange(n, dtype=unsigned)
    key.sort()
    place = (key >> unsigned(half)).astype(np.int64)
    step = (key & unsigned((1 << half) - 1)).astype(np.int64)
    same = place[1:] == place[:-1]
    repeated = np.flatnonzero(same)
    before = np.full(n, -1)
    before[step.take(repeated + 1)] = step.take(repeated)
    final = np.flatnonzero(np.append(~same, True))
    last = np.full(n, -1)
    last[place.take(final)] = step.take(final)
    own = np.flatnonzero(last == np.arange(n))
    last[own] = before[own]
    return before, last


def _chain_ends(link: np.ndarray) -> np.ndarray:
    """Where repeatedly following `link` leads; ends link to themselves."""
    while True:
        further = link.take(link)
        if np.array_equal(further, link):
            return link
        link = further
