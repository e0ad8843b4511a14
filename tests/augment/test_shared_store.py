"""Several notebooks on one store: paid once, one limit, one budget; killed, stopped, with clocks that differ."""

import json
import multiprocessing
import os
import random
import subprocess
import sys
import time

import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.augment import Augmentation, AugmentConfig, augment_partitions
from reasonbook.augment.results import Totals
from reasonbook.augment.sharing.shared_budget import SharedBudget
from reasonbook.augment.sharing.teacher_line import TeacherLine
from reasonbook.augment.work import AnswerKeys
from reasonbook.data.frame import Frame
from reasonbook.data.layout import detect
from reasonbook.job import Status
from reasonbook.store import Ledger, Membership
from reasonbook.teachers import Request, Usage
from reasonbook.teachers.pricing.price import Price
from tests.augment.conftest import check, fields, frame
from tests.servers import weather
from tests.walks import walk

NOTEBOOK = """
import json, sys, time
told = json.loads(sys.argv[1])
if told["clock"]:
    now = time.time
    time.time = lambda: now() + told["clock"]
import reasonbook as rb
from tests.augment.conftest import check, fields, frame
df = frame(told["rows"], start=told["start"])
if told["backwards"]:
    df = df.iloc[::-1].reset_index(drop=True)
import aiohttp, openai
print("ready", flush=True)
input()
job, paused = df.reason.augment(fields(), teacher=told["teacher"], **told["config"]), []
job.stream.subscribe(lambda event: paused.append(event.data.get("paused")) if event.kind == "progress" else None)
job.wait()
if job.status == "COMPLETED":
    check(df)
progress = job.progress
print(json.dumps({"status": str(job.status), "done": progress.done, "cached": progress.cached, "cost": job.cost,
                  "paused": next(filter(None, paused), "")}))
"""


class Notebook:
    """An augmentation in a process of its own, which begins when it is told to."""

    def __init__(self, provider, rows, *, start=0, backwards=False, clock=0.0, **config) -> None:
        told = {
            "rows": rows,
            "start": start,
            "teacher": provider.chat,
            "backwards": backwards,
            "clock": clock,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", NOTEBOOK, json.dumps({**told, "config": config})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def ready(self):
        assert self.process.stdout.readline() == "ready\n"

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self, timeout=90.0):
        out, _ = self.process.communicate(timeout=timeout)
        assert self.process.returncode == 0, out
        return json.loads(out.splitlines()[-1])

    def kill(self):
        self.process.kill()
        self.process.wait()


def begin(*notebooks):
    """All at the same moment, however long they took to start."""
    for notebook in notebooks:
        notebook.ready()
    for notebook in notebooks:
        notebook.go()
    return notebooks


def repeats(provider):
    return sum(count - 1 for count in provider.paid.values())


def until(true, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("backwards", [False, True])
def test_two_notebooks_pay_for_the_same_rows_once(provider, backwards):
    provider.latency = 0.05
    both = (
        Notebook(provider, 800, concurrency=16),
        Notebook(provider, 800, concurrency=16, backwards=backwards),
    )
    ends = [notebook.end() for notebook in begin(*both)]
    assert [end["status"] for end in ends] == ["COMPLETED"] * 2
    assert len(provider.paid) == 800 and repeats(provider) == 0
    assert sum(end["cached"] for end in ends) == 800, "each row was paid by one and free for the other"
    assert all(80 < end["cached"] < 720 for end in ends), "they worked at the same time"


def test_what_another_tells_counts_by_its_own_clock(home, monkeypatch):
    """A pause of ten seconds is one of ten seconds, however far their clocks are apart."""
    store, heard = rb.store.default_store(), []
    keys = AnswerKeys(rb.Schema(fields()), "openai:mock", AugmentConfig())

    class Weather:
        share = 1.0

        def state(self):
            return {"paused_until": time.time() + 10, "rate": 5.0}

        def adopt(self, state):
            heard.append((state["paused_until"] - now(), state.get("rate")))

    now = time.time
    lines = [TeacherLine(store, Membership(store, "openai:mock"), keys, 1, pacer=Weather()) for _ in range(2)]
    lines[0].beat()
    for ahead in (0.0, 86400.0, -7200.0):
        if ahead < 0:
            lines[1].beat(), lines[1].beat(), lines[1].beat()
        monkeypatch.setattr(time, "time", lambda ahead=ahead: now() + ahead)
        lines[0].beat()
        monkeypatch.setattr(time, "time", now)
        heard.clear()
        lines[1].beat()
        rate = None if ahead < 0 else 5.0  # it was told by the younger one then
        assert heard == [(pytest.approx(10.0, abs=2.0), rate)]


@pytest.mark.slow
@pytest.mark.parametrize("clock", [-7200.0, 86400.0])
def test_clocks_that_differ_lose_no_row_and_pay_none_twice(provider, clock):
    provider.latency = 0.05
    both = Notebook(provider, 300, concurrency=8), Notebook(provider, 300, concurrency=8, clock=clock)
    ends = [notebook.end() for notebook in begin(*both)]
    assert [end["done"] for end in ends] == [300, 300]
    assert len(provider.paid) == 300 and repeats(provider) == 0
    assert all(end["cached"] for end in ends)


def ask_in_a_fork(rows, teacher, concurrency, environment):
    """What a notebook does, in a process that has imported everything already."""
    os.environ.update(environment)
    df = frame(rows)
    assert (
        df.reason.augment(fields(), teacher=teacher, concurrency=concurrency).wait().status
        is Status.COMPLETED
    )
    check(df)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="forks")
def test_a_killed_notebook_costs_the_other_its_calls_in_flight_only(provider, home):
    """Two on one store, again and again one of them is killed and begun anew, as five seeds have it."""
    forks, rows, kills, concurrency = multiprocessing.get_context("forkserver"), 240, 1, 16
    forks.set_forkserver_preload(["tests.augment.test_shared_store", "aiohttp", "openai"])
    provider.latency = 0.05
    for seed in range(5):
        provider.clear()
        drawn = random.Random(seed)
        told = {"REASONBOOK_HOME": f"{home}-{seed}", "OPENAI_API_KEY": os.environ["OPENAI_API_KEY"]}

        def begin_one(told=told):
            process = forks.Process(target=ask_in_a_fork, args=(rows, provider.chat, concurrency, told))
            process.start()
            return process

        running = [begin_one(), begin_one()]
        for _ in range(kills):
            at = min(len(provider.paid) + drawn.randint(10, 90), rows - 20)
            until(lambda at=at: len(provider.paid) >= at)
            victim = running.pop(drawn.randrange(2))
            victim.kill()
            victim.join()
            running.append(begin_one())
        for process in running:
            process.join(60)
            assert process.exitcode == 0
        assert len(provider.paid) == rows and repeats(provider) <= kills * concurrency, seed


@pytest.mark.slow
def test_rows_of_a_killed_notebook_are_asked_at_once(provider, schema):
    """Those that it asked; while it lives they wait, and it is said for whom."""
    provider.script = lambda row, attempt: "hang" if attempt == 1 else None
    [other] = begin(Notebook(provider, 12))
    until(lambda: provider.in_flight == 12)
    df = frame(12)
    job = df.reason.augment(schema, teacher=provider.chat)
    until(lambda: job.progress.elsewhere == 12)
    assert "12 rows are being asked by another notebook" in job.how_far
    assert "12 rows are being asked by another notebook" in job._repr_html_()
    time.sleep(0.6)
    assert provider.requests == 12
    other.kill()
    began = time.monotonic()
    job.wait(timeout=20)
    assert time.monotonic() - began < 5.0 and job.status is Status.COMPLETED
    assert provider.requests == 24 and job.progress.elsewhere == 0
    check(df)


@pytest.mark.slow
def test_rows_that_another_job_of_this_notebook_asks_wait_too(provider, schema):
    provider.latency = 0.4
    first, second = frame(30), frame(40)
    one = first.reason.augment(schema, teacher=provider.chat)
    until(lambda: provider.in_flight == 30)
    two = second.reason.augment(schema, teacher=provider.chat)
    one.wait()
    two.wait()
    assert len(provider.paid) == 40 and repeats(provider) == 0
    assert (two.progress.done, two.progress.cached) == (40, 30)
    check(first)
    check(second)


@pytest.mark.slow
def test_jobs_that_ask_other_fields_of_the_same_rows_do_not_wait(provider, schema):
    provider.latency = 0.5
    one = frame(5).reason.augment(rb.Schema(fields()[:2]), teacher=provider.chat)
    until(lambda: provider.in_flight == 5)
    two = frame(5).reason.augment(rb.Schema(fields()[2:]), teacher=provider.chat)
    until(lambda: provider.in_flight == 10)
    assert two.progress.elsewhere == 0
    one.wait()
    two.wait()


@pytest.mark.slow
def test_a_row_that_another_job_gives_up_is_asked(provider, schema):
    failing = ["ROW-000001", "ROW-000002"]
    provider.latency = 0.3
    provider.script = lambda row, attempt: "request" if row in failing and attempt == 1 else None
    one = frame(4).reason.augment(schema, teacher=provider.chat)
    until(lambda: provider.in_flight == 4)
    df = frame(4)
    two = df.reason.augment(schema, teacher=provider.chat)
    one.wait()
    two.wait()
    assert (one.progress.failed, two.progress.failed, two.progress.cached) == (2, 0, 2)
    check(df)


@pytest.mark.slow
@pytest.mark.parametrize("pack", walk([1, 4], fast=[1]))
def test_stop_acts_at_once_while_rows_wait(provider, schema, pack):
    provider.script = lambda row, attempt: "hang"
    one = frame(20).reason.augment(schema, teacher=provider.chat)
    until(lambda: provider.in_flight == 20)
    two = frame(20).reason.augment(schema, teacher=provider.chat, pack=pack)
    until(lambda: two.progress.elsewhere == 20)
    began = time.monotonic()
    two.stop().wait()
    assert time.monotonic() - began <= 0.7 and two.status is Status.CANCELLED
    one.stop().wait()


@pytest.mark.slow
def test_two_that_wait_for_each_other_come_through(provider, schema):
    """Each begins with rows that the other asks later."""
    provider.latency = 0.02
    df, other = frame(300), frame(300).iloc[::-1].reset_index(drop=True)
    jobs = [one.reason.augment(schema, teacher=provider.chat, concurrency=4) for one in (df, other)]
    for job in jobs:
        job.wait()
    check(df)
    check(other)
    assert len(provider.paid) == 300 and repeats(provider) == 0


@pytest.mark.slow
def test_samples_that_another_job_took_are_taken_over(provider, schema):
    provider.latency = 0.3
    one = frame(3).reason.augment(schema, teacher=provider.chat, samples=2)
    until(lambda: provider.in_flight == 3)
    df = frame(3)
    two = df.reason.augment(schema, teacher=provider.chat, samples=3)
    one.wait()
    two.wait()
    assert sum(provider.paid.values()) == 9
    check(df)


@pytest.mark.slow
def test_a_batch_and_a_live_job_do_not_pay_for_the_same_rows(provider, schema):
    provider.batches.seconds = 1.0
    df, other, third = frame(20), frame(30), frame(25)
    batch = df.reason.augment(schema, teacher=provider.chat, mode="batch")
    until(lambda: batch.progress.in_flight == 20)
    live = other.reason.augment(schema, teacher=provider.chat)
    again = third.reason.augment(schema, teacher=provider.chat, mode="batch")
    for job in (batch, live, again):
        job.wait()
    for one in (df, other, third):
        check(one)
    assert sum(provider.paid.values()) == 30 and repeats(provider) == 0


@pytest.mark.slow
def test_a_live_job_takes_over_a_batch_whose_process_has_ended(provider, schema):
    """Its rows are not asked again: the others go first, then the batch is waited for; what it lost is asked."""
    provider.batches.seconds = 4.0
    provider.batches.fate = lambda row: "expired" if row == "ROW-000003" else None
    [other] = begin(Notebook(provider, 20, mode="batch"))
    until(lambda: provider.batches.made)
    df = frame(30)
    job = df.reason.augment(schema, teacher=provider.chat)
    time.sleep(0.5)
    other.kill()
    until(lambda: job.progress.done >= 10)
    assert provider.requests == 10
    assert job.wait().status is Status.COMPLETED
    check(df)
    assert provider.requests == 11 and len(provider.batches.made) == 1
    assert sum(provider.paid.values()) == 30 and repeats(provider) == 0


# -- one limit ---------------------------------------------------------------------------------------------------
@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.parametrize("window", [None, 1.5])
def test_two_notebooks_keep_one_limit_together(provider, window):
    provider.weather = weather.Weather(rate=40, burst=40, window=window, hint="honest")
    both = Notebook(provider, 160, concurrency=16), Notebook(provider, 160, start=1000, concurrency=16)
    assert [one.end()["done"] for one in begin(*both)] == [160, 160]
    refused = provider.statuses[429] / provider.requests
    seconds = provider.last_at - provider.first_at
    print(f"{refused:.0%} refused, {provider.statuses[200] / seconds:.1f} answers a second")
    assert refused <= 0.3 and seconds <= (1.3 if window is None else 1.6) * (320 - 40) / 40 + 1.0


@pytest.mark.alone
@pytest.mark.slow
def test_two_notebooks_wait_out_one_outage_together(provider):
    down = weather.Weather(latency=0.1, status=503, phases=((0.0, {}), (1.5, {"shut": True}), (6.5, {})))
    provider.weather = down
    both = Notebook(provider, 500, concurrency=16), Notebook(provider, 500, start=1000, concurrency=16)
    ends = [one.end() for one in begin(*both)]
    assert [end["done"] for end in ends] == [500, 500]
    assert all("Too many requests" in end["paused"] for end in ends), "both say so"
    assert provider.statuses[503] <= 4 * 16, "calls under way, and probes"
    assert provider.last_at - provider.first_at <= 6.5 + 8.0 + 5.0


# -- one budget --------------------------------------------------------------------------------------------------
def part(df, provider, dollars, concurrency=4):
    """One worker's part of a job with a budget; a call of the provider costs the same for every row."""
    config = AugmentConfig(budget=dollars, price=(100.0, 100.0), concurrency=concurrency)
    return Augmentation(
        Frame(df, detect(df)), rb.Schema(fields()), provider.chat, config, part_of="job", shared=True
    )


def test_workers_spend_one_budget(provider, schema):
    alone = frame(1).reason.augment(schema, teacher=provider.chat, price=(100.0, 100.0)).wait()
    each, before = alone.cost, sum(provider.paid.values())
    provider.latency = 0.01
    jobs = [part(frame(n, start=100 * n), provider, 40 * each) for n in (5, 60, 90)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.wait()
    paid = sum(provider.paid.values()) - before
    assert 40 - 12 <= paid <= 40 + 12, "never more than the calls in flight over or under"
    assert jobs[0].status is Status.COMPLETED and {jobs[1].status, jobs[2].status} == {Status.PARTIAL}
    late = part(frame(20, start=5000), provider, 40 * each).start()
    late.wait()
    assert sum(provider.paid.values()) - before <= 40 + 12


def test_batches_of_one_job_are_granted_what_they_are_likely_to_cost(home):
    """The first takes what it needs, not all that there is; the second what is left."""
    store, price = rb.store.default_store(), Price(0.0, 1_000_000.0)
    requests = [Request("", "", max_tokens=10)] * 5  # about 11 dollars each
    one, two = (SharedBudget(Ledger(store, "job", 80.0), price, Totals()) for _ in range(2))
    assert (one.fitting(requests), two.fitting(requests)) == (5, 2)
    one.pay(Usage(output=20, calls=5))
    one.close()
    assert two.fitting(requests) == 5


@pytest.mark.slow
def test_a_cluster_spends_one_budget_and_pays_for_equal_rows_once(provider, schema):
    """Skewed partitions: all that is to be paid lies in one of them."""
    dd = pytest.importorskip("dask.dataframe")
    distributed = pytest.importorskip("distributed")
    provider.latency = 0.02
    df = pd.concat([frame(250)] * 8, ignore_index=True).sample(frac=1.0, random_state=7, ignore_index=True)
    one = frame(1).reason.augment(schema, teacher=provider.chat, price=(100.0, 100.0)).wait()
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        ddf = dd.from_pandas(df, npartitions=8, sort=False)
        out = augment_partitions(ddf, schema, teacher=provider.chat, workers=2).compute()
        assert len(provider.paid) == 250 and repeats(provider) == 0
        check(out)
        before = sum(provider.paid.values())
        skewed = pd.concat([frame(250), frame(70, start=9000)], ignore_index=True)
        ddf = dd.from_pandas(skewed, npartitions=8, sort=False)
        bounded = augment_partitions(
            ddf,
            schema,
            teacher=provider.chat,
            workers=2,
            budget=60 * one.cost,
            price=(100.0, 100.0),
            concurrency=8,
        ).compute()
        paid = sum(provider.paid.values()) - before
    assert 60 - 8 <= paid <= 60 + 8
    assert int((bounded["reasoning_status"] == "ok").sum()) == 250 + paid
