"""Modules as functions of their parameters: functional_call and stack_module_state. Imports core,
functions and nn.
"""

from collections.abc import Sequence
from typing import Any

from ..core.tensor import Tensor
from ..functions.joining import stack
from ..nn.modules.batchnorm import _BatchNorm
from ..nn.modules.module import Module
from ..nn.utils.stateless import swapped


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`module(*args, **kwargs)` with other tensors in the place of parameters and buffers.

    parameter_and_buffer_dicts: a dict from names ("0.weight") to tensors, or several with different
    names. tie_weights: a replacement counts for all names of a shared tensor. strict: RuntimeError
    for names that the module lacks, or that are not given. The module is left as it was. Source:
    torch.func.functional_call.
    """
    given = _merged(parameter_and_buffer_dicts)
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with swapped(module, given, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def _merged(given: Any) -> dict[str, Any]:
    if isinstance(given, dict):
        return given
    if not isinstance(given, Sequence):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(given)}"
        )
    if not all(isinstance(d, dict) for d in given):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    names = [name for d in given for name in d]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"{repeated} appeared in multiple dictionaries; behavior of functional call is "
            "ambiguous"
        )
    return {name: value for d in given for name, value in d.items()}


def stack_module_state(models: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and buffers of several models of one class, stacked along a new first
    dimension: what vmap needs to run them as an ensemble.

    RuntimeError for no models, different classes or training modes, and parameters that differ in
    requires_grad. Source: torch.func.stack_module_state.
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({model.training for model in models}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if len({type(model) for model in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    return (
        {name: _stacked(name, [one[name] for one in parameters]) for name in parameters[0]},
        {name: _stacked(name, [one[name] for one in buffers]) for name in buffers[0]},
    )


def _stacked(name: str, tensors: list[Tensor]) -> Tensor:
    needs = {t.requires_grad for t in tensors}
    if len(needs) > 1:
        raise RuntimeError(
            f"Expected {name} from each model to have the same .requires_grad, got "
            f"{[t.requires_grad for t in tensors]}"
        )
    return stack([t.detach() for t in tensors]).requires_grad_(needs.pop())  # pyright: ignore


def functionalize(func: Any, *, remove: str = "mutations") -> Any:
    """`func` itself, once `remove` is checked: to a caller, a function whose in-place operations
    and views were taken out behaves as one that has them, writes to its arguments included.

    Source: torch.func.functionalize.
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}. "
            "Valid options are 'mutations' and 'mutations_and_views'."
        )
    return func


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """The module itself, with each layer of batch normalization in it stripped of its running
    statistics, which could not be updated for each example of a vmap: they use the batch's.
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
