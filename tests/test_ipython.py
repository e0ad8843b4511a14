"""The extension in a real IPython shell: live views by type, magics, and a clean unload."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

import reasonbook as rb


@pytest.fixture
def shell():
    InteractiveShell.clear_instance()
    ip = InteractiveShell.instance()
    yield ip
    ip.run_line_magic("unload_ext", "reasonbook")
    InteractiveShell.clear_instance()


def shown(ip, thing):
    data, _ = ip.display_formatter.format(thing)
    return data


def test_without_the_extension_a_card_is_shown(shell):
    data = shown(shell, rb.Schema({"Intent": "what"}))
    assert set(data) == {"text/plain", "text/html"} and "Reasoning schema" in data["text/html"]


def test_with_it_the_same_object_has_one_live_view_and_keeps_its_card(shell, capsys):
    shell.run_line_magic("load_ext", "reasonbook")
    assert capsys.readouterr() == ("", ""), "loading prints nothing"
    schema = rb.Schema({"Intent": "what"})
    first, again = shown(shell, schema), shown(shell, schema)
    mime = "application/vnd.jupyter.widget-view+json"
    assert first[mime]["model_id"] == again[mime]["model_id"]
    assert "Reasoning schema" in first["text/html"] and first["text/plain"].startswith("Schema(")


def test_unloading_takes_out_ours_and_nobody_elses(shell):
    class Other:
        pass

    formatter = shell.display_formatter.mimebundle_formatter
    formatter.for_type(Other, lambda thing, include=None, exclude=None: {"text/plain": "other"})
    shell.run_line_magic("load_ext", "reasonbook")
    shown(shell, rb.Schema({"Intent": "what"}))
    shell.run_line_magic("unload_ext", "reasonbook")
    assert "application/vnd.jupyter.widget-view+json" not in shown(shell, rb.Schema({"Intent": "what"}))
    assert Other in formatter.type_printers
    assert not [key for key in formatter.deferred_printers if key[0].startswith("reasonbook")]
    shell.run_line_magic("load_ext", "reasonbook")


def test_the_magic_prints_the_keys(shell, capsys):
    shell.run_line_magic("load_ext", "reasonbook")
    shell.run_line_magic("reason", "")
    assert "a accept" in capsys.readouterr().out


def test_errors_render_as_two_lines(shell, capsys):
    shell.run_cell("import reasonbook as rb; rb.Schema({})")
    said = capsys.readouterr().out
    assert "SchemaError: The schema is not valid: there is no field." in said and "→" in said
    assert "Traceback" not in said and len(said.strip().splitlines()) <= 3


def test_public_names_are_few_and_complete_themselves():
    assert len(dir(rb)) <= 18
    import pandas as pd

    assert len(dir(pd.DataFrame({"prompt": ["a"], "response": ["b"]}).reason)) <= 9
