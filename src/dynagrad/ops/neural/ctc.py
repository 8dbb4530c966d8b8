"""Connectionist temporal classification: the likelihood of a sequence over all its alignments.

Source: Graves, Fernandez, Gomez and Schmidhuber, "Connectionist temporal classification" (2006),
equations 6 to 16, in logarithms. Imports NumPy only.
"""

import numpy as np

from ..batching import leading
from ..elementwise import missing
from ..indexing import add_at
from ..rule import constant, general, primitive
from ..shape import reshape, transpose

# Shapes: log_probs (T, N, C), labels (N, L) with L = 2 S + 1: each target between blanks; lengths,
# of the inputs and of the targets, (N,). alpha[t, n, s] is the logarithm of the probability of all
# beginnings of alignments up to time t which end at place s of the labels.


@primitive
def ctc_labels(targets, *, blank):
    """Targets (N, S) with a blank before, between and behind them: (N, 2 S + 1)."""
    n, count = targets.shape
    labels = np.full((n, 2 * count + 1), blank, np.int64)
    labels[:, 1::2] = targets
    return labels


constant(
    ctc_labels,
    batch=lambda fun, values, flags, kw: _parted(
        fun(_joined(values[0]), **kw), values[0].shape[:2]
    ),
)


def _parted(v, sizes):
    return reshape(v, shape=(*sizes, *v.shape[1:]))


@primitive
def ctc(log_probs, labels, input_lengths, target_lengths, *, blank, zero_infinity):
    """The negative logarithms of the targets' likelihoods (N,), and alpha (T, N, L).

    zero_infinity: where the first is inf, its derivative is 0 (else nan).
    """
    times, n, _ = log_probs.shape
    steps = _probabilities_of(log_probs, labels)
    places = labels.shape[1]
    alpha = np.full((times, n, places), -np.inf, log_probs.dtype)
    if times:
        start = np.arange(places) < np.where(target_lengths > 0, 2, 1)[:, None]
        alpha[0] = np.where(start, steps[0], -np.inf)
    skips = _skips(labels, blank)
    with np.errstate(divide="ignore"):  # log(0)
        for t in range(1, times):
            alpha[t] = _step(alpha[t - 1], skips) + steps[t]
    each, last = np.arange(n), 2 * target_lengths
    if times:
        end = alpha[input_lengths - 1, each]
        total = np.logaddexp(
            end[each, last], np.where(last > 0, end[each, np.maximum(last - 1, 0)], -np.inf)
        )
        none = input_lengths == 0
    else:
        total, none = np.zeros(n, log_probs.dtype), np.ones(n, bool)
    # without input only the empty target is possible
    total = np.where(none, np.where(target_lengths == 0, 0, -np.inf), total)
    return -total.astype(log_probs.dtype), alpha


def _probabilities_of(log_probs, labels):
    """log_probs[t, n, labels[n, s]]."""
    times, n, _ = log_probs.shape
    index = np.broadcast_to(labels, (times, n, labels.shape[1]))
    return np.take_along_axis(log_probs, index, 2)


def _skips(labels, blank):
    """Where a label may follow the one two places before: no blank, and another label."""
    skips = np.zeros(labels.shape, bool)
    skips[:, 2:] = (labels[:, 2:] != labels[:, :-2]) & (labels[:, 2:] != blank)
    return skips


def _step(before, skips):
    """log(sum) of what may lead to each place: the same one, the one before, or two before."""
    one = np.full(before.shape, -np.inf, before.dtype)
    two = one.copy()
    one[:, 1:] = before[:, :-1]
    two[:, 2:] = before[:, :-2]
    two[~skips] = -np.inf
    top = np.maximum(np.maximum(before, one), two)
    top[top == -np.inf] = 0
    return np.log(np.exp(before - top) + np.exp(one - top) + np.exp(two - top)) + top


@primitive
def ctc_slope(
    log_probs, alpha, loss, labels, input_lengths, target_lengths, *, blank, zero_infinity
):
    """exp(log_probs) minus each class's share in the alignments: zeros behind an input's end.

    This is the derivative with respect to the scores whose log_softmax log_probs is.
    """
    times, n, classes = log_probs.shape
    steps = _probabilities_of(log_probs, labels)
    beta = _beta(steps, labels, input_lengths, target_lengths, blank)
    shares = np.exp(alpha + beta + loss[:, None] - steps)
    result = np.exp(log_probs)
    at = (np.arange(times * n) * classes).reshape(times, n, 1) + labels
    add_at(result, at, -shares)
    result[:, loss == np.inf] = 0 if zero_infinity else np.nan
    result[np.arange(times)[:, None] >= input_lengths] = 0
    return result


def _beta(steps, labels, input_lengths, target_lengths, blank):
    """The probabilities of the ends of alignments from each time and place, that one included."""
    times, n, places = steps.shape
    beta = np.full(steps.shape, -np.inf, steps.dtype)
    behind = np.full((n, places), -np.inf, steps.dtype)
    place, last = np.arange(places), 2 * target_lengths[:, None]
    end = (place == last) | (place == last - 1)
    # the recursion is alpha's on the reversed labels
    skips = _skips(labels[:, ::-1], blank)
    with np.errstate(divide="ignore"):  # log(0)
        for t in range(times - 1, -1, -1):
            lead = _step(behind[:, ::-1], skips)[:, ::-1]
            lead = np.where((input_lengths == t + 1)[:, None], np.where(end, 0, -np.inf), lead)
            behind = beta[t] = lead + steps[t]
    return beta


def _ctc_vjp(
    g0, log_probs, labels, input_lengths, target_lengths, out0, out1, *, blank, zero_infinity
):
    slope = ctc_slope(
        log_probs,
        out1,
        out0,
        labels,
        input_lengths,
        target_lengths,
        blank=blank,
        zero_infinity=zero_infinity,
    )
    return reshape(g0, shape=(1, g0.shape[0], 1)) * slope


def _lined_up(fun, values, flags, kw):
    """The batch's sequences behind one another, as one batch of CTC's own."""
    values = leading(values, flags)
    size, n = values[0].shape[0], values[0].shape[2]
    flat = [_joined(v) for v in values]
    result = fun(*flat, **kw)
    parted = [_separated(r, size, n) for r in (result if type(result) is tuple else (result,))]
    return tuple(parted) if type(result) is tuple else parted[0]


def _joined(v):
    if v.ndim == 4:  # (size, T, N, .)
        v = transpose(v, axes=(1, 0, 2, 3))
        return reshape(v, shape=(v.shape[0], v.shape[1] * v.shape[2], v.shape[3]))
    return reshape(v, shape=(v.shape[0] * v.shape[1], *v.shape[2:]))


def _separated(v, size, n):
    if v.ndim == 3:
        v = reshape(v, shape=(v.shape[0], size, n, v.shape[2]))
        return transpose(v, axes=(1, 0, 2, 3))
    return reshape(v, shape=(size, n, *v.shape[1:]))


general(
    ctc,
    _ctc_vjp,
    None,
    None,
    None,
    results=2,
    batch=_lined_up,
)
general(
    ctc_slope,
    lambda g: missing("_ctc_loss_backward"),
    batch=_lined_up,
)
