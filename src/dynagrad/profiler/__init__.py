"""The profiler: time, calls and bytes kept for backward, by operation, source line and module, as
torch.profiler and beyond it.
"""

from .annotation import record_function
from .profile import profile
from .schedules import (
    ProfilerAction,
    ProfilerActivity,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)

__all__ = [
    "ProfilerAction",
    "ProfilerActivity",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]
