"""One finished pair of runs for all tests that only look at them."""

from __future__ import annotations

import pytest

from tests.training.refund_chat import refund_chat


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Tests share the cores with each other."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def nothing_trains_on():
    """A test that fails in mid-training must not fail the next one."""
    yield
    from reasonbook.training.runs import kernel_runs

    while (left := kernel_runs.training()) is not None:
        left.stop()._done.wait(60)


@pytest.fixture
def pair(trained, home, monkeypatch):
    """The finished runs, with their own home as the current one."""
    monkeypatch.setenv("REASONBOOK_HOME", str(trained[0].folder.parents[1]))
    return trained


@pytest.fixture(scope="module")
def weights():
    """What the parts of the thinking run count; a module may have its own."""
    return {}


@pytest.fixture(scope="module")
def trained(tiny_student, tmp_path_factory, weights):
    """Answers only and thinking first, twelve steps each: (plain, thinking)."""
    from reasonbook.training import train

    patch = pytest.MonkeyPatch()
    patch.setenv("REASONBOOK_HOME", str(tmp_path_factory.mktemp("home")))
    patch.setenv("OMP_NUM_THREADS", "1")
    settings = {"max_steps": 12, "batch_size": 8, "eval_every": 6, "samples": 2, "sample_tokens": 24}
    plain = train(refund_chat(tiny_student, strategy="final_only"), **settings).wait()
    thinking = train(refund_chat(tiny_student, weights=weights), **settings).wait()
    yield plain, thinking
    patch.undo()
