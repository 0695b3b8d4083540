"""What all tests stand on."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# A shell that starts the tests in the background has them ignore Ctrl-C, and `nohup` a terminal
# that closes; what they start would ignore them too.
for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
        signal.signal(getattr(signal, name), handler)

# Property tests try few examples, the same ones each time, unless DESCENT_TESTS=thorough asks for
# many that nobody has tried before. No test fails because the machine had something else to do;
# and `tmp_path` may serve a test's examples one after the other.
COMMON = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("fast", COMMON, max_examples=25, derandomize=True, database=None)
settings.register_profile("thorough", COMMON, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("DESCENT_TESTS", "fast"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no core is left alone with it in the end."""
    items.sort(key=lambda item: "faults" not in item.path.parts)
