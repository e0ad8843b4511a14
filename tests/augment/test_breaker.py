"""The breaker in virtual time: outages of every kind are waited out, and a row's own failures are its own."""

import asyncio
import random
from types import SimpleNamespace

import pytest

import reasonbook as rb
from reasonbook.augment import AugmentConfig, augmentation
from reasonbook.augment.engine import live, store_writer
from reasonbook.augment.engine.failures.attempts import Attempts
from reasonbook.augment.engine.failures.breaker import Breaker
from reasonbook.augment.engine.failures.timeouts import CallTimeouts
from reasonbook.augment.engine.pacing import Pacer
from reasonbook.job import Status
from reasonbook.teachers import CallError
from tests.augment.conftest import check, frame
from tests.augment.virtual import ScriptedTeacher, run
from tests.servers.virtual_loop import VirtualLoop

pytestmark = pytest.mark.slow
ONE = "ROW-000001"


@pytest.fixture
def virtual(monkeypatch):
    """Augmentations run in virtual time; a slow disk does not make it jump."""
    monkeypatch.setattr(augmentation.asyncio, "run", run)
    monkeypatch.setattr(augmentation, "_TICK", 0.5)
    monkeypatch.setattr(store_writer, "_SLOW", float("inf"))
    monkeypatch.setattr(
        live, "Pacer", lambda *given, **named: Pacer(*given, clock=asyncio.get_running_loop().time, **named)
    )


def busy(words="Overloaded.", took=0.01, status=503):
    return took, CallError("server", words, status=status)


def refused():
    return 0.001, CallError("server", "the provider cannot be reached (refused)", connected=False)


def slow_down(wait=1.0):
    return 0.01, CallError("rate", "Slow down.", retry_after=wait, status=429)


DOWN = {
    "503": busy,
    "refused": refused,
    "reset": lambda: busy("the provider cannot be reached (reset)", status=0),
    "504 after a while": lambda: busy("Gateway time-out.", took=20.0, status=504),
    "silence": lambda: None,
}


def outage(begins, ends, how, latency=0.5):
    return lambda now, row, attempt: how() if begins <= now < ends else latency


def augment(script, rows, schema, *, teacher=None, **config):
    df = frame(rows)
    teacher = teacher or ScriptedTeacher(script)
    job = df.reason.augment(schema, teacher=teacher, **config)
    try:
        job.wait()
    except rb.ReasonbookError:
        assert job.status is Status.FAILED
    return SimpleNamespace(df=df, job=job, teacher=teacher, notes=notes(job), seconds=last(teacher))


def last(teacher):
    return max([*teacher.answered.values(), *(at for at, _ in teacher.failed)], default=0.0)


def notes(job):
    return [event.data["text"] for event in job.stream if event.kind == "note"]


@pytest.mark.parametrize("how", DOWN)
def test_an_outage_of_two_minutes_costs_no_row_and_few_calls(virtual, schema, how):
    rows = 3000 if how == "503" else 1500
    done = augment(outage(10.0, 130.0, DOWN[how]), rows, schema)
    assert done.job.status is Status.COMPLETED
    check(done.df, range(0, rows, 7))
    assert len(done.teacher.failed) <= 200
    back = min(at for at in done.teacher.answered.values() if at > 130.0) - 0.5
    # A probe that left before the end fails 20 s later at the worst, and the next one waits up to 18 s.
    assert back <= 130.0 + (39.0 if how == "504 after a while" else 20.0)
    hung = 30 if how == "silence" else 0  # a probe from the outage is given as long as any call
    assert done.seconds <= back + rows / (64 / 0.5) + 15 + hung, "and then as fast as before"
    told = [note for note in done.notes if "down since" in note or "answers again" in note]
    assert len(told) == 2 and "Paused" in told[0] and "answers again, after" in told[1]
    paused = [e.data for e in done.job.stream if e.kind == "progress" and e.data["paused"]]
    assert paused and all("next probe in" in data["paused"] and data["eta"] is None for data in paused)
    assert not done.job.progress.paused


@pytest.mark.parametrize("latency, begins", [(0.1, 1.0), (2.0, 5.0)])
def test_after_an_outage_the_brake_is_what_it_is_then(virtual, schema, latency, begins):
    done = augment(outage(begins, begins + 30.0, busy, latency), 1000, schema)
    events = list(done.job.stream)
    [back] = [i for i, e in enumerate(events) if e.kind == "note" and "answers again" in e.data["text"]]
    said = [e.data["brake"] for e in events[back:] if e.kind == "progress"]
    assert said and set(said) == {""}
    assert done.job._engine is None or done.job._engine.pacer.rate is None


@pytest.mark.parametrize("concurrency", [1, 4, 512])
def test_an_outage_at_any_concurrency(virtual, schema, concurrency):
    rows = {1: 60, 4: 200, 512: 4000}[concurrency]
    done = augment(outage(2.0, 122.0, busy), rows, schema, concurrency=concurrency)
    probes = 35  # in two minutes, by waits that are drawn
    assert done.job.status is Status.COMPLETED and len(done.teacher.failed) <= concurrency + probes


def test_answers_that_come_in_after_the_provider_went_down_do_not_hide_it(virtual, schema):
    """Calls under way are still served, for a minute; new ones are refused at once."""
    done = augment(outage(5.0, 125.0, busy, latency=30.0), 300, schema)
    assert done.job.status is Status.COMPLETED and len(done.teacher.failed) <= 120


@pytest.mark.parametrize("rows, begins", [(3, 0.2), (20, 0.2), (70, 0.6)])
def test_an_outage_at_the_end_of_a_job_costs_no_row(virtual, schema, rows, begins):
    script = outage(begins, begins + 120.0, busy)
    done = augment(
        lambda now, row, n: 0.1 if row == "ROW-000000" and n == 1 else script(now, row, n), rows, schema
    )
    assert done.job.status is Status.COMPLETED, done.df["reasoning_error"].dropna().tolist()


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("latency", [0.05, 1.0, 20.0])
def test_load_that_is_shed_is_no_outage(virtual, schema, share, latency):
    drawn = random.Random(1)
    done = augment(lambda now, row, n: busy() if drawn.random() < share else latency, 300, schema)
    assert done.job.progress.failed <= 3, "nine failures in a row are rare"
    assert not any("down since" in note for note in done.notes)


@pytest.mark.parametrize("how", ["503", "reset", "silence"])
@pytest.mark.parametrize("rows", [60, 200])
def test_rows_that_fail_for_ever_end_as_errors_and_are_no_outage(virtual, schema, how, rows):
    script = lambda now, row, n: DOWN[how]() if int(row[4:]) % 5 == 1 else 0.05  # noqa: E731
    done = augment(script, rows, schema, concurrency=64, timeout=60.0)
    assert done.job.status is Status.PARTIAL and done.job.progress.failed == rows / 5
    check(done.df, [i for i in range(rows) if i % 5 != 1])
    others = max(at for row, at in done.teacher.answered.items())
    assert others <= (5 if how != "silence" else 200 * rows / 60)
    assert done.seconds <= 240 * (1 if rows == 60 else 2)


@pytest.mark.parametrize("how", ["503", "429", "429, retry-after 60"])
def test_rows_that_are_refused_by_themselves_end_soon_after_the_others(virtual, schema, how):
    """Thirty of three hundred; the breaker and the pacer take them for what they are."""
    refusal = {"503": busy, "429": slow_down, "429, retry-after 60": lambda: slow_down(60.0)}[how]
    script = lambda now, row, n: refusal() if int(row[4:]) % 10 == 1 else 0.5  # noqa: E731
    done = augment(script, 300, schema)
    assert done.job.status is Status.PARTIAL and done.job.progress.failed == 30
    check(done.df, [i for i in range(300) if i % 10 != 1])
    others = max(done.teacher.answered.values())
    assert others <= 300 / 64 * 0.5 + 1.5 and done.seconds <= others + 30
    said = done.df["reasoning_error"].dropna().tolist()
    assert all("this row was refused" in text and "while others were answered" in text for text in said)
    assert not any("down since" in note for note in done.notes)


def test_a_row_that_always_hangs_holds_nobody_up_and_ends_in_time(virtual, schema):
    done = augment(lambda now, row, n: None if row == ONE else 0.5, 2000, schema)
    assert done.job.status is Status.PARTIAL
    others = max(at for row, at in done.teacher.answered.items() if row != ONE)
    assert others <= 2000 / (63 / 0.5) + 1
    assert done.seconds <= 541 and done.teacher.attempts[ONE] <= 6
    assert "given up after" in done.df["reasoning_error"][1] and not any(
        "down" in note for note in done.notes
    )


def test_the_time_of_a_row_is_a_bound(virtual, schema):
    done = augment(
        lambda now, row, n: None if row == ONE else 0.5, 30, schema, timeout=40.0, row_timeout=60.0
    )
    assert 55 <= done.seconds <= 61
    assert done.df["reasoning_error"][1].startswith("no answer within")


def test_a_wait_of_hours_for_one_row_is_that_rows(virtual, schema):
    done = augment(lambda now, row, n: slow_down(7200) if row == ONE else 0.5, 200, schema)
    assert done.job.status is Status.PARTIAL and done.seconds <= 15 and done.teacher.attempts[ONE] == 2
    assert "asks to wait 2:00:00 for this row alone" in done.df["reasoning_error"][1]
    check(done.df, [0, 2, 199])


def test_a_wait_of_hours_for_all_is_an_account_without_quota(virtual, schema):
    done = augment(lambda now, row, n: slow_down(7200) if now > 3 else 0.5, 2000, schema)
    assert done.job.status is Status.FAILED and "no more answers to this account" in str(done.job.error)
    assert set(done.df["reasoning_status"]) == {"ok", "pending"}, "no row is blamed"


def test_nothing_but_slow_down_for_long_is_an_outage_too(virtual, schema):
    done = augment(outage(5.0, 605.0, slow_down), 1500, schema)
    assert done.job.status is Status.COMPLETED
    assert any("down since" in note and "Slow down" in note for note in done.notes)
    during = [at for at, _ in done.teacher.failed if at > 70.0]
    assert len(during) <= 64 + 540 / 10


def test_an_address_where_nobody_is_ends_the_job_within_seconds(virtual, schema):
    done = augment(lambda now, row, n: refused(), 500, schema)
    assert done.job.status is Status.FAILED and "cannot be reached" in str(done.job.error)
    assert done.seconds <= 8 and len(done.teacher.sent) <= 64 + 24
    assert set(done.df["reasoning_status"]) == {"pending"}


@pytest.mark.parametrize("retries, seconds", [(0, 3), (2, 40), (8, 140)])
def test_a_provider_that_never_answers_is_an_error_after_the_time_of_a_rows_retries(
    virtual, schema, retries, seconds
):
    done = augment(lambda now, row, n: busy("Loading model"), 500, schema, max_retries=retries)
    assert done.job.status is Status.FAILED and "Loading model" in str(done.job.error)
    assert done.seconds <= seconds and len(done.teacher.sent) <= 64 + 48


def test_a_server_that_still_loads_its_model_is_waited_for(virtual, schema):
    done = augment(lambda now, row, n: busy("Loading model") if now < 90 else 0.5, 300, schema)
    assert done.job.status is Status.COMPLETED and done.seconds <= 90 + 15 + 10


def test_an_outage_that_lasts_too_long_ends_the_job_in_part_and_start_goes_on(virtual, schema):
    teacher = ScriptedTeacher(outage(5.0, float("inf"), busy))
    done = augment(None, 2000, schema, teacher=teacher, max_outage=300.0)
    assert done.job.status is Status.PARTIAL and 280 <= done.seconds <= 330
    assert set(done.df["reasoning_status"]) == {"ok", "pending"}
    left = int((done.df["reasoning_status"] == "pending").sum())
    assert "has been down for" in done.notes[-1] and f"{left} rows were not asked" in done.notes[-1]
    assert done.notes[-1].endswith("→ job.start()")
    teacher.script = lambda now, row, n: 0.5
    before = len(teacher.sent)
    done.job.start().wait()
    assert done.job.status is Status.COMPLETED and len(teacher.sent) - before == left
    check(done.df, range(0, 2000, 11))


# -- time-outs ---------------------------------------------------------------------------------------------------
def test_a_thinking_model_is_never_cut(virtual, schema):
    """Half of its answers within 10 s, one in a thousand takes 140."""
    drawn = random.Random(3)
    done = augment(lambda now, row, n: min(170.0, 10 * drawn.lognormvariate(0, 0.85)), 1500, schema)
    assert done.job.status is Status.COMPLETED and not done.teacher.failed


def test_a_few_rows_that_think_for_long_among_quick_ones_are_answered(virtual, schema):
    done = augment(lambda now, row, n: 120.0 if int(row[4:]) % 400 == 399 else 0.5, 2000, schema)
    assert done.job.status is Status.COMPLETED
    assert len(done.teacher.failed) <= 5 * 2, "not more than twice each"


@pytest.mark.parametrize("concurrency", [16, 256])
def test_a_local_server_where_calls_stand_in_line_is_never_cut(virtual, schema, concurrency):
    """Four at once, five seconds each, behind an address: the last in line waits for minutes."""
    free = [0.0] * 4

    def script(now, row, n):
        slot = min(range(4), key=free.__getitem__)
        free[slot] = max(free[slot], now) + 5.0
        return free[slot] - now

    done = augment(script, 700, schema, concurrency=concurrency, timeout=600.0)
    assert done.job.status is Status.COMPLETED and not done.teacher.failed


def test_a_server_that_loads_its_model_with_the_first_call_is_never_cut(virtual, schema):
    teacher = ScriptedTeacher(
        lambda now, row, n: 0.2 if now > 150 else 150.0 - now, free=True, times_out=False
    )
    done = augment(None, 200, schema, teacher=teacher)
    assert done.job.status is Status.COMPLETED and not done.teacher.failed


def test_a_provider_that_becomes_slow_is_waited_for(virtual, schema):
    """Half a second for a while, then a minute: the first are cut, and then nobody is."""
    done = augment(lambda now, row, n: 0.5 if now < 10 else 60.0, 2000, schema)
    assert done.job.status is Status.COMPLETED
    assert len(done.teacher.failed) <= 64 + 48


def test_time_outs_follow_the_answers_of_late():
    limits = CallTimeouts(AugmentConfig(), 8, adapts=True)
    fresh = Attempts()
    for _ in range(31):
        limits.took(0.5)
    assert limits.limit(fresh) == 180.0, "not before enough answers"
    limits.took(0.5)
    assert limits.limit(fresh) == 30.0 and limits.longest(fresh) == 180.0
    assert [limits.limit(Attempts(hangs=n, spent=1.0)) for n in (1, 2, 3)] == [60.0, 120.0, 180.0]
    limits.took(29.0)
    assert limits.limit(fresh) == 116.0, "a slow answer counts at once"
    for _ in range(600):
        limits.took(1.0)
    assert limits.limit(fresh) == 30.0
    assert limits.limit(Attempts(spent=535.0)) == 5.0, "a row's own time is the bound"
    fixed = CallTimeouts(AugmentConfig(), 8, adapts=False)
    for _ in range(100):
        fixed.took(0.1)
    assert fixed.limit(fresh) == 180.0


# -- shared ------------------------------------------------------------------------------------------------------
def breakers(loop, count=2):
    return [Breaker(64, longest=1800.0, ended=lambda: None, clock=loop.time) for _ in range(count)]


def open_by_failures(breaker, error=None):
    calls = [breaker.begin(Attempts()) for _ in range(40)]
    for call in calls:
        breaker.failed(call, error or busy()[1], 64)
        breaker.end(call)


def test_what_one_process_found_out_another_adopts():
    loop = VirtualLoop()

    async def main():
        one, other = breakers(loop)
        answered = other.begin(Attempts())
        other.answered(answered), other.end(answered)
        open_by_failures(one)
        assert one.down and one.pause is None, "a first probe may put it right at once"
        await asyncio.sleep(1.0)
        assert one.pause is not None and other.free
        other.adopt(one.state())
        assert other.down and other.pause.why == "Overloaded." and not other.free
        assert abs(other.pause.since - one.pause.since) < 0.1
        assert abs(other.pause.probe_in - one.pause.probe_in) < 0.1
        turn = asyncio.ensure_future(one.turn())
        await asyncio.sleep(1.0)
        assert turn.done() and one.down
        probe = one.begin(Attempts(), turn=True)
        one.answered(probe)
        one.end(probe)
        assert not one.down and other.down
        other.adopt(one.state())
        assert not other.down and not other.free, "the calls come back step by step"
        other.adopt({**one.state(), "down": True, "changed": 0.0})
        assert not other.down, "what is older says nothing"

    loop.run_until_complete(main())
    loop.close()


def test_calls_come_back_step_by_step_and_few_failures_are_enough_to_wait_again():
    loop = VirtualLoop()

    async def main():
        [breaker] = breakers(loop, 1)
        open_by_failures(breaker)
        turns = [asyncio.ensure_future(breaker.turn()) for _ in range(40)]
        given = lambda: sum(turn.done() for turn in turns)  # noqa: E731
        await asyncio.sleep(0.7)
        assert given() == 1, "one probe"
        for _ in range(3):
            call = breaker.begin(Attempts(), turn=True)
            await asyncio.sleep(0.1)
            breaker.answered(call), breaker.end(call)
            await asyncio.sleep(0)
        assert not breaker.down and 3 <= given() <= 7
        for _ in range(8):
            call = breaker.begin(Attempts(), turn=True)
            await asyncio.sleep(0.1)
            breaker.failed(call, busy()[1], 64), breaker.end(call)
        assert breaker.down
        for turn in turns:
            turn.cancel()

    loop.run_until_complete(main())
    loop.close()
