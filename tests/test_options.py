"""Wrong calls of every public verb: each ends in a sentence and a line to type, none in a bare Python error."""

import re

import numpy as np
import pytest

import reasonbook as rb
from reasonbook.augment import AugmentConfig
from reasonbook.chat import ChatConfig
from reasonbook.errors import ReasonbookError, ReviewError
from reasonbook.options import checked
from reasonbook.review.samples import Query
from reasonbook.training import Run, TrainConfig

SCHEMA = {"Amount": "What is paid back?"}
rules = rb.examples.refund_rules

# What is called, and what the error has to say: in its sentence, or in the line to type.
WRONG = {
    "augment": [
        (lambda f: f.df.reason.augment(), "needs schema and teacher", "teacher="),
        (lambda f: f.df.reason.augment(SCHEMA), "needs teacher", "teacher="),
        (lambda f: f.df.reason.augment(teacher=rules), "needs schema", "augment(schema"),
        (lambda f: f.df.reason.augment(SCHEMA, rules), "takes one value without a name", "teacher="),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, concurency=3), "'concurency'", '"concurrency"'),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, temprature=0.5), "'temprature'", '"temperature"'),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, concurrency="many"), "a whole number", "concurrency=64"),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, concurrency=0), "at least 1", "concurrency="),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, concurrency=2.5), "a fraction", "concurrency=2"),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, limit="3"), "not text", "limit=3"),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, limit=3.5), "a fraction", "limit=3"),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, limit=True), "not True", "augment("),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, limit=-1), "more than 0", "augment("),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, budget="5$"), "not text", "budget=5.0"),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, budget="$2.50"), "not text", "budget=2.5"),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, budget=float("nan")), "not nan", "augment("),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, temperature="hot"), "a number", "augment("),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, method="extrct"), "extrct", '"extract"'),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, mode="bach"), "bach", '"batch"'),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, timeout="1m"), "a number", "timeout="),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, samples="two"), "a whole number", "samples=1"),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, check="fits"), "a function", "augment("),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=rules, pack=[2]), "a whole number", "pack=1"),
        (lambda f: f.df.reason.augment(SCHEMA, teacher="opnai:x"), "opnai", "openai"),
        (lambda f: f.df.reason.augment(SCHEMA, teacher=5), "not int", "openai:MODEL"),
        (lambda f: f.df.reason.augment(7, teacher=rules), "not from 7", "rb.Schema("),
        (lambda f: f.df.reason.augment("custmer_support", teacher=rules), "custmer", "customer_support"),
        (lambda f: f.df.reason.estimate(SCHEMA), "needs teacher", "teacher="),
        (lambda f: f.df.reason.estimate(SCHEMA, teacher=rules, pilot="3"), "not text", "pilot=3"),
        (lambda f: f.df.reason.estimate(SCHEMA, teacher=rules, concurency=1), "'concurency'", '"concurrency"'),
        (lambda f: AugmentConfig(rpm="60"), "a number", "rpm=60.0"),
        (lambda f: AugmentConfig(*["extract"] * 40), "without a name", "AugmentConfig("),
        (lambda f: rb.augment_dataset("a.parquet"), "needs path_out and schema and teacher", "teacher="),
        (lambda f: rb.augment_dataset("a.parquet", "o", SCHEMA, teacher=rules, rows="1k"), "rows", "rows=20000"),
        (lambda f: rb.augment_dataset("a.parquet", "o", SCHEMA, teacher=rules, pak=1), "'pak'", '"pack"'),
        (lambda f: rb.augment_dataset(None, "o", SCHEMA, teacher=rules), "not None", "augment_dataset("),
    ],
    "schema": [
        (lambda f: rb.Schema(), "needs fields", "rb.Schema("),
        (lambda f: rb.Schema(None), "not from None", "rb.Schema("),
        (lambda f: rb.Schema({}), "no field", "rb."),
        (lambda f: rb.Schema.preset("custmer_support"), "custmer", '"customer_support"'),
        (lambda f: rb.Schema.preset(3), "takes text", "customer_support"),
        (lambda f: rb.Schema.load(None), "not None", "rb.Schema.load("),
        (lambda f: rb.Schema.load("nowhere.json"), "nowhere.json", "schema.save"),
        (lambda f: rb.Field("A"), "needs instruction", "rb.Field("),
        (lambda f: rb.Field("A", "b", tpye="number"), "'tpye'", '"type"'),
        (lambda f: rb.Field("A", "b", type="choice", options=3), "a list of texts", "options="),
        (lambda f: rb.Field("A", "b", type="choice", options="low"), "a list of texts", "options=['low']"),
        (lambda f: rb.Field("A", "b", type="number", minimum="0"), "a number", "minimum=0.0"),
        (lambda f: rb.Field("A", "b", optional="yes"), "True or False", "optional=True"),
        (lambda f: rb.Field(5, "b"), "takes text", "rb.Field("),
        (lambda f: f.schema.add("B", "b", optinal=True), "'optinal'", '"optional"'),
        (lambda f: f.schema.add(5), "takes", "schema.add("),
        (lambda f: f.schema.remove("Amout"), "'Amout'", '"Amount"'),
        (lambda f: f.schema.update("Amount", instrction="x"), "'instrction'", '"instruction"'),
        (lambda f: f.schema.move("Amount", "first"), "a whole number", "schema.move("),
        (lambda f: f.schema.edit("data.csv"), "DataFrame", "schema.edit(df"),
        (lambda f: f.schema.save(3), "a path", "schema.save("),
    ],
    "layout and splits": [
        (lambda f: f.df.reason.layout(promt="prompt"), "'promt'", '"prompt"'),
        (lambda f: f.df.reason.layout(prompt="question"), "question", "prompt"),
        (lambda f: f.df.reason.split(test="20%"), "a number", "test=0.2"),
        (lambda f: f.df.reason.split(test=20), "20", "test="),
        (lambda f: f.df.reason.split(tset=0.1), "'tset'", '"test"'),
        (lambda f: f.df.reason.split(seed="a"), "a whole number", "seed=0"),
        (lambda f: f.df.reason.split(0.1), "without a name", "split(test="),
        (lambda f: f.df.reason.split(stratify="nothing"), "'nothing'", "columns:"),
    ],
    "review": [
        (lambda f: f.review.where(verdct="accepted"), "'verdct'", '"verdict"'),
        (lambda f: f.review.where(verdict="acepted"), "acepted", '"accepted"'),
        (lambda f: f.review.where(rating="5"), "not text", "rating=5"),
        (lambda f: f.review.where(text=5), "takes text", "review.where("),
        (lambda f: f.review.where(sort="suspicon"), "suspicon", '"suspicion"'),
        (lambda f: f.review.where("ok"), "a Query", "review.where("),
        (lambda f: Query(stats="ok"), "'stats'", '"status"'),
        (lambda f: f.review.accept("all"), "a list of whole numbers", "review.accept([0, 1])"),
        (lambda f: f.review.accept(None), "not None", "review.accept([0, 1])"),
        (lambda f: f.review.accept(), "needs rows", "review.accept("),
        (lambda f: f.review.accept(99), "no row 99", "review.accept("),
        (lambda f: f.review.accept(1.5), "a fraction", "rows=1"),
        (lambda f: f.review.accept([True, False]), "True", "review.accept("),
        (lambda f: f.review.reject(f.df), "a DataFrame", "review.reject("),
        (lambda f: f.review.rate(0), "needs rating", "review.rate(0, 5)"),
        (lambda f: f.review.rate(0, 6), "6 is no rating", "review.rate(0, 5)"),
        (lambda f: f.review.rate(0, "5"), "not text", "rating=5"),
        (lambda f: f.review.edit(0, reasoning="text"), "a dict", "review.edit("),
        (lambda f: f.review.edit(0, response=5), "takes text", "review.edit("),
        (lambda f: f.review.edit("first"), "a whole number", "review.edit("),
        (lambda f: f.review.repair(0), "needs feedback", "review.repair("),
        (lambda f: f.review.repair(0, 5), "takes text", "review.repair("),
        (lambda f: f.review.accept_all(passing="no"), "True or False", "passing=False"),
        (lambda f: f.review.samples(3.2), "a list", "review.samples("),
        (lambda f: f.review.assign(["ana", "ben"]), "a dict", "review.assign("),
        (lambda f: f.review.send(), "needs path", "review.send("),
        (lambda f: f.review.merge(5), "not a whole number", "review.merge("),
        (lambda f: f.review.settle(0), "needs who", "review.settle("),
    ],
    "chat": [
        (lambda f: f.df.reason.to_chat(), "needs student", 'to_chat("STUDENT")'),
        (lambda f: f.df.reason.to_chat(f.student, max_len=5), "'max_len'", '"max_length"'),
        (lambda f: f.df.reason.to_chat(f.student, max_length="5"), "not text", "max_length=5"),
        (lambda f: f.df.reason.to_chat(f.student, max_length=3), "too short", "max_length=2048"),
        (lambda f: f.df.reason.to_chat(f.student, strategy="final"), "final", '"final_only"'),
        (lambda f: f.df.reason.to_chat(f.student, roles="asistant"), "asistant", '"assistant"'),
        (lambda f: f.df.reason.to_chat(f.student, roles=("user", "bot")), "'bot'", "valid:"),
        (lambda f: f.df.reason.to_chat(f.student, style="yaml"), "style", "'lines'"),
        (lambda f: f.df.reason.to_chat(f.student, tags="<a>"), "2 values", "to_chat("),
        (lambda f: f.df.reason.to_chat(f.student, mask_reasoning="yes"), "True or False", "mask_reasoning=True"),
        (lambda f: f.df.reason.to_chat(f.student, config={"style": "json"}), "a ChatConfig", "to_chat("),
        (lambda f: f.df.reason.to_chat(f.student, config=TrainConfig()), "not a TrainConfig", "to_chat("),
        (lambda f: ChatConfig(max_length=None), "not None", "max_length=2048"),
        (lambda f: ChatConfig(sytem="x"), "'sytem'", '"system"'),
        (lambda f: f.chat.preview(9999), "9999", "chat.preview(0)"),
        (lambda f: f.chat.preview("first"), "a whole number", "index=0"),
        (lambda f: f.chat.split(0), "takes text", 'chat.split("train")'),
        (lambda f: rb.export(f.df, layuot="x"), "'layuot'", '"layout"'),
        (lambda f: rb.export(f.df, layout="sharegtp"), "sharegtp", '"sharegpt"'),
        (lambda f: rb.export(None), "not None", "rb.export(df"),
        (lambda f: rb.export(), "needs source", "rb.export(df"),
        (lambda f: rb.export(f.df, split="tset"), "tset", "split"),
        (lambda f: rb.export(f.df, 5), "a path", "rb.export(df"),
    ],
    "training": [
        (lambda f: f.df.reason.train(), "needs student", 'train("STUDENT")'),
        (lambda f: f.df.reason.train(f.student, lr=1e-4), "'lr'", '"learning_rate"'),
        (lambda f: f.df.reason.train(f.student, epochs="3"), "not text", "epochs=3.0"),
        (lambda f: f.df.reason.train(f.student, epochs=0), "above 0", "epochs="),
        (lambda f: f.df.reason.train(f.student, tuning="lorra"), "tuning", '"lora"'),
        (lambda f: f.df.reason.train(f.student, batch_size=1.5), "a fraction", "batch_size=1"),
        (lambda f: f.df.reason.train(f.student, learning_rate="fast"), "a number", "train("),
        (lambda f: f.df.reason.train(f.student, config=ChatConfig()), "a TrainConfig", "train("),
        (lambda f: f.df.reason.train(f.student, chat=TrainConfig()), "a ChatConfig", "train("),
        (lambda f: rb.train(f.df), "a ChatDataset, not a DataFrame", "to_chat("),
        (lambda f: rb.train("Qwen/x"), "a ChatDataset, not text", "to_chat("),
        (lambda f: rb.train(f.chat, lr=1), "'lr'", '"learning_rate"'),
        (lambda f: rb.train(f.chat, max_steps="ten"), "a whole number", "rb.train("),
        (lambda f: TrainConfig(seed=0.5), "a fraction", "seed=0"),
        (lambda f: TrainConfig(warmup=2), "a share", "warmup=0.05"),
        (lambda f: TrainConfig(target_modules="q_proj"), "a list", "target_modules=['q_proj']"),
        (lambda f: rb.compare("a"), "'a' is no run", "rb.compare(["),
        (lambda f: rb.compare(None), "None is no run", "rb.compare(["),
        (lambda f: rb.compare([]), "no run", "rb.compare(["),
        (lambda f: rb.compare([1, 2]), "1 is no run", "rb.compare(["),
        (lambda f: rb.compare([], limit="5"), "not text", "limit=5"),
        (lambda f: Run.load(None), "not None", "rb.Run.load("),
        (lambda f: Run.load("nothing"), "nothing", "rb.train"),
        (lambda f: rb.ablate(None), "needs student", "rb.ablate("),
        (lambda f: rb.ablate(None, f.student), "a DataFrame", "rb.ablate(df"),
        (lambda f: rb.ablate(f.df, f.student, seeds="3"), "not text", "seeds=3"),
        (lambda f: rb.ablate(f.df, f.student, lr=1), "'lr'", '"learning_rate"'),
        (lambda f: rb.examples.refunds("100"), "not text", "n=100"),
        (lambda f: rb.examples.refunds(0), "0", "refunds("),
    ],
}  # fmt: skip
CALLS = [
    pytest.param(*call, id=f"{verb} {i}") for verb, calls in WRONG.items() for i, call in enumerate(calls)
]


class Things:
    """What the wrong calls are made on; nothing of it may change."""

    def __init__(self, student: str) -> None:
        self.df = rb.examples.refunds(12, seed=1)
        self.df.reason.augment(
            SCHEMA | {"Policy": "Which rule?"}, teacher=lambda text: {"Amount": "1", "Policy": "2"}
        ).wait()
        self.student = student
        self.chat = self.df.reason.to_chat(student)
        self.review = self.df.reason.review()
        self.schema = rb.Schema(SCHEMA)


@pytest.fixture(scope="module")
def things(tiny_student, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REASONBOOK_HOME", str(tmp_path_factory.mktemp("home")))
        yield Things(tiny_student)


@pytest.mark.parametrize(("call", "says", "cure"), CALLS)
def test_a_wrong_call_says_what_is_wrong_and_what_to_type(things, call, says, cure):
    before = things.df.copy()
    with pytest.raises(ReasonbookError) as caught:
        call(things)
    assert says in caught.value.problem
    assert caught.value.fix and cure in caught.value.fix
    option = re.fullmatch(r"(\w+)=(\S+)", caught.value.fix)
    if option:
        assert option[1] in caught.value.problem
        eval(option[2])
    assert things.df.equals(before) and things.schema == rb.Schema(SCHEMA), "a refused call changes nothing"


def test_the_table_is_long():
    assert len(CALLS) >= 100


def test_what_is_right_goes_through_in_every_spelling():
    @checked(ReviewError, "verb(1, rows=[0])")
    def verb(
        count: int, /, share: float = 0.5, *, rows: int | list[int] | None = None, **rest: object
    ) -> tuple:
        return count, share, rows, rest

    assert verb(np.int64(3), 1, rows=[np.int32(0)], more="x") == (3, 1, [0], {"more": "x"})
    assert verb(3, np.float32(0.25)) == (3, 0.25, None, {})
    assert verb.__name__ == "verb" and verb.__wrapped__(1) == (1, 0.5, None, {})


def test_a_stream_of_rows_is_read_once(things):
    assert things.review.accept(i for i in (0, 1)).counts["accepted"] == 2
    assert things.review.clear(np.array([0, 1])).counts["accepted"] == 0
