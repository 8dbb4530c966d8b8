"""torch.onnx as far as training programs touch it: they import it, ask, and may export at the end.

Files of that format are not written: `export` says so and what to do. Imports nothing.
"""

from typing import Any, NoReturn

__all__ = ["OnnxExporterError", "export", "is_in_onnx_export"]


class OnnxExporterError(RuntimeError):
    """A model could not be exported."""


def export(model: Any, args: tuple[Any, ...] = (), f: Any = None, **options: Any) -> NoReturn:
    """Refused with OnnxExporterError: there is no writer of ONNX files here."""
    raise OnnxExporterError(
        f"Failed to export the model of type {type(model).__name__} to ONNX\n"
        "dynagrad writes no ONNX files. Save the weights with torch.save(model.state_dict(), path),"
        " load them into the same model under PyTorch, and export it there."
    )


def is_in_onnx_export() -> bool:
    """Whether a model is being exported: never."""
    return False
