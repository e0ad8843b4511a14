"""What every test may use: a home of its own, and the tiny student, made once."""

import signal
import sys

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A store of its own for each test, never the one beside the notebook."""
    folder = tmp_path / ".reasonbook"
    monkeypatch.setenv("REASONBOOK_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def nothing_trains_on():
    """A run that a test leaves in the line would hold up every later training of the process."""
    yield
    kernel_runs = sys.modules.get("reasonbook.training.runs.kernel_runs")
    left = []
    while kernel_runs is not None and (run := kernel_runs.training()) is not None:
        left.append(repr(run))
        run.stop().wait(60)
        kernel_runs.leave(run)
    assert not left, f"the test leaves runs behind: {left}"


@pytest.fixture
def interruptible():
    """SIGINT as a kernel has it; a shell's background job would have it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def tiny_student(tmp_path_factory) -> str:
    """The folder of the tiny student: random weights, a tokenizer trained on the spot."""
    pytest.importorskip("transformers")
    from reasonbook.examples import tiny_student

    return str(tiny_student(tmp_path_factory.mktemp("student") / "tiny"))
