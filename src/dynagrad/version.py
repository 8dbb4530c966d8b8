"""torch.version: what the library was built with, which is nothing but Python. Imports nothing."""

__all__ = ["cuda", "debug", "git_version", "hip", "xpu"]

debug = False
cuda: str | None = None
git_version = ""
hip: str | None = None
xpu: str | None = None
