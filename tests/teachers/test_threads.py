"""The threads of sync teachers: a job that ended early leaves none behind that the next one would wait for."""

import asyncio
import threading
import time

import pytest

from reasonbook.teachers.python import Threads


def test_a_new_job_does_not_wait_for_threads_of_an_old_one():
    threads, gate = Threads(), threading.Event()

    async def first():
        call = asyncio.ensure_future(threads.run(gate.wait))
        await asyncio.sleep(0.05)
        call.cancel()
        threads.close()

    async def second():
        return await asyncio.wait_for(threads.run(lambda: "here"), 20)

    asyncio.run(first())
    gate.set()  # the old thread comes back from its function only now
    time.sleep(0.1)
    assert asyncio.run(second()) == "here"


def test_errors_and_results_reach_the_caller():
    threads = Threads()

    def wrong():
        raise ValueError("no")

    async def both():
        with pytest.raises(ValueError, match="no"):
            await threads.run(wrong)
        return await asyncio.gather(*(threads.run(lambda i=i: i * i) for i in range(20)))

    assert asyncio.run(both()) == [i * i for i in range(20)]
    threads.close()


def test_results_that_come_while_the_loop_is_busy_wake_it_once():
    threads, gate, woken = Threads(), threading.Event(), []

    async def busy():
        loop = asyncio.get_running_loop()
        wake = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda *given: woken.append(given) or wake(*given)
        calls = [asyncio.ensure_future(threads.run(gate.wait)) for _ in range(12)]
        await asyncio.sleep(0.05)
        gate.set()
        time.sleep(0.2)
        return await asyncio.wait_for(asyncio.gather(*calls), 20)

    assert asyncio.run(busy()) == [True] * 12
    assert len(woken) == 1
    threads.close()
