"""Frames whose rows carry their names, and a schema with every type of field."""

import pandas as pd
import pytest

import reasonbook as rb
from reasonbook.augment.engine.failures.breaker import Patience
from tests.servers.provider import KEY, Provider


def frame(n: int, *, start: int = 0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "prompt": [f"ROW-{i:06d}: my parcel came broken, what now?" for i in range(start, start + n)],
            "response": [f"We refund order {i}." for i in range(start, start + n)],
        }
    )


def fields() -> list[rb.Field]:
    return [
        rb.Field("Customer Intent", "Say what the customer wants."),
        rb.Field("Stimmung 😀", "Say how the customer feels."),
        rb.Field("Urgency", "Judge how soon.", type="choice", options=("low", "high", "none")),
        rb.Field("Score", "From 0 to 10.", type="number", minimum=0, maximum=10),
    ]


@pytest.fixture
def schema() -> rb.Schema:
    return rb.Schema(fields())


@pytest.fixture
def provider(monkeypatch):
    """A provider that wants the canary key; options are set on it before the first call."""
    with Provider(key=KEY) as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        server.chat = f"openai:mock@{server.url}"
        yield server


FAST = Patience(first=0.05, longest=0.75, refused=3.0, unreached=0.5, unanswered=0.5)


@pytest.fixture
def fast(monkeypatch):
    """Outages, twenty times as fast as they are waited out in the field."""
    monkeypatch.setattr("reasonbook.augment.engine.failures.breaker.PATIENCE", FAST)


def check(df: pd.DataFrame, positions=None) -> None:
    """Every value of every row is the one for that very row."""
    from tests.servers.answers import number

    for position in range(len(df)) if positions is None else positions:
        prompt = df["prompt"].iloc[position]
        row, reasoning = prompt[:10], df["reasoning"].iloc[position]
        assert list(reasoning) == [field.name for field in fields()]
        assert reasoning["Customer Intent"] == f"customer_intent of {row}"
        assert row in reasoning["Stimmung 😀"]
        assert reasoning["Urgency"] == ("low", "high", "none")[number(row, "urgency") % 3]
        assert reasoning["Score"] == number(row, "score")
        assert df["reasoning_status"].iloc[position] == "ok"
        assert df["reasoning_error"].iloc[position] is None
