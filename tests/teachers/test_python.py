"""Python functions as teachers: sync, async, two arguments, and what they raise."""

import asyncio
import threading
import time

import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.job import Status


def frame(n: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"prompt": [f"request {i}" for i in range(n)], "response": [f"r{i}" for i in range(n)]}
    )


SCHEMA = rb.Schema({"Length": {"instruction": "How long?", "type": "number"}, "Text": "The text."})


def test_sync_async_and_safe_keys():
    def sync(request):
        return {"Length": len(request), "text": request}

    async def later(request):
        await asyncio.sleep(0.001)
        return {"length": len(request), "Text": request}

    for teacher in (sync, later):
        df = frame(30)
        assert df.reason.augment(SCHEMA, teacher=teacher).wait().status is Status.COMPLETED
        assert df["reasoning"][7] == {"Length": 9, "Text": "request 7"}


def test_a_function_may_return_more_than_is_asked():
    def teacher(request):
        return {"Length": len(request), "text": request, "Tone": "calm"}

    schema = SCHEMA.snapshot()
    df = frame(5)
    assert df.reason.augment(schema, teacher=teacher).wait().status is Status.COMPLETED
    assert df["reasoning"][2] == {"Length": 9, "Text": "request 2"}

    schema.update("Text", instruction="The whole text.")  # asks for this field alone
    assert df.reason.augment(schema, teacher=teacher).wait().status is Status.COMPLETED
    schema.remove("Length")
    assert df.reason.augment(schema, teacher=teacher).wait().status is Status.COMPLETED
    assert df["reasoning"][2] == {"Text": "request 2"}


def test_a_misspelt_field_is_still_missed():
    df = frame(2)
    job = df.reason.augment(SCHEMA, teacher=lambda request: {"Lenght": 3, "Text": request})
    with pytest.raises(rb.ReasonbookError, match="`length` is missing"):
        job.wait()


def test_two_arguments_see_the_response_where_the_method_shows_it():
    seen = []

    def teacher(request, response):
        seen.append(response)
        return {"Length": 1, "Text": f"{request}+{response}"}

    df = frame(2)
    df.reason.augment(SCHEMA, teacher=teacher, method="rationalize").wait()
    assert df["reasoning"][1]["Text"] == "request 1+r1"
    df.reason.augment(SCHEMA, teacher=teacher).wait()
    assert seen.count(None) == 2


def test_what_a_function_raises_is_the_rows_error():
    def teacher(request):
        if request.endswith("3"):
            raise KeyError("price")
        return {"Length": 1, "Text": "x"}

    df = frame(6)
    job = df.reason.augment(SCHEMA, teacher=teacher).wait()
    assert job.status is Status.PARTIAL and "KeyError" in df["reasoning_error"][3]


def test_a_function_is_not_asked_again_for_a_wrong_answer():
    calls = []

    def teacher(request):
        calls.append(request)
        return {"Length": "many", "Text": "x"}

    with pytest.raises(rb.ReasonbookError):
        frame(4).reason.augment(SCHEMA, teacher=teacher).wait()
    assert len(calls) == 4


def test_an_edited_function_is_asked_anew():
    def teacher(request):
        return {"Length": 1, "Text": "old"}

    df = frame(2)
    df.reason.augment(SCHEMA, teacher=teacher).wait()

    def teacher(request):
        return {"Length": 1, "Text": "new"}

    df.reason.augment(SCHEMA, teacher=teacher).wait()
    assert df["reasoning"][0]["Text"] == "new"


@pytest.mark.alone
def test_sync_functions_run_at_once_and_a_stuck_one_does_not_hold_the_job():
    def teacher(request):
        time.sleep(0.1)
        return {"Length": 1, "Text": "x"}

    began = time.monotonic()
    frame(32).reason.augment(SCHEMA, teacher=teacher).wait()
    assert time.monotonic() - began < 1.5  # 3.2 s one after the other
    hold = threading.Event()

    def stuck(request):
        hold.wait(20)
        return {"Length": 1, "Text": "x"}

    job = frame(40).reason.augment(SCHEMA, teacher=stuck)
    time.sleep(0.2)
    began = time.monotonic()
    job.stop().wait()
    assert time.monotonic() - began <= 0.5
    hold.set()


def test_a_function_for_a_text_method():
    df = frame(2)
    df.reason.augment(SCHEMA, teacher=lambda request: f"First, {request}.", method="chain_of_thought").wait()
    assert df["reasoning"][1] == {"Chain of Thought": "First, request 1."}
