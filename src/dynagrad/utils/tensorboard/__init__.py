"""torch.utils.tensorboard: what a program writes for TensorBoard. Needs the package tensorboard.

Importing this without the package raises ImportError, as in PyTorch.
"""

from .writer import FileWriter, RecordWriter, SummaryWriter

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]
