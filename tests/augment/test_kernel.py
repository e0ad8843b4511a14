"""A real kernel: killed in mid-augmentation, interrupted, and left idle while rows arrive."""

import json
import os
import random
import threading
import time

import pytest

from tests.augment.conftest import check
from tests.servers.provider import KEY

CELL = """
import sys; sys.path.insert(0, {root!r})
import reasonbook as rb
from tests.augment.conftest import fields, frame
df = frame({rows})
job = df.reason.augment(fields(), teacher={teacher!r}, concurrency={concurrency})
"""
ROWS, CONCURRENCY = 240, 12


class Kernel:
    """A kernel of its own process."""

    def __init__(self, home) -> None:
        from jupyter_client.manager import KernelManager

        env = {**os.environ, "REASONBOOK_HOME": str(home), "OPENAI_API_KEY": KEY, "OMP_NUM_THREADS": "1"}
        self.manager = KernelManager()
        self.manager.start_kernel(env=env)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code: str) -> str:
        """Runs a cell and returns what it printed."""
        out: list[str] = []

        def keep(message):
            content = message["content"]
            if message["msg_type"] == "stream":
                out.append(content["text"])
            elif message["msg_type"] == "error":
                out.append("\n".join(content["traceback"]))

        self.client.execute_interactive(code, timeout=60, output_hook=keep)
        return "".join(out)

    def kill(self) -> None:
        self.manager.provisioner.process.kill()
        self.manager.provisioner.process.wait()
        self.client.stop_channels()
        self.manager.cleanup_resources()

    def end(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def cell(provider, rows=ROWS, concurrency=CONCURRENCY) -> str:
    return CELL.format(root=os.getcwd(), rows=rows, teacher=provider.chat, concurrency=concurrency)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.slow
def test_a_killed_kernel_pays_again_for_calls_in_flight_only(provider, home, seed):
    drawn = random.Random(seed)
    provider.latency = drawn.choice((0.005, 0.02, 0.05))
    kill_at = drawn.randint(5, ROWS - 5)
    kernel = Kernel(home)
    kernel.client.execute(cell(provider) + "job.wait()")
    deadline = time.monotonic() + 60
    while sum(provider.paid.values()) < kill_at and time.monotonic() < deadline:
        time.sleep(0.001)
    kernel.kill()
    paid = dict(provider.paid)
    assert kill_at <= len(paid) < ROWS
    provider.latency = 0.0
    kernel = Kernel(home)
    try:
        out = kernel.run(cell(provider) + "job.wait(); print(job.progress.cached, job.status)")
        kernel.run("df.to_json('%s', orient='records')" % (home / "df.json"))
    finally:
        kernel.end()
    cached, status = out.split()[-2:]
    assert status == "COMPLETED", out
    repeats = sum(count - 1 for count in provider.paid.values())
    assert len(provider.paid) == ROWS and repeats <= CONCURRENCY
    assert int(cached) >= len(paid) - CONCURRENCY
    import pandas as pd

    df = pd.DataFrame(json.loads((home / "df.json").read_text()))
    check(df)
    for path in home.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()


@pytest.mark.alone
def test_rows_arrive_between_cells_and_an_interrupt_stops(provider, home):
    provider.latency = 0.05
    kernel = Kernel(home)
    try:
        rows = 1200
        assert kernel.run(cell(provider, rows=rows)) == "", "the cell returns at once and prints nothing"
        count = "print(int((df.get('reasoning_status') == 'ok').sum() if 'reasoning_status' in df else 0), job.status)"
        done, deadline = "0", time.monotonic() + 30
        while done == "0" and time.monotonic() < deadline:
            time.sleep(0.2)
            done, status = kernel.run(count).split()
        assert 0 < int(done) < rows and status == "RUNNING"
        at = []

        def interrupt():
            at.append(time.monotonic())
            kernel.manager.interrupt_kernel()

        threading.Timer(0.5, interrupt).start()
        assert "KeyboardInterrupt" in kernel.run("job.wait()")
        assert time.monotonic() - at[0] <= 0.7, "0.5 s, and the way of the message"
        out = kernel.run("job.wait(timeout=2); " + count)
        assert "CANCELLED" in out
        assert int(out.split()[-2]) > int(done)
        assert KEY not in kernel.run("raise RuntimeError(repr(vars(job)))")
    finally:
        kernel.end()


@pytest.mark.slow
def test_two_kernels_share_one_store(provider, home):
    provider.latency = 0.005
    kernels = [Kernel(home), Kernel(home)]
    try:
        for kernel in kernels:
            kernel.client.execute(cell(provider) + "job.wait()")
        for kernel in kernels:
            assert "COMPLETED" in kernel.run("print(job.status, (df.reasoning_status == 'ok').sum())")
    finally:
        for kernel in kernels:
            kernel.end()
    assert len(provider.paid) == ROWS
