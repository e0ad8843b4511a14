"""Call errors: what a status, its headers and its words mean, with no key left in them."""

import email.utils
import time

import pytest

from reasonbook.teachers.hosted.call_errors import call_error, clean, limits, retry_after


@pytest.mark.parametrize(
    "status, body, kind",
    [
        (401, {"error": {"message": "Incorrect API key"}}, "auth"),
        (403, {"error": {"message": "no access"}}, "auth"),
        (400, {"error": {"code": "invalid_api_key", "message": "bad"}}, "auth"),
        (402, "", "quota"),
        (
            429,
            {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}},
            "quota",
        ),
        (400, {"type": "error", "error": {"message": "Your credit balance is too low"}}, "quota"),
        (429, {"error": {"message": "Slow down"}}, "rate"),
        (500, "oops", "server"),
        (529, {"error": {"type": "overloaded_error", "message": "Overloaded"}}, "server"),
        (408, "", "server"),
        (409, "", "server"),
        (400, {"error": {"message": "too long"}}, "request"),
        (500, {"error": {"message": "does not match the expected peg-native format"}}, "output"),
    ],
)
def test_kinds(status, body, kind):
    assert call_error(status, {}, body).kind == kind


def test_waits():
    assert retry_after({"retry-after-ms": "250"}) == 0.25
    assert retry_after({"retry-after": "3"}) == 3.0
    date = email.utils.formatdate(time.time() + 5, usegmt=True)
    assert 3 <= retry_after({"retry-after": date}) <= 5
    assert retry_after({"retry-after": "soon"}) is None and retry_after({}) is None


def test_limits_of_both_families():
    told = limits({"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "3",
                   "x-ratelimit-reset-requests": "1m2.5s", "x-ratelimit-limit-tokens": "1000"})  # fmt: skip
    assert (told.requests, told.requests_left, told.requests_reset, told.tokens) == (60, 3, 62.5, 1000)
    told = limits({"anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-tokens-remaining": "9"})
    assert (told.requests, told.tokens_left) == (50, 9)
    assert limits({}) is None


@pytest.mark.parametrize(
    "said",
    [
        "Incorrect API key provided: sk-canary-0123456789abcdef.",
        "Bearer abcdefghijklmnop is wrong",
        "x" * 5000,
    ],
)
def test_no_key_and_no_flood(said):
    shown = clean(said, "")
    assert "canary" not in shown and "abcdefghijklmnop" not in shown and len(shown) <= 400


def test_the_own_key_is_taken_out_whatever_its_form():
    assert clean("key=odd~form!42 refused", "odd~form!42") == "key=[key] refused"


def test_a_proxys_page_is_not_shown():
    assert call_error(502, {}, "<html><h1>Bad</h1></html>").message == "HTTP 502"
