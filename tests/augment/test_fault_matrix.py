"""Every fault of a provider, met by some rows of sixty: none is lost, none is silently wrong, no call too many."""

import time

import pytest

import reasonbook as rb
from reasonbook.job import Status
from reasonbook.teachers.openai import OpenAI
from tests.augment.conftest import FAST, check, frame
from tests.servers.faults import ALWAYS, MATRIX, Exchange, Fault
from tests.servers.provider import KEY, Provider

pytestmark = pytest.mark.slow
ROWS = 60


@pytest.mark.parametrize("fault", MATRIX, ids=lambda fault: fault.name)
def test_a_fault_costs_no_other_row_and_no_call_too_many(provider, schema, fault: Fault):
    provider.script = fault
    df = frame(ROWS)
    teacher = OpenAI("mock", base_url=provider.url, api="chat")
    job = df.reason.augment(schema, teacher=teacher, **fault.options).wait(timeout=30)
    assert job.status.final, job.how_far
    met = [i for i in range(ROWS) if fault.meets(f"ROW-{i:06d}")]
    assert met and len(met) <= ROWS / 2
    check(df, [i for i in range(ROWS) if i not in met])
    status = df["reasoning_status"]
    assert set(status) <= {"ok", "error"}, "no row is lost"
    for i in met:
        if status[i] == "ok":
            assert fault.ends != "error", df["reasoning"][i]
            if fault.ends == "right":
                check(df, [i])
        else:
            assert fault.ends != "right", df["reasoning_error"][i]
            assert df["reasoning_error"][i] and fault.words in df["reasoning_error"][i]
    assert job.status is (Status.COMPLETED if (status == "ok").all() else Status.PARTIAL)
    least = ROWS - len(met) + len(met) * fault.calls
    assert provider.requests <= least, f"{provider.requests} calls where {least} do"
    if fault.ends != "either":
        assert provider.requests == least
    assert job.usage.calls == provider.statuses[200], "every answer that is paid for is counted"


@pytest.mark.parametrize("values", ["I'm sorry, but I can't help with that.", "N/A", "...", "string"])
def test_a_soft_refusal_is_an_answer_that_the_review_flags(provider, schema, values):
    """No form tells it from an answer; what may look at its words does."""
    fault = Fault("soft", lambda x: x.sends(x.filled(customer_intent=values)), times=ALWAYS, calls=1)
    provider.script = fault
    df = frame(10)
    df.reason.augment(schema, teacher=provider.chat).wait()
    assert provider.requests == 10 and set(df["reasoning_status"]) <= {"ok", "error"}


def late(write, words):
    """A fault of every call from the thirtieth row on."""
    fault = Fault("late", write, times=ALWAYS)

    def script(row, attempt):
        return fault if int(row[4:]) >= 30 else None

    return pytest.param(script, words, id=words)


@pytest.mark.parametrize(
    "script, words",
    [
        late(lambda x: x.refuses(401, "invalid_api_key", "Incorrect API key."), "refused the API key"),
        late(lambda x: x.refuses(429, "insufficient_quota", "No credit."), "no more answers"),
        late(
            lambda x: x.refuses(429, "rate_limit_error", "Daily limit.", retry_after="7200"),
            "no more answers",
        ),
    ],
)
def test_what_ends_the_job_keeps_what_is_paid_and_a_rerun_pays_the_rest(provider, schema, script, words):
    provider.script = script
    df = frame(ROWS)
    job = df.reason.augment(schema, teacher=provider.chat, concurrency=8)
    with pytest.raises(rb.ReasonbookError, match=words):
        job.wait()
    assert job.status is Status.FAILED
    check(df, range(30))
    assert set(df["reasoning_status"][30:]) == {"pending"}
    provider.script = None
    df.reason.augment(schema, teacher=provider.chat).wait()
    check(df)
    assert set(provider.paid.values()) == {1}


def test_a_provider_that_only_streams_ends_the_job_in_words(provider, schema):
    fault = Fault(
        "stream", lambda x: x.refuses(400, "invalid_request_error", "Set stream=true."), times=ALWAYS, every=1
    )
    provider.script = lambda row, attempt: fault
    job = frame(ROWS).reason.augment(schema, teacher=provider.chat, concurrency=8)
    with pytest.raises(rb.ReasonbookError, match=r"refuses every request: Set stream=true"):
        job.wait()
    assert provider.requests < ROWS


def test_a_very_long_wait_that_is_asked_for_once_is_looked_at_twice(provider, schema, monkeypatch):
    monkeypatch.setattr("reasonbook.augment.engine.failures.retries._SECOND_LOOK", 0.2)

    def write(x: Exchange):
        return x.refuses(429, "rate_limit_error", "Slow down.", retry_after="7200")

    fault = Fault("once", write, every=60)
    provider.script = fault
    df = frame(12)
    job = df.reason.augment(schema, teacher=provider.chat).wait()
    assert job.status is Status.COMPLETED
    check(df)


# -- outages -------------------------------------------------------------------------------------------------------
class Outage:
    """A script by which every call meets a fault for so many seconds, from so many requests on."""

    def __init__(self, provider, begins, seconds, fault):
        self.provider, self.begins, self.seconds, self.fault = provider, begins, seconds, fault
        self.began = self.noticed = None

    def __call__(self, row, attempt):
        now = time.monotonic()
        if self.began is None and self.provider.requests >= self.begins:
            self.began = now
        if self.began is None:
            return None
        if now - self.began < self.seconds:
            return self.fault
        self.noticed = self.noticed or now - self.began - self.seconds
        return None


@pytest.mark.parametrize("fault", ["overloaded", "reset"])
def test_an_outage_is_waited_out_and_said(provider, schema, fast, fault):
    provider.latency = 0.02
    provider.script = Outage(provider, 300, 6.0, fault)
    df = frame(1000)
    job = df.reason.augment(schema, teacher=provider.chat)
    seen = set()
    while job.running:
        job.deliver(0.05)
        if job.progress.paused:
            assert "paused: the provider is down since" in job.how_far and "next probe in" in job.how_far
            assert "Paused: the provider is down" in job._repr_html_()
            seen.add(job.progress.eta)
    job.wait()
    assert job.status is Status.COMPLETED and seen == {None}
    check(df)
    assert provider.requests - 1000 <= 200
    assert provider.script.noticed <= 1.2 * FAST.longest + 1.0


def test_a_server_that_goes_away_and_comes_back_on_its_port(provider, schema, fast):
    provider.latency = 0.05
    df = frame(600)
    job = df.reason.augment(schema, teacher=provider.chat, concurrency=16)
    job.wait(timeout=0.7)
    provider.__exit__()
    job.wait(timeout=2.0)
    assert "cannot be reached" in job.progress.paused
    with Provider(key=KEY, port=provider.port) as again:
        job.wait()
        assert again.requests > 100
    assert job.status is Status.COMPLETED
    check(df)


@pytest.mark.alone
def test_stop_acts_at_once_while_the_provider_is_down(provider, schema):
    provider.script = Outage(provider, 20, 3600.0, "overloaded")
    df = frame(400)
    job = df.reason.augment(schema, teacher=provider.chat, concurrency=8)
    job.wait(timeout=3.0)
    assert job.progress.paused
    at = time.monotonic()
    job.stop().wait()
    assert time.monotonic() - at <= 0.5 and job.status is Status.CANCELLED
    assert set(df["reasoning_status"]) == {"ok", "pending"}


def test_an_outage_that_lasts_too_long_leaves_the_rest_to_a_rerun(provider, schema, fast):
    provider.script = Outage(provider, 50, 3600.0, "server")
    df = frame(400)
    job = df.reason.augment(schema, teacher=provider.chat, concurrency=8, max_outage=2.0).wait()
    assert job.status is Status.PARTIAL and set(df["reasoning_status"]) == {"ok", "pending"}
    note = [event.data["text"] for event in job.stream if event.kind == "note"][-1]
    assert "has been down for 2 s (Internal error)" in note and note.endswith("→ job.start()")
    provider.script = None
    job.start().wait()
    assert job.status is Status.COMPLETED and set(provider.paid.values()) == {1}
    check(df)


def test_a_packed_job_waits_an_outage_out(provider, schema, fast):
    provider.latency = 0.02
    provider.script = Outage(provider, 20, 3.0, "overloaded")
    df = frame(400)
    job = df.reason.augment(schema, teacher=provider.chat, pack=4, concurrency=8).wait()
    assert job.status is Status.COMPLETED
    check(df)


def test_a_dataset_whose_provider_stays_away_goes_on_with_the_next_run(provider, schema, fast, tmp_path):
    provider.script = Outage(provider, 20, 3600.0, "overloaded")
    frame(90).to_json(tmp_path / "in.jsonl", orient="records", lines=True)

    def run(**options):
        given = (tmp_path / "in.jsonl", tmp_path / "out", schema)
        return rb.augment_dataset(*given, teacher=provider.chat, rows=30, concurrency=4, **options).wait()

    job = run(max_outage=1.0)
    assert job.status is Status.PARTIAL
    note = [event.data["text"] for event in job.stream if event.kind == "note"][-1]
    assert "has been down for 1 s (Overloaded)" in note and "run the line again" in note
    provider.script = None
    assert run().status is Status.COMPLETED
    assert len(provider.paid) == 90 and set(provider.paid.values()) == {1}
