"""What tests of the compiler share: a cache of their own on disk."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep compiled code out of the user's cache, and what lies there out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DYNAGRAD_CACHE_DIR", str(tmp_path_factory.mktemp("cache") / "kept"))
        yield
