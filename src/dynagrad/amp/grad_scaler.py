"""GradScaler: the loss is scaled up so that small 16-bit gradients are not lost."""

import warnings
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.dtype import BY_NAME
from ..core.tensor import Tensor, wrap
from ..functions.elementwise import mul

__all__ = ["GradScaler"]

_UNUSED = (
    "This may indicate your script did not use scaler.scale(loss or outputs) earlier in the "
    "iteration."
)


class GradScaler:
    """Scales losses by a factor that adapts.

    A step whose gradients are infinite or NaN is left out, and the factor multiplied by
    `backoff_factor`; after `growth_interval` good steps in a row it is multiplied by
    `growth_factor`.

    `scaler.scale(loss).backward(); scaler.step(optimizer); scaler.update()`; gradients that are to
    be clipped are unscaled first, `scaler.unscale_(optimizer)`. For the device "cuda", which is not
    there, it warns and does nothing, as PyTorch's. RuntimeError for calls out of this order.

    P. Micikevicius et al., "Mixed precision training" (2018).
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        self._device = device
        if device == "cuda" and enabled:
            warnings.warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        if not enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError(f"The growth factor must be > 1.0.\nIt is {growth_factor}.")
        if backoff_factor >= 1.0:
            raise AssertionError(f"The backoff factor must be < 1.0.\nIt is {backoff_factor}.")
        self._init_scale = init_scale
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._good_steps = 0
        #: None until the first loss is scaled
        self._scale: Tensor | None = None
        #: what was done with each optimiser since the last update: "stepped", or unscaled gradients
        #: that were "infinite" or not (None: there were none)
        self._done: dict[int, dict[str, bool | None]] = defaultdict(dict)

    # --- the order of a step -----------------------------------------------------------------

    def scale(self, outputs: Any) -> Any:
        """A loss times the factor, or all losses of lists and tuples of them."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return mul(outputs, self._factor())
        if isinstance(outputs, Iterable):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, list | tuple) else scaled
        raise ValueError(
            "outputs must be a Tensor or an iterable of Tensors\nGot " + type(outputs).__name__
        )

    def _factor(self) -> Tensor:
        if self._scale is None:
            self._scale = wrap(np.array(self._init_scale, np.float32))
        return self._scale

    def _check_used(self, name: str) -> Tensor:
        if self._scale is None:
            raise AssertionError(f"Attempted {name} but _scale is None.  {_UNUSED}")
        return self._scale

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimiser's parameters by the factor, in place; `step` does it
        otherwise. ValueError for float16 gradients, whose parameters should be float32.
        """
        if not self._enabled:
            return
        scale = self._check_used("unscale_")
        done = self._done[id(optimizer)]
        if "stepped" in done:
            raise RuntimeError("unscale_() is being called after step().")
        if "infinite" in done:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        grads = [p.grad for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
        if any(g.dtype is BY_NAME["float16"] for g in grads):
            raise ValueError("Attempting to unscale FP16 gradients.")
        inverse = np.float32(1.0 / float(scale._a))
        infinite = False
        for g in grads:
            values = g._values() if g.is_sparse else g.data
            infinite = infinite or not bool(np.isfinite(values._a).all())
            values.mul_(float(inverse))
        done["infinite"] = infinite if grads else None

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step(...)` with unscaled gradients, unless one is infinite or NaN."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._check_used("step")
        done = self._done[id(optimizer)]
        if "stepped" in done:
            raise RuntimeError("step() has already been called since the last update().")
        if "infinite" not in done:
            self.unscale_(optimizer)
        if done["infinite"] is None:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        result = None if done["infinite"] else optimizer.step(*args, **kwargs)
        done["stepped"] = True
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Adapt the factor after a step, or set it."""
        if not self._enabled:
            return
        scale = self._check_used("update")
        if new_scale is not None:
            self._set_scale(new_scale)
        else:
            found = [d.get("infinite") for d in self._done.values()]
            if all(infinite is None for infinite in found):
                raise AssertionError("No inf checks were recorded prior to update.")
            if any(found):
                scale._a[...] = scale._a * np.float32(self._backoff_factor)
                self._good_steps = 0
            else:
                self._good_steps += 1
                if self._good_steps == self._growth_interval:
                    grown = scale._a * np.float32(self._growth_factor)
                    if np.isfinite(grown):
                        scale._a[...] = grown
                    self._good_steps = 0
        self._done.clear()

    def _set_scale(self, new_scale: Any) -> None:
        if isinstance(new_scale, Tensor) and (new_scale.numel() != 1 or new_scale.requires_grad):
            raise AssertionError(
                "new_scale should be a float or a 1-element torch.cuda.FloatTensor or "
                "torch.FloatTensor with requires_grad=False."
            )
        self._factor()._a[...] = float(new_scale)

    # --- its numbers -------------------------------------------------------------------------

    def get_scale(self) -> float:
        """The factor; 1.0 if the scaler is off."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale._a)

    def get_growth_factor(self) -> float:
        """By what the factor is multiplied after enough good steps."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what get_growth_factor returns."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """By what the factor is multiplied after a step that was left out."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what get_backoff_factor returns."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """How many good steps in a row make the factor grow."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set what get_growth_interval returns."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether the scaler does anything."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The factor and the numbers that rule it, in PyTorch's layout; empty if off."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._good_steps,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what state_dict returned, after the optimisers were loaded."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._init_scale = float(state_dict["scale"])
        if self._scale is not None:
            self._set_scale(self._init_scale)
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._good_steps = state_dict["_growth_tracker"]

    def __getstate__(self) -> dict[str, Any]:
        if self._enabled and self._done:
            raise AssertionError(
                "A GradScaler instance may only be pickled at the beginning of an iteration, or at "
                "the end after scaler.update()."
            )
        return {**vars(self), "_done": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _done=defaultdict(dict))
