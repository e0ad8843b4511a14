"""The HTTP client against a real server: how often the SDK is asked to sign, and what happens when a key runs out."""

from __future__ import annotations

import asyncio

import openai
import pytest

from reasonbook.errors import TeacherError
from reasonbook.teachers import CallError
from reasonbook.teachers.hosted.http import HttpAnswer, HttpClient, unconnected
from tests.servers.provider import Provider

BODY = {"model": "mock", "messages": [{"role": "user", "content": "ROW-000001: hello"}]}


@pytest.fixture
def provider():
    with Provider(key="sk-good-0123456789") as provider:
        yield provider


def posted(client, count):
    async def main():
        http = HttpClient(lambda: client)
        try:
            calls = [http.post("/chat/completions", BODY, timeout=10.0) for _ in range(count)]
            return await asyncio.gather(*calls, return_exceptions=True)
        finally:
            await http.close()

    return asyncio.run(main())


def answered(answers):
    return all(isinstance(answer, HttpAnswer) and isinstance(answer.body, dict) for answer in answers)


class Keys:
    """Short-lived keys, as an identity service hands them out: the next one at each call, the last for good."""

    def __init__(self, *keys: str) -> None:
        self.keys, self.calls = keys, 0

    async def __call__(self) -> str:
        self.calls += 1
        return self.keys[min(self.calls, len(self.keys)) - 1]


def client_of(provider, keys):
    return openai.AsyncOpenAI(api_key=keys, base_url=provider.url, http_client=unconnected(openai))


def test_calls_that_start_together_are_signed_once(provider):
    keys = Keys("sk-good-0123456789")
    assert answered(posted(client_of(provider, keys), 64))
    assert keys.calls == 1 and provider.requests == 64


def test_a_token_that_ran_out_is_renewed_once_for_all(provider):
    keys = Keys("sk-old-0123456789", "sk-good-0123456789")
    assert answered(posted(client_of(provider, keys), 16))
    assert keys.calls == 2
    assert provider.statuses[401] == 16 and provider.statuses[200] == 16


def test_a_wrong_key_is_refused_after_one_renewal_and_never_shown(provider):
    [failure] = posted(client_of(provider, Keys("sk-wrong-0123456789")), 1)
    assert isinstance(failure, CallError) and failure.kind == "auth" and provider.requests == 2
    assert "sk-wrong-0123456789" not in str(failure)


def test_a_client_class_of_the_users_own(provider):
    class Ours(openai.AsyncOpenAI):
        pass

    client = Ours(api_key="sk-good-0123456789", base_url=provider.url)
    assert answered(posted(client, 1))
    with pytest.raises(TeacherError, match="not a client"):
        raise posted(object(), 1)[0]
