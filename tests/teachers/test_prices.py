"""Prices: what a usage costs, whose price a name stands for, and that no line of the table stands there unproven."""

import re

import pytest

from reasonbook.teachers import Usage, resolve
from reasonbook.teachers.pricing.price import Price
from reasonbook.teachers.pricing.price_table import PRICES, PROVIDERS, listed_price, price_of

MILLION = 1_000_000


def test_each_kind_of_token_at_its_own_price():
    price = Price(4.0, 20.0, cached=0.4, written=5.0, written_hour=8.0)
    assert price.cost(Usage(input=MILLION)) == 4.0
    assert price.cost(Usage(input=MILLION, cached=MILLION)) == 0.4
    assert price.cost(Usage(input=MILLION, written=MILLION)) == 5.0
    assert price.cost(Usage(input=MILLION, written=MILLION, written_hour=MILLION)) == 8.0
    mixed = Usage(input=1000, output=10, cached=300, written=500, written_hour=200)
    dollars = (200 * 4 + 300 * 0.4 + 300 * 5 + 200 * 8 + 10 * 20) / 1e6
    assert price.cost(mixed) == pytest.approx(dollars)
    assert price.cost(mixed, batch=True) == pytest.approx(dollars / 2)


def test_counts_that_do_not_fit_together_cost_no_less_than_nothing():
    assert (
        Price(1.0, 1.0, cached=0.1).cost(Usage(input=10, cached=500, written=500, written_hour=900))
        == 10 * 0.1 / 1e6
    )


def test_the_providers_own_word_is_believed():
    told = Usage(input=100, output=10, calls=1, dollars=0.125)
    assert Price(1.0, 2.0).cost(told, batch=True) == 0.125
    assert (told + Usage(input=1, calls=1)).dollars == 0.125 and (told + told).dollars == 0.25
    assert (Usage(input=1, calls=1) + Usage(input=1, calls=1)).dollars is None


def test_dated_names_and_hosts_lead_to_their_line():
    assert listed_price("openai:gpt-4.1-2025-04-14") == listed_price("openai:gpt-4.1") is not None
    assert listed_price("openai:gpt-4.1@eu.api.openai.com/v1") == listed_price("openai:gpt-4.1")
    assert listed_price("openai:gpt-4.1@my-proxy.example/v1") is None, "a proxy has prices of its own"
    assert listed_price("openai:gpt-4.10") is None
    gemini = "openai:gemini-2.5-flash@generativelanguage.googleapis.com/v1beta/openai"
    assert listed_price(gemini) == listed_price(gemini.replace("gemini-", "models/gemini-", 1)) is not None


def test_anthropic_asks_more_for_writing_to_the_cache():
    price = listed_price("anthropic:claude-sonnet-4-5")
    assert (price.written, price.written_hour) == (1.25 * price.input, 2 * price.input)
    assert listed_price("openai:gpt-4.1").written is None


def test_every_line_says_when_and_where_it_was_found():
    assert len(PRICES) > 60
    assert {provider for provider, _ in PRICES} == set(PROVIDERS)
    for (_, model), price in PRICES.items():
        assert re.fullmatch(r"20\d\d-\d\d", price.date) and len(price.source) > 10, model
        assert 0 < price.input <= price.output, model
        assert price.cached is None or 0 < price.cached <= price.input, model
        assert 0 < price.batch <= 1, model


def test_ones_own_price_goes_first():
    teacher = resolve("openai:gpt-4.1", ready=False)
    assert price_of(teacher, (1, 2)) == Price(1.0, 2.0)
    assert price_of(lambda_teacher()).cost(Usage(input=MILLION)) == 0.0


def lambda_teacher():
    return resolve(lambda request: {})
