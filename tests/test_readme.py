"""The README's code runs as printed, in one cell of a real kernel, against a provider and a student of this machine.

What is replaced: the teacher's model by one that a local server answers for, through the provider's own SDK; the
student by the tiny one; the number of rows, so that it takes seconds.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.servers.provider import KEY, Provider

pytestmark = [pytest.mark.train, pytest.mark.slow]
ROOT = Path(__file__).parents[1]
AFTERWARDS = """
from pathlib import Path
print(job.status, set(df["reasoning_status"]), chat.report.rows, chat.report.rows_kept, chat.report.ok)
print(thinking.status, plain.status, [event.data["status"] for event in plain.stream if event.kind == "status"])
print(sorted(path.name for path in Path("adapters/refunds").iterdir()))
print(rb.compare([plain, thinking], split="test"))
"""


def printed() -> str:
    """The README's code block."""
    [block] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return block


def with_local(code: str, changes: dict[str, str]) -> str:
    """The code with models of this machine; each thing to be replaced has to be there."""
    for old, new in changes.items():
        assert old in code, f"the README does not say {old!r} any more"
        code = code.replace(old, new)
    return code


@pytest.fixture
def provider():
    pytest.importorskip("openai")
    with Provider(key=KEY, latency=0.02) as server:
        yield server


@pytest.fixture
def student(tiny_student, tmp_path) -> str:
    """The tiny student as a model that somebody has pretrained: it learns an adapter in a few steps."""
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_student, folder, ignore=shutil.ignore_patterns("tiny_student.json"))
    return str(folder)


@pytest.fixture
def kernel(provider, home, tmp_path):
    from jupyter_client.manager import start_new_kernel

    env = {
        **os.environ,
        "REASONBOOK_HOME": str(home),
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": provider.url,
        "PYTHONPATH": str(ROOT),
    }
    manager, client = start_new_kernel(kernel_name="python3", env=env, cwd=str(tmp_path))
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client, code: str) -> tuple[str, list[str]]:
    """What a cell printed, and the HTML that it displayed or updated, in order."""
    texts: list[str] = []
    shown: list[str] = []

    def heard(message: dict) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            texts.append(content["text"])
        elif message["msg_type"] in ("display_data", "update_display_data"):
            shown.append(f"{message['msg_type']}: {content['data'].get('text/html', '')}")

    reply = client.execute_interactive(code, timeout=240, output_hook=heard)
    assert reply["content"]["status"] == "ok", "\n".join(reply["content"].get("traceback", []))
    return "".join(texts), shown


def test_the_code_runs_as_printed_in_one_cell(kernel, provider, student):
    code = with_local(
        printed(),
        {"openai:MODEL": "openai:gpt-4o-mini", "Qwen/Qwen3-4B": student, "refunds(2_000)": "refunds(60)"},
    )
    said, shown = run(kernel, code)
    assert said == ""
    lines = [html for html in shown if "waits" in html or "Waited for" in html]
    displays = [html for html in lines if html.startswith("display_data")]
    assert "compare waits: " in displays[-1] and "step " in "".join(lines), "it shows where the runs are"
    assert any("Waited for: tiny" in html for html in lines if html.startswith("update")), (
        "one display, updated"
    )
    after = run(kernel, AFTERWARDS)[0].splitlines()
    assert after[0] == "COMPLETED {'ok'} 60 60 True"
    assert after[1] == "COMPLETED COMPLETED ['QUEUED', 'RUNNING', 'COMPLETED']"
    assert "adapter_model.safetensors" in after[2] or "model.safetensors" in after[2]
    assert "answers only" in after[4] and "thinking" in after[5]
    assert provider.requests == 60 and set(provider.statuses) == {200}, "through the SDK, each row once"
