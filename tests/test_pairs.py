"""Pairs out: edits, repairs, refused samples and verdicts as TRL's trainers read them."""

from __future__ import annotations

import json

import pytest

import reasonbook as rb
from reasonbook.chat import ChatFormat
from reasonbook.errors import FormatError
from reasonbook.exports.pairs import BLANK, LOSES, PREFERENCES, PairReport, _changed, pairs_of
from reasonbook.exports.preferences import NOTHING_SAID, AnswerSide, Preference, Preferences
from tests.chat.students import student


class Careless:
    """A teacher that writes nonsense into an amount, but for each third answer."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, request: str) -> dict:
        self.asked += 1
        values = dict(rb.examples.refund_rules(request))
        return values if self.asked % 3 == 0 else values | {"Amount": f"nonsense {self.asked}"}


def sensible(values, candidate) -> bool:
    return not str(values["Amount"]).startswith("nonsense")


@pytest.fixture
def df(home):
    frame = rb.examples.refunds(30)
    frame.reason.augment(rb.examples.refund_schema(), teacher=rb.examples.refund_rules).wait()
    frame["split"] = ["train"] * 24 + ["validation"] * 3 + ["test"] * 3
    return frame


def read(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_a_person_wrote_stands_above_what_the_teacher_had_written(df, tmp_path):
    before = df["reasoning"][1]["Amount"]
    review = df.reason.review()
    review.edit(1, {"Amount": "104, no fee"}).edit(1, {"Amount": "104 without a fee"})
    review.edit(2, {"Policy": "made up"}).undo()  # an undone edit is none
    review.edit(3, {"Amount": "9"}).reject(3)
    review.edit(4, response="$77")  # stale: the reasoning argues for the old answer
    review.edit(26, {"Amount": "held out"})
    df.reason.review().repair(
        5, "Shorter.", teacher=lambda text: dict(rb.examples.refund_rules(text)) | {"Amount": "7"}
    ).wait().accept()
    file = rb.export(df, tmp_path / "pairs.jsonl", layout="dpo")
    pair, repaired = read(file)
    assert [m["role"] for m in pair["prompt"]] == ["user"]
    [chosen], [rejected] = pair["chosen"], pair["rejected"]
    assert "Amount: 104 without a fee" in chosen["reasoning_content"]
    assert f"Amount: {before}" in rejected["reasoning_content"] and chosen["content"] == rejected["content"]
    assert "Amount: 7" in repaired["chosen"][0]["reasoning_content"]
    assert file.preferences.records == {"edit": 1, "repair": 1}
    assert dict(file.left_out) == {NOTHING_SAID: 20, "rejected": 1, "stale": 1, "split": 6}
    assert file.rows == 30 and file.rows_kept == 2 and "edit" in file._repr_html_()
    assert any("No student" in note for note in file.preferences.notes)
    held = rb.export(df, layout="dpo", split="validation")
    assert len(held) == 1 and held.attrs["preferences"].records == {"edit": 1}


def test_verdicts_are_preferences_one_by_one(df):
    df.reason.review().accept([0, 1, 2]).reject(3).edit(1, {"Amount": "104"})
    made = rb.export(df, layout="kto")
    report = made.attrs["preferences"]
    # Row 1 is accepted as edited: its new side once, its old one as the worse.
    assert report.records == {"verdict": 4, "edit": 1} and report.labels == {True: 3, False: 2}
    assert set(made) == {"prompt", "completion", "label"} and made.attrs["rows_kept"] == 4
    with pytest.raises(FormatError, match="No row of 30") as none:
        rb.export(df.copy().assign(split="test"), layout="kto")
    assert "split 30" in str(none.value)


@pytest.mark.slow
def test_samples_that_the_check_refused_stand_below_the_one_that_passed(home, tiny_student, tmp_path):
    """Four samples at most, paid for already; the third is right. One thread asks, so that each row gets three."""
    frame = rb.examples.refunds(12)
    frame.reason.augment(
        rb.examples.refund_schema(), teacher=Careless(), samples=4, check=sensible, concurrency=1
    ).wait()
    frame["split"] = "train"
    file = rb.export(frame, tmp_path / "pairs.jsonl", layout="dpo", student=tiny_student)
    pairs = read(file)
    assert file.preferences.records == {"refused sample": len(pairs)} and len(pairs) >= 12
    assert all("nonsense" in pair["rejected"][0]["reasoning_content"] for pair in pairs)
    assert not any("nonsense" in pair["chosen"][0]["reasoning_content"] for pair in pairs)
    # TRL renders them with the student's own tokenizer, and finds the prompt of training on both sides.
    trl = pytest.importorskip("trl.data_utils")
    datasets = pytest.importorskip("datasets")
    form = ChatFormat(tiny_student)
    loaded = datasets.load_dataset("json", data_files=str(file), split="train", cache_dir=str(tmp_path))
    for example in loaded:
        assert trl.is_conversational(example)
        told = trl.apply_chat_template(example, form.tokenizer)
        assert form.encode([told["prompt"]])[0].ids == form.prompt_ids(example["prompt"])
        assert told["chosen"].startswith("<think>") and "nonsense" in told["rejected"]


def test_pairs_that_teach_nothing_are_left_out_and_leanings_are_said(df, tmp_path):
    review = df.reason.review()
    review.edit(0, {"Amount": df["reasoning"][0]["Amount"].replace(" ", "  ")})
    for row in range(1, 7):
        review.edit(row, {"Amount": df["reasoning"][row]["Amount"] + "!"})
    file = rb.export(df, tmp_path / "pairs.jsonl", layout="dpo")
    report = file.preferences
    assert (report.found, report.kept, report.dropped) == (7, 6, {BLANK: 1}) and file.left_out[BLANK] == 1
    assert report.longer == 1.0 and report.small == 1.0
    said = " ".join(report.notes)
    assert "longer in 100%" in said and "20 characters or fewer" in said
    assert _changed("abcXYdef", "abcdef") == 2 and _changed("aa", "aaa") == 1 and _changed("a", "a") == 0
    with pytest.raises(AssertionError):
        PairReport(2, 1, {}, {}, {}, None, None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "carried"),
    [
        ("qwen3", "A: good"),
        ("gptoss", "A: good"),
        ("llama3", "<think>\nA: good\n</think>\n\n$1"),
        ("gemma4", ""),  # its template shows no reasoning: such pairs would say nothing of it
    ],
)
def test_reasoning_stands_where_the_students_template_reads_it(name, carried):
    form = ChatFormat(student(name))
    asked = ({"role": "user", "content": "How much?"},)
    found = [
        Preference(0, "edit", asked, AnswerSide("A: good", "$1"), AnswerSide("A: bad", "$2")),
        Preference(1, "edit", asked, AnswerSide("", "one"), AnswerSide("", "two")),
    ]
    made, account, report = pairs_of(Preferences(found), PREFERENCES["dpo"], form, 2)
    assert dict(account.left_out) == report.dropped == ({} if carried else {LOSES: 1})
    [message] = made[0]["chosen"]
    assert carried in message.values() if carried else message == {"role": "assistant", "content": "one"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"layout": "dpo"}, "No row of 30 has a preference"),
        ({"layout": "dpo", "strategy": "two_message_cot"}, "cannot express"),
        ({"layout": "dop"}, 'Did you mean "dpo"'),
        ({"layout": "messages", "student": "x"}, "the same for every student"),
    ],
)
def test_what_cannot_be_exported_says_what_to_type(df, options, says):
    with pytest.raises(FormatError, match=says):
        rb.export(df, **options)


def test_rows_without_a_frame_have_no_journal():
    with pytest.raises(FormatError, match="rows alone have none"):
        rb.export([], layout="kto")
