"""What `strict=True` refuses in `autograd.functional`: results that do not depend on an input. The
texts are PyTorch's, which programs match. Imports core.
"""

from typing import Any

from ..core.tensor import edge_of

REFUSED = " This is not allowed in strict mode"
NO_PATH = "The output of the user-provided function is independent of input {i}." + REFUSED + "."
NO_PATH_TO_OUTPUT = (
    "Output {output} of the user-provided function is independent of input {i}." + REFUSED + "."
)
NO_PATH_TO_GRAD = (
    "The gradient with respect to the input is independent of entry {i} in the grad_outputs when "
    "using the double backward trick to compute forward mode gradients." + REFUSED + "."
)
NO_PATH_TO_JACOBIAN = (
    "The jacobian of the user-provided function is independent of input {i}." + REFUSED + "."
)
NO_PATH_TO_HESSIAN = (
    "The hessian of the user-provided function is independent of entry {i} in the grad_jacobian."
    + REFUSED
    + " as it prevents from using the double backward trick to replace forward mode AD."
)
CONSTANT_JACOBIAN = (
    "The jacobian of the user-provided function is independent of input {i}."
    + REFUSED
    + " when create_graph=True."
)
CONSTANT_HESSIAN = (
    "The hessian of the user-provided function is independent of input {i}."
    + REFUSED
    + " when create_graph=True."
)

#: by what the tensors are, the error for one that has no history
WITHOUT_GRAPH = {
    "outputs": "Output {i} of the user-provided function does not require gradients. The outputs "
    "must be computed in a differentiable manner from the input when running in strict mode.",
    "grad_inputs": "The gradient with respect to input {i} is independent of the inputs of the "
    "user-provided function." + REFUSED + ".",
    "jacobian": "While computing the hessian, found that the jacobian of the user-provided "
    "function with respect to input {i} is independent of the input."
    + REFUSED
    + ". You should ensure that your function is twice differentiable and that the jacobian "
    "depends on the inputs (this would be violated by a linear function for example).",
    "hessian": "The hessian of the user-provided function with respect to input {i} is independent "
    "of the input."
    + REFUSED
    + ". You should ensure that your function is thrice differentiable and that the hessian "
    "depends on the inputs.",
}


def require_graph(tensors: Any, kind: str) -> None:
    """Raise RuntimeError where one of `tensors` is None or has no history."""
    for i, t in enumerate(tensors):
        if t is None:
            raise RuntimeError(NO_PATH.format(i=i))
        if edge_of(t) is None:
            raise RuntimeError(WITHOUT_GRAPH[kind].format(i=i))
