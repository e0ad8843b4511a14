"""Specs: what names a teacher, and the sentence for what does not."""

import pytest

from reasonbook.errors import NeedsKey, ReasonbookError, TeacherError
from reasonbook.teachers import Teacher, resolve
from reasonbook.teachers.hosted.endpoints import endpoint, local, shown
from reasonbook.teachers.openai import OpenAI


def test_specs(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-y")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    own = resolve("openai:gpt-5-mini")
    assert (own.name, own.api, own.capabilities.batch) == ("openai:gpt-5-mini", "responses", True)
    vllm = resolve("openai:Qwen/Qwen3-8B@http://localhost:8000/v1")
    assert (vllm.name, vllm.api) == ("openai:Qwen/Qwen3-8B@localhost:8000/v1", "chat")
    router = resolve("openai:deepseek/r1@https://openrouter.ai/api/v1")
    assert router.profile.host == "openrouter.ai" and isinstance(router, Teacher)
    assert resolve(own) is own


@pytest.mark.parametrize("spec", ["gpt-5", "opnai:gpt-5", "openai:", "", 7, None, OpenAI])
def test_what_is_no_teacher(spec):
    with pytest.raises(TeacherError) as caught:
        resolve(spec)
    assert caught.value.fix


def test_a_key_is_asked_for_by_its_variable(monkeypatch):
    for variable in ("OPENAI_API_KEY", "GROQ_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(NeedsKey, match="GROQ_API_KEY"):
        resolve("openai:m@https://api.groq.com/openai/v1")
    with pytest.raises(NeedsKey, match="ANTHROPIC_API_KEY"):
        resolve("anthropic:claude")


def test_addresses_hide_what_is_secret():
    assert shown("https://user:pass@host.example:8443/v1?key=abc") == "host.example:8443/v1"
    assert (
        local("http://10.0.0.5:8000/v1")
        and local("http://gpu-box:8000/v1")
        and not local("https://a.example/v1")
    )
    assert endpoint("https://evil-api.openai.com.example/v1").host == ""


def test_functions():
    def one(request):
        return {"a": request}

    def three(a, b, c):
        return {}

    assert resolve(one).name.startswith("python:")
    assert resolve(one).name == resolve(one).name
    with pytest.raises(ReasonbookError, match="3 arguments"):
        resolve(three)
