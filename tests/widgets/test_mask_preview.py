"""MaskPreview: what it paints is what is trained."""

from __future__ import annotations

import numpy as np
import pytest

from reasonbook.chat import ChatConfig, ChatRow, build
from reasonbook.data.conversation import Conversation
from reasonbook.widgets.mask_preview import MaskPreview


@pytest.fixture(scope="module")
def chat(tiny_student):
    rows = []
    for i in range(40):
        messages = (
            {"role": "user", "content": f"I bought a chair for ${i}. Refund it."},
            {"role": "assistant", "content": f"${i}"},
        )
        reasoning = {"Policy": f"gold, {i} days", "Amount": str(i)} if i != 9 else None
        split = "test" if i % 4 == 0 else "train"
        rows.append(ChatRow(i, f"key{i}", split, Conversation(messages=messages), reasoning))
    return build(rows, tiny_student)


def painted(row):
    """(ids, labels) as the page would read them out."""
    learnt = np.repeat([run[1] for run in row["runs"]], [run[2] for run in row["runs"]])
    ids = np.array(row["ids"])
    return ids.tolist(), np.where(learnt, ids, -100).tolist()


def test_every_row_shows_the_arrays_that_are_trained(chat, page):
    opened = page(MaskPreview(chat))
    for index in range(len(chat)):
        row = opened.call("row", index=index)
        ids, labels = painted(row)
        assert ids == chat[index].input_ids.tolist() and labels == chat[index].labels.tolist()
        assert len(row["texts"]) == len(row["ids"])
        assert row["position"] == chat[index].position and row["split"] == chat[index].split


def test_a_row_says_what_its_parts_count(chat, page):
    assert page(MaskPreview(chat)).call("row", index=5)["weights"] == {}
    heavier = build(chat.rows, chat.tokenizer, config=ChatConfig(weights={"answer": 2.0, "Amount": 0.5}))
    told = page(MaskPreview(heavier)).call("row", index=5)["weights"]
    assert (told["answer"], told["reasoning:Amount"], told["reasoning:Policy"]) == (2.0, 0.5, 1.0)


def test_the_texts_of_a_row_add_up_to_what_the_student_sees(chat, page):
    row = page(MaskPreview(chat)).call("row", index=5)
    assert "".join(row["texts"]) == chat.tokenizer.decode(chat[5].input_ids, skip_special_tokens=False)


def test_a_preview_opens_on_its_row_and_steps_through_its_dataset(chat, page):
    opened = page(MaskPreview(chat.preview(12)))
    shot = opened.call("snapshot")
    assert (shot["rows"], shot["first"], shot["row"]["position"]) == (40, 12, 12)
    assert {run[0] for run in shot["row"]["runs"]} >= {"prompt", "reasoning:Policy", "answer", "stop"}
    assert opened.call("row", index=13)["position"] == 13
    assert shot["splits"] == {"train": 30, "test": 10}


def test_a_view_of_one_split_counts_within_it(chat, page):
    train = chat.split("train")
    opened = page(MaskPreview(train.preview(2)))
    assert opened.call("snapshot")["rows"] == 30
    assert opened.call("row", index=2)["position"] == train[2].position


def test_a_row_is_played_when_the_page_asks(chat, page):
    opened = page(MaskPreview(chat))
    for index in (0, 9):
        row, played = opened.call("row", index=index), opened.call("loop", index=index)
        assert row["ids"][played["stop"]] in chat.stop_ids and played["answer"] == f"${index}"
        assert {step["state"] for step in played["steps"]} <= {"passed", "not asked"}
    assert played["thinking"] == ""


def test_unusual_rows_come_with_their_reasons(chat, page):
    opened = page(MaskPreview(chat))
    [[index, reasons]] = opened.call("unusual")["rows"]
    assert index == 9 and "no reasoning" in reasons[0]
    assert opened.call("row", index=9)["odd"] == reasons


def test_a_dataset_without_rows_says_so(chat, page):
    opened = page(MaskPreview(chat.split("validation")))
    assert opened.call("snapshot")["row"] is None
    with pytest.raises(Exception, match="no training row"):
        opened.call("row", index=0)


def test_a_row_that_is_not_there_is_refused(chat, page):
    with pytest.raises(Exception, match="no training row 400; there are 40"):
        page(MaskPreview(chat)).call("row", index=400)


def test_no_text_of_the_data_stands_in_the_widget_state(chat):
    view = MaskPreview(chat)
    state = {name: value for name, value in view.get_state().items() if name not in ("_esm", "_css")}
    assert "chair" not in str(state)
    data, _ = view._repr_mimebundle_()
    assert "text/html" in data and "text/plain" in data
    view.close()
