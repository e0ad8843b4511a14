"""Batch mode: handed in, waited for, taken in; across restarts, with every fate a batch can meet."""

import time

import pytest

import reasonbook as rb
from reasonbook.augment import Augmentation, AugmentConfig
from reasonbook.data.frame import Frame
from reasonbook.data.layout import detect
from reasonbook.errors import ReasonbookError, TeacherError
from reasonbook.job import Status
from reasonbook.store import default_store
from tests.augment.conftest import check, frame
from tests.augment.test_live import teachers
from tests.walks import walk

DIALECTS = ["chat", "responses", "messages"]


def job_of(df, schema, teacher, **config):
    return Augmentation(Frame(df, detect(df)), schema, teacher, AugmentConfig(mode="batch", **config))


def wait_for(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("dialect", walk(DIALECTS, fast=["chat"]))
def test_fills_the_frame_at_half_price(provider, schema, dialect):
    df = frame(60)
    df.loc[59, "prompt"] = df.loc[0, "prompt"]
    job = df.reason.augment(
        schema, teacher=teachers(provider)[dialect], mode="batch", price=(2.0, 10.0)
    ).wait()
    assert job.status is Status.COMPLETED and job.progress.done == 60
    check(df)
    assert provider.requests == 0 and len(provider.batches.made) == 1
    assert sum(provider.paid.values()) == 59 and job.usage.calls == 59
    assert job.cost == pytest.approx(0.5 * 59 * (120 * 2.0 + 40 * 10.0) / 1e6, rel=0.2)
    # The answers are the rows' own: live mode finds them too.
    again = frame(59)
    again.reason.augment(schema, teacher=teachers(provider)[dialect]).wait()
    assert provider.requests == 0
    check(again)


@pytest.mark.parametrize("dialect", walk(DIALECTS, fast=["chat"]))
@pytest.mark.slow
def test_a_restart_takes_in_what_was_handed_in(provider, schema, dialect):
    provider.batches.seconds = 2.0
    teacher = teachers(provider)[dialect]
    df = frame(30)
    job = df.reason.augment(schema, teacher=teacher, mode="batch")
    wait_for(lambda: provider.batches.made)
    wait_for(lambda: job.progress.in_flight == 30)
    started = time.monotonic()
    job.stop().wait()
    assert time.monotonic() - started < 5 and job.status is Status.CANCELLED
    assert df["reasoning_status"].tolist() == ["pending"] * 30 and provider.batches.cancels == 0
    default_store().close()  # as a new kernel would find it
    import reasonbook.store.database as stores

    stores._stores.clear()
    new = frame(40)  # ten rows more than the batch has
    rb_job = new.reason.augment(schema, teacher=teachers(provider)[dialect], mode="batch").wait()
    assert rb_job.status is Status.COMPLETED
    check(new)
    assert len(provider.batches.made) == 2 and len(list(provider.batches.made.values())[1]["asked"]) == 10
    assert set(provider.paid.values()) == {1}


@pytest.mark.parametrize("dialect", walk(DIALECTS, fast=["chat"]))
def test_a_batch_whose_receipt_was_lost_is_found_again(provider, schema, dialect):
    """The provider has the batch, and the process ended or the line broke before it said so."""
    provider.batches.breaks = "after"
    with pytest.raises(TeacherError, match="cannot be reached"):
        frame(12).reason.augment(schema, teacher=teachers(provider)[dialect], mode="batch").wait()
    assert len(provider.batches.made) == 1
    provider.batches.breaks = None
    others = frame(12, start=500)  # a batch of the same size that has nothing to do with it
    others.reason.augment(schema, teacher=teachers(provider)[dialect], mode="batch").wait()
    check(others)
    df = frame(14)
    df.reason.augment(schema, teacher=teachers(provider)[dialect], mode="batch").wait()
    check(df)
    assert [len(one["asked"]) for one in provider.batches.made.values()] == [12, 12, 2]
    assert set(provider.paid.values()) == {1}


@pytest.mark.parametrize("dialect", walk(DIALECTS, fast=["chat"]))
def test_a_batch_that_never_arrived_is_sent_once_more(provider, schema, dialect):
    provider.batches.breaks = "before"
    df = frame(3)
    with pytest.raises(TeacherError, match="cannot be reached"):
        df.reason.augment(schema, teacher=teachers(provider)[dialect], mode="batch").wait()
    assert not provider.batches.made
    provider.batches.breaks = None
    for _ in range(2):
        df.reason.augment(schema, teacher=teachers(provider)[dialect], mode="batch").wait()
    check(df)
    assert len(provider.batches.made) == 1 and set(provider.paid.values()) == {1}


@pytest.mark.slow
def test_a_batch_of_two_frames_serves_both(provider, schema):
    """A frame that has only some of a batch's rows takes those and leaves the others for their own frame."""
    provider.batches.seconds = 1.0
    teacher = teachers(provider)["chat"]
    first = frame(20)
    job = job_of(first, schema, teacher).start()
    wait_for(lambda: job.progress.in_flight == 20)
    job.stop().wait()
    some = frame(5)
    job_of(some, schema, teachers(provider)["chat"]).start().wait()
    check(some)
    rest = frame(20)
    job_of(rest, schema, teachers(provider)["chat"]).start().wait()
    check(rest)
    assert len(provider.batches.made) == 1 and sum(provider.paid.values()) == 20


@pytest.mark.parametrize("dialect", walk(DIALECTS, fast=["chat"]))
def test_rows_that_fail_are_told_and_rows_that_expire_go_again(provider, schema, dialect):
    seen: dict[str, int] = {}

    def fate(row):
        seen[row] = seen.get(row, 0) + 1
        if row == "ROW-000002":
            return "errored"
        if row == "ROW-000004":
            return "expired" if seen[row] == 1 else None
        if row == "ROW-000006":
            return "malformed" if seen[row] == 1 else None
        return "refuse" if row == "ROW-000008" else None

    provider.batches.fate = fate
    df = frame(12)
    job = df.reason.augment(schema, teacher=teachers(provider)[dialect], mode="batch").wait()
    assert job.status is Status.PARTIAL
    check(df, [0, 1, 3, 4, 5, 6, 7, 9, 10, 11])
    errors = job.errors.set_index("position")
    assert sorted(errors.index) == [2, 8]
    assert "Too long" in errors.loc[2, "error"] and "refused" in errors.loc[8, "error"]
    assert errors.loc[8, "text"] and errors.loc[8, "output_tokens"] > 0
    assert seen["ROW-000008"] == 2, "one re-ask"
    assert len(provider.batches.made) == 2


@pytest.mark.parametrize("dialect", walk(DIALECTS, fast=["chat"]))
def test_cancel_ends_the_batch_and_keeps_what_it_has(provider, schema, dialect):
    provider.batches.seconds = 60.0
    df = frame(20)
    job = df.reason.augment(schema, teacher=teachers(provider)[dialect], mode="batch")
    wait_for(lambda: job.progress.in_flight == 20)
    job.cancel().wait()
    assert job.status is Status.CANCELLED and provider.batches.cancels == 1
    check(df, range(10))
    assert df["reasoning_status"].tolist()[10:] == ["pending"] * 10
    provider.batches.seconds = 0.0
    df.reason.augment(schema, teacher=teachers(provider)[dialect], mode="batch").wait()
    check(df)
    assert set(provider.paid.values()) == {1}


def test_a_batch_that_fails_as_a_whole_is_told(provider, schema):
    provider.batches.ends = "failed"
    df = frame(4)
    job = df.reason.augment(schema, teacher=teachers(provider)["chat"], mode="batch")
    with pytest.raises(TeacherError, match="not valid"):
        job.wait()
    assert df["reasoning_status"].tolist() == ["pending"] * 4
    provider.batches.ends = None
    df.reason.augment(schema, teacher=teachers(provider)["chat"], mode="batch").wait()
    check(df)


def test_a_batch_that_keeps_expiring_is_given_up(provider, schema):
    provider.batches.fate = lambda row: "expired"
    df = frame(3)
    job = df.reason.augment(schema, teacher=teachers(provider)["responses"], mode="batch")
    with pytest.raises(TeacherError):
        job.wait()
    assert df["reasoning_error"].str.contains("did not come to this row").all()
    assert len(provider.batches.made) == 2


@pytest.mark.slow
def test_a_budget_is_reckoned_before_a_batch_is_handed_in(provider, schema):
    df = frame(200)
    job = df.reason.augment(
        schema, teacher=teachers(provider)["chat"], mode="batch", price=(2.0, 10.0), budget=0.05
    ).wait()
    assert job.status is Status.PARTIAL and 0 < job.progress.done < 200
    assert job.cost <= 0.05
    assert (df["reasoning_status"] == "pending").any()


def test_a_refused_key_ends_the_job_in_one_sentence(provider, schema):
    provider.key = "another"
    from reasonbook.teachers.openai import OpenAI

    df = frame(3)

    async def refuse(*_):
        from reasonbook.teachers import CallError

        raise CallError("auth", "Incorrect API key", status=401)

    teacher = OpenAI("mock", base_url=provider.url)
    teacher.http.upload = refuse  # the batch routes of the test server take any key
    with pytest.raises(TeacherError, match="refused the API key"):
        df.reason.augment(schema, teacher=teacher, mode="batch").wait()


def test_who_has_no_batches_is_told_at_once(schema):
    df = frame(2)
    with pytest.raises(ReasonbookError, match="no batch API"):
        df.reason.augment(schema, teacher=lambda request: {}, mode="batch")
    with pytest.raises(ReasonbookError, match="samples"):
        df.reason.augment(schema, teacher=lambda request: {}, mode="batch", samples=2)


def test_a_check_judges_batch_answers_too(provider, schema):
    df = frame(10)
    job = df.reason.augment(
        schema,
        teacher=teachers(provider)["chat"],
        mode="batch",
        check=lambda values, row: values["Score"] > 4,
    ).wait()
    good = df["reasoning_status"] == "ok"
    assert 0 < good.sum() < 10 and job.status is Status.PARTIAL
    assert all(v["Score"] > 4 for v in df.loc[good, "reasoning"])


def test_native_thinking_comes_through_a_batch(provider):
    provider.thinking = True
    df = frame(5)
    schema = rb.Schema({"Unused": "Nothing."})
    df.reason.augment(schema, teacher=teachers(provider)["messages"], mode="batch", method="native").wait()
    assert [set(v) for v in df["reasoning"]] == [{"Reasoning"}] * 5
    assert df["reasoning"][3]["Reasoning"] == "Thinking about ROW-000003."


@pytest.mark.slow
@pytest.mark.parametrize("dialect", walk(DIALECTS, fast=["chat"]))
def test_a_batch_is_looked_at_through_an_outage(provider, schema, dialect, monkeypatch):
    """Twenty looks in a row that fail are no reason to leave a batch that is paid for."""
    monkeypatch.setattr("reasonbook.augment.engine.batch._LONGEST_LOOK", 0.04)
    monkeypatch.setattr("reasonbook.augment.engine.batch._FIRST_LOOK", 0.02)
    provider.batches.down = 30
    df = frame(6)
    job = df.reason.augment(schema, teacher=teachers(provider)[dialect], mode="batch")
    wait_for(lambda: "the provider is down since" in job.progress.paused)
    job.wait()
    assert job.status is Status.COMPLETED and not job.progress.paused
    check(df)
    assert provider.batches.down == 0 and set(provider.paid.values()) == {1}


@pytest.mark.slow
def test_a_batch_whose_provider_stays_away_is_collected_by_the_next_run(provider, schema, monkeypatch):
    monkeypatch.setattr("reasonbook.augment.engine.batch._FIRST_LOOK", 0.05)
    provider.batches.down = 10**6
    df = frame(6)
    job = df.reason.augment(schema, teacher=teachers(provider)["chat"], mode="batch", max_outage=0.5).wait()
    assert job.status is Status.PARTIAL and df["reasoning_status"].tolist() == ["pending"] * 6
    note = [event.data["text"] for event in job.stream if event.kind == "note"][-1]
    assert "has been down for" in note and note.endswith("→ job.start()")
    provider.batches.down = 0
    job.start().wait()
    assert job.status is Status.COMPLETED and set(provider.paid.values()) == {1}
    check(df)


def test_stop_acts_at_once_while_a_look_hangs(provider, schema):
    provider.batches.down, provider.batches.hangs = 10**6, True
    df = frame(6)
    job = df.reason.augment(schema, teacher=teachers(provider)["chat"], mode="batch")
    wait_for(lambda: job.progress.in_flight == 6)
    started = time.monotonic()
    job.stop().wait()
    assert time.monotonic() - started < 2 and job.status is Status.CANCELLED
