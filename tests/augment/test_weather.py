"""The weathers that matter most, for real: a job against the provider on loopback, from the request to the frame."""

from dataclasses import replace

import pytest

from reasonbook.job import Status
from reasonbook.widgets.augment_progress import AugmentProgress
from tests.augment.conftest import check, frame
from tests.augment.test_live import teachers
from tests.servers.simulator import best
from tests.servers.weather import WEATHERS
from tests.walks import walk

# Weather → rows, and what the job says of it. Shed ones answer later than in the simulator, lest the CPU be the limit.
REAL = {
    "30 a second": (150, "provider's limit"),
    "looser headers than limit": (150, "provider's limit"),
    "8 at once": (300, "8 calls at once, the provider's cap"),
    "20% shed, retry-after 1": (600, "shed, not a rate limit"),
    "40% shed, no hint": (600, "shed, not a rate limit"),
    "20% shed as 503": (600, "shed, not a rate limit"),
}


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_a_job_in_this_weather(provider, schema, name):
    (rows, brake), weather = REAL[name], WEATHERS[name]
    provider.weather = weather = replace(weather, latency=0.4) if weather.shed else weather
    df, said = frame(rows), []
    job = df.reason.augment(schema, teacher=provider.chat)
    job.stream.subscribe(
        lambda event: said.append(event.data.get("brake", "")) if event.kind == "progress" else None
    )
    assert job.wait().status is Status.COMPLETED
    check(df)
    ideal = best(weather, rows=rows)[0].seconds
    took, refused = provider.last_at - provider.first_at, provider.requests - provider.statuses[200]
    assert took <= 1.3 * ideal + 1.0, f"{took:.1f} s, ideal {ideal:.1f} s"
    assert sum(provider.paid.values()) == rows
    if weather.limited:
        assert refused <= 0.3 * provider.requests + 64  # the first wave is unforeseen
    assert any(brake in text for text in said), set(said)


@pytest.mark.alone
@pytest.mark.slow
def test_ten_seconds_of_refusals_and_then_none(provider, schema):
    provider.weather = "10 s shut, then free"
    df, said = frame(400), []
    job = df.reason.augment(schema, teacher=provider.chat)
    job.stream.subscribe(
        lambda event: said.append(event.data.get("brake", "")) if event.kind == "progress" else None
    )
    assert job.wait().status is Status.COMPLETED
    check(df)
    assert (
        provider.last_at - provider.first_at
        <= 1.3 * best(WEATHERS["10 s shut, then free"], rows=400)[0].seconds + 1.0
    )
    assert any(text.startswith("nothing gets through") for text in said)
    assert provider.requests - provider.statuses[200] <= 64 + 40


@pytest.mark.slow
def test_rows_that_the_provider_refuses_by_themselves_end_as_errors(provider, schema, monkeypatch):
    monkeypatch.setattr("reasonbook.augment.engine.failures.own_refusals._PAUSE", 0.6)
    monkeypatch.setattr("reasonbook.augment.engine.failures.own_refusals._SILENT", 3.0)
    provider.latency, provider.retry_after = 0.05, 0.5
    provider.script = lambda row, attempt: "rate" if int(row[4:]) % 10 == 4 else None
    df = frame(300)
    job = df.reason.augment(schema, teacher=provider.chat).wait()
    assert job.status is Status.PARTIAL and job.progress.failed == 30
    check(df, [i for i in range(300) if i % 10 != 4])
    assert provider.last_at - provider.first_at <= 10.0, "others, three seconds, one more try"
    assert all("while others were answered" in text for text in df["reasoning_error"].dropna())


@pytest.mark.slow
def test_a_rate_that_is_given_is_kept_from_the_first_call(provider, schema):
    df = frame(30)
    df.reason.augment(schema, teacher=provider.chat, rpm=600).wait()
    assert provider.last_at - provider.first_at >= 0.8 * (30 - 10) / 10
    check(df)


@pytest.mark.parametrize("dialect", walk(["chat", "responses", "messages"], fast=["chat"]))
def test_two_jobs_of_one_teacher_each_hear_the_limits_of_their_own_calls(provider, schema, dialect):
    provider.headers, provider.latency = True, 0.05
    teacher, frames = teachers(provider)[dialect], (frame(30), frame(30, start=30))
    jobs = [df.reason.augment(schema, teacher=teacher) for df in frames]
    for job, df in zip(jobs, frames, strict=True):
        assert job.wait().status is Status.COMPLETED
        check(df)
        pacer = job._engine.pacer
        assert pacer.rate == pytest.approx(100.0 * pacer.share), "two jobs on one store halve it"


@pytest.mark.slow
def test_the_card_and_the_line_say_what_the_brake_is(provider, schema):
    provider.latency = 0.02
    df = frame(40)
    job = df.reason.augment(schema, teacher=provider.chat, rpm=1200)
    while job.progress.done < 25:
        job.wait(0.05) if job.running else None
    assert "your limit 20/s" in job.how_far and "your limit 20/s" in job._repr_html_()
    assert AugmentProgress(job).snapshot()["progress"].brake == "your limit 20/s"
    job.wait()
    assert job.progress.brake == "" and "your limit" not in job._repr_html_()
