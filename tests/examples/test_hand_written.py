"""The hand-written rows are what their presets can be tried on."""

import pytest

import reasonbook as rb
from reasonbook import examples


@pytest.mark.parametrize("name", ["support", "moderation", "extraction", "code"])
def test_the_rows_are_read_as_prompt_and_response(name):
    frame = getattr(examples, name)()
    assert len(frame) >= 6
    assert frame["prompt"].is_unique
    assert (frame.map(str.strip) != "").all().all()
    layout = frame.reason.layout()
    assert (layout.prompt, layout.response) == ("prompt", "response")


def test_each_has_its_preset():
    for preset in ("customer_support", "content_moderation", "data_extraction", "code_generation"):
        assert len(rb.Schema.preset(preset)) >= 3
