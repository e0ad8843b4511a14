import json
import math
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from reasonbook.errors import ReviewError
from reasonbook.events import Stream
from reasonbook.job import Status
from reasonbook.widgets import base
from reasonbook.widgets.base import View, verb
from reasonbook.widgets.serialize import Packed, plain


class Thing:
    """A core object small enough to see through."""

    def __init__(self) -> None:
        self.stream = Stream()
        self.accepted: list[str] = []

    def __repr__(self) -> str:
        return "Thing()"

    def _repr_html_(self) -> str:
        return "<div>&lt;b&gt;Thing</div>"


class Probe(View):
    _name = "probe"

    def snapshot(self):
        return {"accepted": len(self.core.accepted)}

    def collect(self, topics):
        return Packed({"topics": sorted(topics), "n": len(self.core.stream)}, [b"\x01"])

    @verb(once=True)
    def accept(self, key):
        self.core.accepted.append(key)
        return len(self.core.accepted)

    @verb()
    def refuse(self):
        raise ReviewError("There is no such row.", "review.row(0)")

    @verb()
    def burst(self):
        raise ValueError("7 is odd")

    @verb(once=True, background=True)
    def slow(self, seconds):
        time.sleep(seconds)
        self.core.accepted.append("slow")
        return threading.current_thread().name

    def hidden(self):
        return "not for the page"


def test_page_gets_snapshot_result_and_both_parts_of_an_error(page):
    thing = Thing()
    probe = page(Probe(thing))
    assert probe.call("snapshot") == {"accepted": 0}
    assert probe.call("accept", key="a") == 1
    with pytest.raises(page.Refused) as refused:
        probe.call("refuse")
    assert (refused.value.problem, refused.value.fix) == ("There is no such row.", "review.row(0)")
    with pytest.raises(page.Refused, match="ValueError: 7 is odd"):
        probe.call("burst")


@pytest.mark.parametrize("op", ["hidden", "close", "_flush", "__class__", "send", None, 3, ["accept"]])
def test_only_marked_methods_can_be_called(page, op):
    probe = page(Probe(Thing()))
    with pytest.raises(page.Refused, match="no verb"):
        probe.call(op)


@pytest.mark.parametrize("content", [None, 3, "x", {}, {"op": "accept"}, {"call": 4, "op": "accept"}])
def test_messages_that_are_not_calls_are_ignored(page, content):
    probe = page(Probe(Thing()))
    probe.view._received(probe.view, content, [])
    assert probe.sent == []


def test_call_sent_again_is_carried_out_once_and_answered_the_same(page):
    thing = Thing()
    probe = page(Probe(thing))
    assert probe.call("accept", id="p.1", key="a") == 1
    assert probe.call("accept", id="p.1", key="a") == 1
    assert thing.accepted == ["a"]


def test_call_sent_again_while_it_runs_is_heard_and_runs_once(page):
    thing = Thing()
    probe = page(Probe(thing))
    message = {"call": "p.1", "op": "slow", "args": {"seconds": 0.2}}
    for _ in range(3):
        probe.view._received(probe.view, message, [])
    answer = probe.wait_for(lambda m: m.get("ok"))
    assert [m for m in probe.sent if m.get("heard")] == [{"call": "p.1", "heard": True}] * 3
    assert answer["result"] == "reasonbook-slow"
    assert thing.accepted == ["slow"]


def test_calls_from_many_threads_each_apply_once(page):
    thing = Thing()
    probe = page(Probe(thing))

    def send(number: int) -> None:
        probe.view._received(
            probe.view, {"call": f"p.{number % 50}", "op": "accept", "args": {"key": number % 50}}, []
        )

    threads = [threading.Thread(target=send, args=(n,)) for n in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(thing.accepted) == list(range(50))
    assert sum("ok" in message for message in probe.sent) == 200


@pytest.mark.slow
def test_a_flood_of_events_becomes_few_messages_and_the_last_state_arrives(page):
    thing = Thing()
    probe = page(Probe(thing))
    start = time.monotonic()
    while time.monotonic() - start < 0.3:
        thing.stream.emit("rows")
    thing.stream.emit("end")
    last = probe.wait_for(lambda m: "push" in m and "end" in m["push"]["topics"])
    seconds = time.monotonic() - start
    assert len(probe.pushes) <= seconds * 20 + 2
    assert last["push"]["n"] == len(thing.stream)
    assert probe.buffers[-1] == [b"\x01"]


def test_closed_view_follows_no_more(page):
    thing = Thing()
    probe = page(Probe(thing))
    assert not probe.view.closed
    probe.view.close()
    assert probe.view.closed
    thing.stream.emit("rows")
    time.sleep(0.15)
    assert probe.pushes == []
    assert thing.stream._listeners == []


def test_bundle_shows_live_view_and_static_twin():
    view = Probe(Thing())
    data, metadata = view._repr_mimebundle_()
    assert data["text/plain"] == "Thing()"
    assert data["text/html"] == "<div>&lt;b&gt;Thing</div>"
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == view.model_id
    assert metadata == {}
    view.close()


def test_synced_state_is_assets_and_subject_alone():
    view = Probe(Thing(), subject="thing:1")
    own = {k: v for k, v in view.get_state().items() if not k.startswith("_") and v is not None}
    own.pop("layout")
    assert own == {"subject": "thing:1", "tabbable": None} or own == {"subject": "thing:1"}
    view.close()


def test_missing_bundle_says_how_to_build_it(monkeypatch, tmp_path):
    monkeypatch.setattr(base, "STATIC", tmp_path / "nowhere")
    with pytest.raises(base.ReasonbookError) as error:
        Probe(Thing())
    assert "probe.js is missing" in error.value.problem
    assert "hatch_build.py" in error.value.fix


def test_a_late_module_is_sent_when_the_page_asks_and_no_other_file_is(page, monkeypatch, tmp_path):
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / "reading.js").write_text("export default {}")
    (tmp_path / "late" / "secret.js").write_text("")
    client = page(Probe(Thing()))
    monkeypatch.setattr(base, "STATIC", tmp_path)
    assert client.call("late_module", name="reading") == "export default {}"
    for name in ("secret", "../probe", "reading.js", ""):
        with pytest.raises(page.Refused, match="There is no module"):
            client.call("late_module", name=name)
    with pytest.raises(page.Refused, match=r"late/math\.js is missing"):
        client.call("late_module", name="math")


def test_plain_makes_valid_json_of_anything():
    value = {
        "nan": math.nan,
        "inf": np.float32("inf"),
        "int": np.int64(3),
        "array": np.arange(2),
        "na": pd.NA,
        "nat": pd.NaT,
        "status": Status.RUNNING,
        5: (1, {2}),
        "when": pd.Timestamp("2026-01-02"),
        "packed": Packed({"a": 1}),
    }
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == {
        "nan": None,
        "inf": None,
        "int": 3,
        "array": [0, 1],
        "na": None,
        "nat": None,
        "status": "RUNNING",
        "5": [1, [2]],
        "when": "2026-01-02 00:00:00",
        "packed": {"content": {"a": 1}, "buffers": []},
    }


def test_buffers_travel_as_base64_where_the_host_drops_them(page, monkeypatch):
    thing = Thing()
    probe = page(Probe(thing))
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    thing.stream.emit("rows")
    message = probe.wait_for(lambda m: "push" in m)
    assert message["base64"] == ["AQ=="]
    assert probe.buffers[-1] == []


def test_verbs_that_emit_and_workers_that_emit_do_not_lock_each_other_out(page):
    class Emitting(Probe):
        @verb(once=True)
        def act(self):
            self.core.stream.emit("act")

    thing = Thing()
    probe = page(Emitting(thing))
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            thing.stream.emit("rows")

    def calls() -> None:
        for n in range(300):
            probe.view._received(probe.view, {"call": f"p.{n}", "op": "act", "args": {}}, [])

    worker = threading.Thread(target=work, daemon=True)
    caller = threading.Thread(target=calls, daemon=True)
    worker.start()
    caller.start()
    caller.join(10)
    stop.set()
    assert not caller.is_alive()
    worker.join(2)
    assert not worker.is_alive()


SHOWN = """
import sys; sys.path.insert(0, {root!r})
from pathlib import Path
from reasonbook.widgets import base
base.STATIC = Path({static!r})
from tests.widgets.test_base import Probe, Thing
probe = Probe(Thing())
"""
WAIT_FOR_TWO = """
import time
end = time.monotonic() + 30
while len(probe.core.accepted) < 2 and time.monotonic() < end:
    time.sleep(0.01)
"""


class Asker:
    """A front end without a browser: it asks a view in a real kernel, by subshells of its own."""

    def __init__(self, client) -> None:
        self.client = client
        client.wait_for_ready(timeout=60)

    def control(self, kind: str, **content) -> dict:
        self.client.control_channel.send(self.client.session.msg(kind, content))
        return self.client.get_control_msg(timeout=30)["content"]

    def evaluate(self, expression: str):
        """Waits for its turn, and for the status messages before it."""
        reply = self.client.execute("", user_expressions={"it": expression}, reply=True, timeout=30)
        return json.loads(reply["content"]["user_expressions"]["it"]["data"]["text/plain"].strip("'"))

    def ask(self, comm: str, subshell: str | None, call: str, op: str, **args):
        """What the view answered, or None once the kernel is done with the message."""
        data = {"method": "custom", "content": {"call": call, "op": op, "args": args}}
        message = self.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)
        while True:
            heard = self.client.get_iopub_msg(timeout=10)
            content = heard["content"]
            if heard["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            if heard["msg_type"] == "comm_msg" and content["data"]["content"].get("call") == call:
                return content["data"]["content"]["result"]
            if content.get("execution_state") == "idle":
                return None


@pytest.mark.slow
def test_a_page_is_heard_whatever_became_of_the_subshells_before_it(tmp_path):
    """A reloaded page ends subshells that the view spoke under, and asks by one of its own, also beside a cell."""
    from jupyter_client.manager import start_new_kernel

    (tmp_path / "probe.js").write_text("export default {render() {}}")
    (tmp_path / "probe.css").write_text("")
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        asker = Asker(client)
        about = client.kernel_info(reply=True, timeout=30)["content"]
        if "kernel subshells" not in about.get("supported_features", ()):
            pytest.skip("this kernel has no subshells")
        root = str(Path(__file__).parents[2])
        client.execute(SHOWN.format(root=root, static=str(tmp_path)), reply=True, timeout=60)
        comm = asker.evaluate("__import__('json').dumps(probe.model_id)")
        first = asker.control("create_subshell_request")["subshell_id"]
        assert asker.ask(comm, first, "p.0", "accept", key="a") == 1
        asker.control("delete_subshell_request", subshell_id=first)
        second = asker.control("create_subshell_request")["subshell_id"]
        assert asker.ask(comm, second, "q.0", "snapshot") == {"accepted": 1}
        assert asker.ask(comm, second, "p.0", "accept", key="a") == 1, "asked again, carried out once"
        assert asker.ask(comm, first, "q.1", "snapshot") is None, "the kernel says that it dropped this one"
        client.execute(WAIT_FOR_TWO)
        assert asker.ask(comm, second, "q.2", "accept", key="b") == 2
        assert asker.ask(comm, None, "q.3", "snapshot") == {"accepted": 2}, "a host without subshells"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
