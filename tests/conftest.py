"""What every test may use: a home of its own, and the tiny student, made once."""

import gc
import hashlib
import os
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

# The format "iri" of JSON Schema, which no notebook has: jsonschema would build 38 grammars for it at its import.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection():
    """What collecting imports and makes lives to the end; no collection of garbage need look at it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


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
def tiny_student(pytestconfig) -> str:
    """The folder of the tiny student: random weights, a tokenizer trained once for all processes and sessions."""
    version = pytest.importorskip("transformers").__version__
    from reasonbook.examples import small_student, tiny_student

    sources = b"".join(path.read_bytes() for path in sorted(Path(small_student.__file__).parent.glob("*.py")))
    students = pytestconfig.cache.mkdir("students")
    place = students / f"{version}-{hashlib.sha256(sources).hexdigest()[:12]}"
    if not place.exists():
        with tempfile.TemporaryDirectory(dir=students) as scratch:
            tiny_student(Path(scratch) / "made" / "tiny")
            with suppress(OSError):  # another worker was quicker
                os.rename(f"{scratch}/made", place)
    return str(place / "tiny")
