"""torch._dynamo.exc: the errors of torch.compile. Imports compiler."""

from ..compiler.request import InvalidBackend, TorchDynamoException, Unsupported

__all__ = ["InvalidBackend", "TorchDynamoException", "Unsupported"]
