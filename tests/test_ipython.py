"""The extension in a real IPython shell: live views by type, magics, and a clean unload."""

import os
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

import reasonbook as rb

ROOT = Path(__file__).parents[1]
WIDGET = "application/vnd.jupyter.widget-view+json"


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
    assert first[WIDGET]["model_id"] == again[WIDGET]["model_id"]
    assert "Reasoning schema" in first["text/html"] and first["text/plain"].startswith("Schema(")


def test_unloading_takes_out_ours_and_nobody_elses(shell):
    class Other:
        pass

    formatter = shell.display_formatter.mimebundle_formatter
    formatter.for_type(Other, lambda thing, include=None, exclude=None: {"text/plain": "other"})
    shell.run_line_magic("load_ext", "reasonbook")
    shown(shell, rb.Schema({"Intent": "what"}))
    shell.run_line_magic("unload_ext", "reasonbook")
    assert WIDGET not in shown(shell, rb.Schema({"Intent": "what"}))
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
    assert len(dir(rb)) <= 22
    import pandas as pd

    assert len(dir(pd.DataFrame({"prompt": ["a"], "response": ["b"]}).reason)) <= 13


ALIVE = """
import sys; sys.path.insert(0, {root!r})
before = set(sys.modules)
import reasonbook as rb
loaded = {{name.partition('.')[0] for name in set(sys.modules) - before}}
print(sorted(loaded & {{'ipywidgets', 'anywidget', 'traitlets', 'plotly', 'torch', 'openai'}}))
rb.Schema({{'Intent': 'what'}})
"""


@pytest.mark.slow
@pytest.mark.parametrize("plain", ["", "1"])
def test_in_a_kernel_importing_it_is_enough(plain, home):
    """A real kernel: nothing of the widgets is loaded before something is shown, and `REASONBOOK_PLAIN=1` is heeded."""
    from jupyter_client.manager import start_new_kernel

    env = {**os.environ, "REASONBOOK_PLAIN": plain, "REASONBOOK_HOME": str(home)}
    manager, client = start_new_kernel(env=env)
    printed: list[str] = []
    shown_as: list[set[str]] = []

    def keep(message):
        content = message["content"]
        assert message["msg_type"] != "error", content.get("traceback")
        if message["msg_type"] == "stream":
            printed.append(content["text"])
        elif "data" in content and message["msg_type"] == "execute_result":
            shown_as.append(set(content["data"]))

    try:
        client.execute_interactive(ALIVE.format(root=str(ROOT)), timeout=60, output_hook=keep)
        client.execute_interactive(
            "%load_ext reasonbook\nrb.Schema({'Intent': 'what'})", timeout=60, output_hook=keep
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert printed == ["[]\n"], "nothing that is heavy is loaded, nothing else is said"
    by_import, by_magic = shown_as
    assert (WIDGET in by_import) is (plain == "") and "text/html" in by_import
    assert WIDGET in by_magic, "who asks for it gets it"
