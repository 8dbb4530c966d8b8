"""What all tests share: seeds, samples of large suites, shards and a limit of time.

Run plainly, pytest runs every test that is not `long`. `make test` takes a fixed sample of the
tests marked `parity` and `fuzz`; `make parity` and `make fuzz` run them all with a fresh seed.
"""

import gc
import random
import signal
import sys
import time
import zlib
from collections.abc import Generator, Iterator

import hypothesis
import numpy as np
import pytest
from oracle import seed_the_cpu_alone

hypothesis.settings.register_profile(
    "fixed", deadline=None, derandomize=True, max_examples=25, database=None
)
hypothesis.settings.register_profile(
    "fresh", deadline=None, max_examples=500, print_blob=True, database=None
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("dynagrad")
    group.addoption("--seed", type=int, default=0, help="seed of all random inputs (default 0)")
    group.addoption("--fresh", action="store_true", help="let Hypothesis search anew, and longer")
    group.addoption("--long", action="store_true", help="run tests marked `long` too")
    group.addoption(
        "--sample", type=int, default=1, metavar="N", help="one in N of the parity and fuzz tests"
    )
    group.addoption(
        "--programs", type=int, default=2000, metavar="N", help="random programs of the surface"
    )
    group.addoption(
        "--shard", default="0/1", metavar="I/N", help="of all tests chosen, the part I of N"
    )
    group.addoption(
        "--time-limit", type=float, default=0, metavar="S", help="skip what is left after S seconds"
    )


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job
        signal.signal(signal.SIGINT, signal.default_int_handler)
    hypothesis.settings.load_profile("fresh" if config.getoption("--fresh") else "fixed")


def pytest_report_header(config: pytest.Config) -> str:
    seed = config.getoption("--seed")
    return f"seed: {seed} (repeat with --seed {seed} --hypothesis-seed {seed})"


def _number(item: pytest.Item) -> int:
    """A number that belongs to the test for good, whatever else is collected."""
    return zlib.crc32(item.nodeid.encode())


def _is_chosen(item: pytest.Item, config: pytest.Config) -> bool:
    if item.get_closest_marker("long") and not config.getoption("--long"):
        return False
    if item.get_closest_marker("parity") or item.get_closest_marker("fuzz"):
        if _number(item) % config.getoption("--sample"):
            return False
    part, parts = map(int, config.getoption("--shard").split("/"))
    # Another digit of the number than the sample's, so that the two do not fall together.
    return _number(item) // 4096 % parts == part % parts


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = [item for item in items if _is_chosen(item, config)]
    if len(chosen) < len(items):
        kept = set(chosen)
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = chosen


def pytest_collection_finish() -> None:
    """Set what is there for good apart: a collection of garbage in a test looks at the rest."""
    if "torch" in sys.modules:
        seed_the_cpu_alone(sys.modules["torch"])
    gc.collect()
    gc.freeze()


START = time.monotonic()


def pytest_runtest_setup(item: pytest.Item) -> None:
    limit = item.config.getoption("--time-limit")
    if limit and time.monotonic() - START > limit:
        pytest.skip(f"the time limit of {limit:g} s has passed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """A test that meets a function of an extra which is not installed is skipped, and says so."""
    try:
        return (yield)
    except ImportError as error:
        if "which is not installed. Install it with: pip install 'dynagrad[" in str(error):
            pytest.skip(str(error))
        raise


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this test: of the run's seed and the test's name."""
    return (request.config.getoption("--seed") * 2654435761 + _number(request.node)) % 2**32


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """A source of random inputs, the same in every run with the same seed."""
    return np.random.default_rng(seed)


@pytest.fixture
def without_collector() -> Iterator[None]:
    """No cyclic collector: what is freed, reference counting has freed."""
    gc.collect()
    gc.freeze()  # what is there already need not be looked at
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def _seeded(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
