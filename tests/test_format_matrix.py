"""The matrix of formats: known templates, students of one's own, what it shows, and the page that is made of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import reasonbook as rb
from reasonbook import cli
from reasonbook.errors import FormatError
from reasonbook.format_matrix import known_templates, try_out
from reasonbook.format_matrix.byte_tokenizer import byte_tokenizer
from reasonbook.format_matrix.tables import MARKS

PAGE = Path(__file__).parents[1] / "docs" / "formats.md"
CHATML = """\
{%- for m in messages -%}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
"""
REFUSES = "{{ raise_exception('<img src=x onerror=alert(1)> is all it says') }}"
EVERY = 14  # of the page's lines, how far apart those are that the test makes again
needs_templates = pytest.mark.skipif(
    set(known_templates.versions()) != set(known_templates.PACKAGES), reason="trl or unsloth is not installed"
)


# -- known templates -----------------------------------------------------------------------------------------
def test_a_table_of_templates_is_read_and_nothing_of_its_module_runs():
    code = """
import nowhere
raise SystemExit
TEMPLATES = {}
plain = "{{ x }}"
made = plain + "y".replace("y", "z")
TEMPLATES["plain"] = (plain, "eos_token", True)
TEMPLATES["made"] = (made, ("table", "<end>"), print("no"))
TEMPLATES["also made"] = TEMPLATES["made"]
OTHER["x"] = plain
TEMPLATES["later"] = (nowhere.text, "<end>")
"""
    made = ("{{ x }}z", ("table", "<end>"), None)
    assert known_templates.table_of(code, "TEMPLATES") == {
        "plain": ("{{ x }}", "eos_token", True),
        "made": made,
        "also made": made,
        "later": (None, "<end>"),
    }


@needs_templates
def test_every_text_stands_once_under_its_first_name():
    found = known_templates.known_templates()
    assert len({each.source for each in found.values()}) == len(found) > 90
    assert (
        found["unsloth:gemma"].aliases == ("unsloth:gemma2",)
        and found["unsloth:gemma"].eos == "<end_of_turn>"
    )
    assert {name.partition(":")[0] for name in found} == set(known_templates.PACKAGES)


def test_without_the_packages_it_says_what_brings_the_templates(monkeypatch):
    monkeypatch.setattr(known_templates, "_distribution", lambda package: None)
    known_templates.known_templates.cache_clear()
    try:
        with pytest.raises(FormatError, match=r"trl and unsloth, and neither is installed") as caught:
            rb.formats()
        assert caught.value.fix.startswith("pip install trl")
        assert try_out._provenance()[-1].endswith("pip install unsloth")
    finally:
        known_templates.known_templates.cache_clear()


def test_a_byte_tokenizer_loses_nothing_and_knows_the_markers():
    made = byte_tokenizer(CHATML + "<think>")
    text = "naïve 日本 🙂\n<|im_end|> <think>"
    ids = made(text, add_special_tokens=False)["input_ids"]
    assert made.decode(ids) == text and len(ids) == len("naïve 日本 🙂\n ".encode()) + 2
    special = {str(token) for token in made.added_tokens_decoder.values() if token.special}
    assert {"<|im_start|>", "<|im_end|>"} < special and "<think>" not in special


# -- a student of one's own ----------------------------------------------------------------------------------
def test_a_student_is_tried_under_every_strategy_with_every_kind_of_rows(tiny_student):
    matrix = rb.formats(tiny_student)
    assert [result.strategy for result in matrix] == list(try_out.STRATEGIES)
    assert matrix[0].case("thinking") == "works" and matrix[1].case("thinking") is None
    assert (matrix[0].carrier, matrix[0].stops) == ("reasoning_content", ("<|im_end|>",))
    frame = matrix.to_frame()
    assert frame["state"].tolist() == [result.state for result in matrix]
    assert frame.loc[0, "thinking"] == "works"
    shown = json.loads(json.dumps(matrix.to_dict()))["results"][0]
    assert shown["cases"]["thinking"] == "works" and shown["student"] == tiny_student


def test_a_template_file_or_its_text_is_a_student_too(tmp_path):
    (tmp_path / "own.jinja").write_text(CHATML)
    [of_file] = rb.formats(tmp_path / "own.jinja", strategy="final_only")
    [of_text] = rb.formats(CHATML, strategy=["final_only"])
    assert (of_file.student, of_text.student) == ("own.jinja", "template")
    assert of_file.state == of_text.state == "works" and of_file.stops == ("<|im_end|>",)
    assert of_file.case("tool calls") == "refused" and "tool calls" in of_file.reasons[0]


@pytest.mark.parametrize(
    ("call", "problem", "fix"),
    [
        ({"student": "no/such.jinja"}, "no/such.jinja", "rb.formats"),
        ({"student": "trl:qwen"}, "no known template", "near it"),
        ({"student": "/no/such/folder"}, "no folder", "rb.examples.tiny_student()"),
        ({"strategy": "final"}, "not known", "final_only"),
        ({"strategy": 3}, "strategy takes", ""),
    ],
)
def test_a_wrong_call_says_what_to_type(call, problem, fix):
    with pytest.raises(FormatError, match=problem) as caught:
        rb.formats(**call)
    assert fix in caught.value.fix


def test_a_refused_student_is_said_in_words_that_stay_text():
    matrix = rb.formats(REFUSES)
    assert [result.state for result in matrix] == ["refused"] * 3 and not matrix.ok
    assert "is all it says" in matrix[0].why and matrix[0].fix.startswith("ChatConfig(chat_template=")
    assert "– ¹" in str(matrix) and "<img" in str(matrix)
    assert "<img" not in matrix._repr_html_() and "&lt;img" in matrix._repr_html_()


def test_an_interrupt_keeps_what_is_done(monkeypatch):
    calls = []

    def check(chat):
        calls.append(chat)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return rb.chat.ClosedLoop({"plain": 1})

    names = iter("abc")
    students = [try_out._of_template(known_templates.KnownTemplate(name, CHATML)) for name in names]
    monkeypatch.setattr(try_out, "_known", lambda: students)
    monkeypatch.setattr(try_out, "check_format", check)
    matrix = rb.formats(strategy="final_only")
    assert not matrix.complete and [result.student for result in matrix] == ["a", "b"]
    assert matrix.notes[-1] == "Interrupted: 2 of 3 students were tried."
    calls.clear()
    assert cli.main(["formats", "--strategy", "final_only"]) == 130


# -- the command line and the page ---------------------------------------------------------------------------
def test_the_command_line_shows_the_same_and_fails_where_the_student_does(tmp_path, capsys):
    (tmp_path / "refuses.jinja").write_text(REFUSES)
    (tmp_path / "own.jinja").write_text(CHATML)
    call = ["formats", str(tmp_path / "own.jinja"), "--strategy", "final_only"]
    assert cli.main(call) == 0
    assert "plain          ✓" in capsys.readouterr().out
    assert cli.main([*call, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["results"][0]["state"] == "works"
    assert cli.main(["formats", str(tmp_path / "refuses.jinja")]) == 1
    assert "refused 3" in capsys.readouterr().out
    assert cli.main(["formats", "no.jinja"]) == 1
    assert "no.jinja" in capsys.readouterr().err


def lines_of(page: str) -> dict[str, str]:
    """Student → its line on a page, without the numbers of its notes."""
    lines = [re.sub(" ?[⁰¹²³⁴⁵⁶⁷⁸⁹]+", "", line) for line in page.splitlines() if line.startswith("| `")]
    return {line.split("`")[1]: line for line in lines}


@needs_templates
def test_the_page_is_of_the_installed_templates():
    page = PAGE.read_text(encoding="utf-8")
    assert try_out._provenance()[0] in page, "stale: make formats"
    assert list(lines_of(page)) == list(known_templates.known_templates()), "stale: make formats"


@needs_templates
@pytest.mark.slow
def test_the_page_says_what_is_found(monkeypatch):
    monkeypatch.setattr(try_out, "_known", lambda known=try_out._known: known()[::EVERY])
    matrix = rb.formats()
    page = PAGE.read_text(encoding="utf-8")
    assert lines_of(matrix.to_markdown()).items() <= lines_of(page).items(), "stale: make formats"
    notes = re.findall(r"^- [⁰¹²³⁴⁵⁶⁷⁸⁹]+ (.*)$", matrix.to_markdown(), re.MULTILINE)
    assert all(note in page for note in notes), "stale: make formats"
    assert set(MARKS.values()) >= {cell[:1] for cell in re.findall(r"(?<=\| )[✓✗–]", page)}
