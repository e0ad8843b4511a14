"""Money adds up: the provider's own count, the job, its card, the store and the cap agree to the cent."""

import asyncio
import threading

import pytest

import reasonbook as rb
from reasonbook.augment import AugmentConfig
from reasonbook.errors import StoreError
from reasonbook.store import CapWatch, default_store
from reasonbook.teachers.anthropic import Anthropic
from reasonbook.teachers.pricing.price import Price
from tests.augment.conftest import check, frame
from tests.servers.answers import number

PRICE = Price(4.0, 20.0, cached=0.4, written=5.0, written_hour=8.0)
CALL = 120 * 1e-3 + 40 * 2e-3  # dollars of one of the server's plain answers at the next line's price
PLAIN = (1000.0, 2000.0)


def counted(asked, text):
    """Tokens of every kind, other ones for each row."""
    n = number(asked.row, "tokens")
    return {
        "input": 900 + n, "output": 300 + 7 * n, "cached": 400 if n % 2 else 0, "written": 0 if n % 2 else 500 + n,
        "written_hour": 100 if n % 4 == 0 else 0, "reasoning": 200 + n,
    }  # fmt: skip


def billed(provider, *, batch=False):
    """What the server itself would ask, reckoned from what it told, by hand."""
    total = 0.0
    for said in provider.told:
        plain = said.input - said.cached - said.written
        short = said.written - said.written_hour
        total += plain * 4 + said.cached * 0.4 + short * 5 + said.written_hour * 8 + said.output * 20
    return total / 1e6 * (0.5 if batch else 1.0)


@pytest.mark.parametrize("mode", ["live", "batch"])
@pytest.mark.parametrize("speaks", ["anthropic", "chat", "responses"])
def test_every_account_says_the_same(provider, schema, mode, speaks):
    provider.counts = counted
    if speaks != "anthropic":  # the hour is Anthropic's alone
        provider.counts = lambda asked, text: {**counted(asked, text), "written_hour": 0}
    from reasonbook.teachers.openai import OpenAI

    teacher = (
        Anthropic("mock", base_url=provider.root)
        if speaks == "anthropic"
        else OpenAI("mock", base_url=provider.url, api=speaks)
    )
    faults = {"ROW-000003": "malformed"}  # asked again, and paid for twice
    if mode == "live":
        provider.script = lambda row, attempt: faults.get(row) if attempt == 1 else None
    df = frame(24)
    job = df.reason.augment(schema, teacher=teacher, price=PRICE, mode=mode).wait()
    check(df)
    expected = billed(provider, batch=mode == "batch")
    assert job.cost == pytest.approx(expected, abs=1e-9) and expected > 0.1
    assert job.usage.calls == len(provider.told) == (25 if mode == "live" else 24)
    for name in ("input", "output", "cached", "written", "written_hour", "reasoning"):
        assert getattr(job.usage, name) == sum(getattr(said, name) for said in provider.told), name
    assert f"${expected:.4f}" in job._repr_html_()
    spent = rb.spent()
    assert (
        spent.total.cost == pytest.approx(expected, abs=1e-9)
        and spent.total.usage.written == job.usage.written
    )
    for what in ("day", "teacher", "job", "notebook", "purpose"):
        assert sum(line.cost for line in spent.by(what)) == pytest.approx(expected, abs=1e-9)
    assert spent.by("job")[0].name == rb.jobs()[0].id
    assert rb.jobs()[0].cost == pytest.approx(expected, abs=1e-9)
    assert rb.store.cap().spent == pytest.approx(expected, abs=1e-9)


def test_openrouters_own_figure_is_believed(provider, schema):
    provider.counts = lambda asked, text: {"cost": 0.001 * (1 + number(asked.row, "cost"))}
    df = frame(10)
    job = df.reason.augment(schema, teacher=provider.chat, price=(1.0, 1.0)).wait()
    told = sum(said.cost for said in provider.told)
    assert job.cost == pytest.approx(told) == rb.spent().total.cost == pytest.approx(rb.store.cap().spent)
    unpriced = frame(4, start=50).reason.augment(schema, teacher=provider.chat).wait()
    assert unpriced.cost == pytest.approx(sum(said.cost for said in provider.told[10:]))
    assert rb.spent().total.unknown == 0


def test_a_budget_holds_where_only_the_provider_knows_the_price(provider, schema, monkeypatch):
    from reasonbook.teachers.openai import OpenAI

    monkeypatch.setenv("OPENROUTER_API_KEY", "k")
    assert OpenAI("some/model", base_url="https://openrouter.ai/api/v1").capabilities.tells_cost
    provider.counts = lambda asked, text: {"cost": 0.01}
    teacher = OpenAI("mock", base_url=provider.url)
    teacher.capabilities = type(teacher.capabilities)(times_out=True, tells_cost=True)
    df = frame(40)
    job = df.reason.augment(schema, teacher=teacher, budget=0.1, concurrency=4).wait()
    assert job.status == "PARTIAL" and 0.05 <= job.cost <= 0.14
    provider.counts = lambda asked, text: {"cost": None}
    silent = frame(40, start=60).reason.augment(schema, teacher=teacher, budget=0.1, concurrency=4).wait()
    assert silent.usage.calls <= 8 and "did not say what a call has cost" in silent._repr_html_()


def test_with_a_key_of_ones_own_the_fee_is_not_the_price():
    from reasonbook.teachers.hosted.answer_body import decode
    from reasonbook.teachers.hosted.chat_answer import CHAT

    def dollars(**usage):
        return decode({"choices": [{"message": {"content": "x"}}], "usage": usage}, CHAT).usage.dollars

    behind = {"upstream_inference_cost": 0.2}
    assert dollars(cost=0.01, is_byok=True, cost_details=behind) == pytest.approx(0.21)
    assert dollars(cost=0.01, is_byok=False, cost_details=behind) == 0.01
    assert dollars(cost=0.01, is_byok=True) is None, "half of it is not the price"
    assert [dollars(cost=odd) for odd in ("0.1", True, -1.0, float("nan"), float("inf"), {}, None)] == [
        None
    ] * 7


# -- over several runs ---------------------------------------------------------------------------------------------
def test_the_same_line_again_says_what_it_has_spent_before(provider, schema):
    df = frame(40)

    def run(budget):
        return df.reason.augment(
            schema, teacher=provider.chat, budget=budget, price=PLAIN, concurrency=2
        ).wait()

    first = run(10 * CALL)
    assert first.status == "PARTIAL" and "budget of $2" in first._repr_html_()
    assert "same line again may spend $2 more" in first._repr_html_()
    second = run(10 * CALL)
    assert f"Earlier runs of this line have spent ${first.cost:,.4f}" in notes(second)
    assert second.cost == pytest.approx(first.cost, abs=2 * CALL)
    third = run(1000 * CALL)
    assert third.status == "COMPLETED" and f"${first.cost + second.cost:,.4f}" in notes(third)
    assert "Earlier runs" not in notes(run(10 * CALL)), "nothing is left to be asked"
    assert "Earlier runs" not in notes(frame(3, start=70).reason.augment(
        schema, teacher=provider.chat, budget=9.0, price=PLAIN).wait()), "other rows"  # fmt: skip


def notes(job):
    return " ".join(event.data["text"] for event in job.stream if event.kind == "note")


def test_a_cap_bounds_all_runs_and_the_refusal_says_how_to_go_on(provider, schema):
    rb.store.cap(15 * CALL)
    first = frame(10).reason.augment(schema, teacher=provider.chat, price=PLAIN, concurrency=2).wait()
    assert first.status == "COMPLETED"
    df = frame(30, start=20)
    second = df.reason.augment(schema, teacher=provider.chat, price=PLAIN, concurrency=2).wait()
    assert second.status == "PARTIAL" and provider.requests in range(14, 18)
    assert "The cap of this store" in notes(second) and "rb.store.cap(4.5)" in notes(second)
    paid = provider.requests
    with pytest.raises(StoreError, match="cap of this store") as refused:
        df.reason.augment(schema, teacher=provider.chat, price=PLAIN, concurrency=2).wait()
    assert provider.requests == paid
    assert (df["reasoning_status"] == "ok").sum() == paid - 10, "what is paid for stays"
    raised = refused.value.fix.split("   or   ")
    assert eval(raised[0], {"rb": rb}).dollars == 4.5
    third = df.reason.augment(schema, teacher=provider.chat, price=PLAIN, concurrency=2).wait()
    assert third.status == "PARTIAL" and provider.requests > paid
    assert eval(raised[1], {"rb": rb}).dollars is None
    assert df.reason.augment(schema, teacher=provider.chat, price=PLAIN).wait().status == "COMPLETED"
    assert rb.spent().total.cost == pytest.approx(40 * CALL)


def test_a_cap_holds_batches_repairs_and_judges(provider, schema, monkeypatch):
    df = frame(6)
    df.reason.augment(schema, teacher=provider.chat, price=PLAIN).wait()
    rb.store.cap(6 * CALL)
    with pytest.raises(StoreError, match="cap of this store"):
        frame(4, start=9).reason.augment(schema, teacher=provider.chat, price=PLAIN, mode="batch").wait()
    paid = provider.requests
    with pytest.raises(StoreError, match="cap of this store"):
        df.reason.review().repair(0, "say more", teacher=provider.chat).wait()
    assert provider.requests == paid and not provider.batches.made
    rb.store.cap(remove=True)
    df.reason.review().repair(0, "say more", teacher=provider.chat).wait()
    assert provider.requests == paid + 1


def test_a_cap_needs_a_price_and_lets_free_teachers_be(provider, schema):
    rb.store.cap(1.0)
    with pytest.raises(rb.ReasonbookError, match="A spending cap needs the price"):
        frame(2).reason.augment(schema, teacher=provider.chat)
    rows = rb.examples.refunds(3)
    assert (
        rows.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait().cost == 0.0
    )


@pytest.mark.slow
def test_a_cap_that_is_set_while_a_job_runs_is_heeded(provider, schema, monkeypatch):
    from reasonbook.store import spending_cap as module

    monkeypatch.setattr(module, "_FRESH", 0.05)
    provider.latency = 0.05
    job = frame(400).reason.augment(schema, teacher=provider.chat, price=PLAIN, concurrency=4)
    threading.Timer(0.5, lambda: rb.store.cap(0.01, store=job.store)).start()
    job.wait()
    assert job.status == "PARTIAL" and provider.requests < 300


def test_what_others_spend_counts_too():
    store, own = default_store(), 0.0
    rb.store.cap(10.0)
    watch = CapWatch(store, lambda: own)
    assert watch.left() == 10.0
    own = 3.0
    assert watch.left() == 7.0, "before it is in the store"
    from reasonbook.store import Call, Context

    context = Context("augmentation")
    store.put([Call("t", "", cost=3.0, context=context), Call("another's", "", cost=2.5, context=context)])
    watch._next = 0.0
    assert watch.left() == pytest.approx(4.5) == rb.store.cap().left
    store.put([Call("unknown", "", context=context)])
    assert rb.store.cap().unpriced == 1 and "noted no cost" in rb.store.cap()._repr_html_()


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_a_cap_is_a_sum_of_money(wrong):
    with pytest.raises(StoreError):
        rb.store.cap(wrong)
    with pytest.raises(StoreError):
        rb.store.cap(1.0, remove=True)


def test_a_repair_and_a_judge_note_what_they_cost(provider, monkeypatch):
    """Their teachers have a price of the table, or the provider's own word; calls that fail are paid for too."""
    from reasonbook.teachers import CallError, Capabilities, Completion, Request, Usage
    from reasonbook.teachers.ask import ask

    class Judge:
        name, capabilities = "openai:gpt-4.1", Capabilities()
        answers = iter([
            CallError("server", "cut", usage=Usage(1000, 10, calls=1), text="half"),
            Completion("no grade", usage=Usage(1000, 100, calls=1)),
            Completion("1", usage=Usage(1000, 200, calls=1, dollars=0.5)),
        ])  # fmt: skip

        async def complete(self, request):
            answer = next(self.answers)
            if isinstance(answer, CallError):
                raise answer
            return answer

        async def close(self): ...

    def read(completion):
        return float(completion.text)

    async def no_wait(seconds): ...

    monkeypatch.setattr(asyncio, "sleep", no_wait)
    asyncio.run(ask(Judge(), Request("s", "u"), read, store=default_store(), key="k", purpose="judge"))
    [line] = rb.spent().by("purpose")
    assert (line.name, line.calls, line.estimated) == ("judge", 3, 0.0)
    assert line.cost == pytest.approx((1000 * 2 + 10 * 8 + 1000 * 2 + 100 * 8) / 1e6 + 0.5)


def test_chunks_of_a_dataset_are_one_job_in_the_bill(provider, tmp_path):
    path = tmp_path / "rows.jsonl"
    frame(9).to_json(path, orient="records", lines=True)
    schema = {"Intent": "Say what is wanted."}
    options = {"teacher": provider.chat, "rows": 3, "price": PLAIN, "concurrency": 1}
    job = rb.augment_dataset(path, tmp_path / "out", schema, budget=5 * CALL, **options).wait()
    assert job.status == "PARTIAL" and "same line goes on from here" in job._repr_html_()
    assert len(rb.spent().by("job")) == 1 and rb.spent().total.cost == pytest.approx(job.cost)
    again = rb.augment_dataset(path, tmp_path / "out", schema, budget=50 * CALL, **options).wait()
    assert again.status == "COMPLETED" and f"Earlier runs have spent ${job.cost:,.4f}" in again._repr_html_()
    assert len(rb.spent().by("job")) == 2


def test_told_parameters_hold_no_price():
    assert "price" not in AugmentConfig(budget=1.0, price=(1, 2)).told()


def test_a_call_that_tells_of_no_tokens_is_taken_for_an_average_one():
    from reasonbook.augment.cost import Budget
    from reasonbook.augment.results import Totals
    from reasonbook.teachers import Usage

    budget = Budget(1.0, Price(1.0, 2.0), Totals())
    assert budget.pay(Usage(calls=1)) == 0.0, "nothing is known yet"
    cost = budget.pay(Usage(input=1000, output=500, calls=1))
    assert budget.pay(Usage(calls=1)) == pytest.approx(cost / 2)
    assert Budget(None, None, Totals()).pay(Usage(calls=1)) is None
