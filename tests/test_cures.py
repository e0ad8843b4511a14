"""Cures: every piece of code that an error or a card tells to type is typed here, in a world where it makes sense."""

import re

import pytest

import reasonbook as rb
from benchmarks import variations
from reasonbook.augment import AugmentConfig
from reasonbook.chat import ChatConfig
from reasonbook.errors import ReasonbookError
from reasonbook.job import Job
from reasonbook.teachers.llamacpp import LlamaCpp
from reasonbook.training import TrainConfig, judge

from .cures import cures, pieces
from .house import HOUSE
from .servers.provider import KEY, Provider

# What a person fills in: the code as it stands → as it is typed. An expression of the source stands in ⟨ ⟩.
FILLED = {
    r"field_lines\(names\)": "field_lines()",
    r"⟨\{first_field!r\}⟩": '"Amount"',
    r"⟨\{self\.row\}⟩|⟨\{\[row for row, _ in refused\]\}⟩": "1",
    r'\["Policy"\]': '["Membership"]',
    r"⟨\{(row|(sample|self)\.position)\}⟩": "1",
    r"⟨\{sample\.turn\}⟩": "0",
    r"⟨\{turn\}⟩": ", turn=0",
    r"⟨\{first\}⟩": "misleads",
    r"⟨\{field\.name!r\}⟩": '"Amount"',
    r"⟨\{_example\(field, value\)!r\}⟩": '"104"',
    r"⟨\{self\.path_out\}⟩": "rows.jsonl",
    r"⟨\{path / 'NAME'\}⟩⟨\{kinds\[0\]\}⟩": "rows.jsonl",
    r"⟨\{column\.name!r\}⟩": "'talk'",
    r"⟨\{texts\[0\]\.name!r\}⟩⟨\{response\}⟩": "'prompt', response='response'",
    r"⟨\{self\._words\(.*?\)\}⟩": 'prompt="prompt", response="response"',
    r"⟨\{next\(iter\(parts\)\)!r\}⟩": "'train'",
    r"to_parquet\(…\)": "to_parquet('out.parquet')",
    r"df\[⟨\{name!r\}⟩\]": "df['prompt']",
    r"⟨\{_more\([^}]*\}⟩|⟨\{dollars:g\}⟩": "20.0",
    r'\{…, "⟨\{each\.name\}⟩": \(other, ⟨.*?⟩\)\}': '{"refunds": df, "chat": (other, 0.25)}',
    r"⟨\{layout\.name\}⟩": "dpo",
    r"\{…\}": '{"Intent": "a refund"}',
    r"⟨\{bare\[0\]!r\}⟩": "'Amount'",
    r"⟨\{_rounded\(.*?\)\}⟩": "1024",
    r"⟨\{name\}⟩=⟨\{.*?\}⟩": "epochs=2",
    r"⟨\{name\}⟩=…": "epochs=2",
    r"⟨\{self.warmup!r\}⟩": "0.1",
    r"⟨\{words\[0\]\}⟩": '"prompt"',
    r"⟨\{words\[1\]\}⟩": '"response"',
    r"⟨\{words\}⟩": 'prompt="prompt", response="response"',
    r"⟨\{(held|student|trained)\.id!r\}⟩": "run.id",
    r"⟨\{str\(path\)!r\}⟩": "run.id",
    r"⟨\{(name|student)!r\}⟩": "student",
    r"⟨\{self\.path\.name!r\}⟩": '"model.gguf"',
    r"⟨\{[^}]*learning_rate[^}]*\}⟩|⟨\{lower:[^}]*\}⟩": "1e-4",
    r"⟨\{cure\}⟩": ', precision="fp32"',
    r"⟨\{number\}⟩": "0",
    r'"⟨\{name\}⟩"': '"ana"',
    r'"⟨\{(who|path\.name)\}⟩(\.jsonl)?"': '"ana.jsonl"',
    r"⟨\{said\}⟩⟨\{needs\}⟩": '"raw", confirm=True',
    r"⟨\{self\.task[^}]*\}⟩": "512",
    r'"STUDENT"|"Qwen/Qwen3-4B"': "student",
    r'"template\.jinja"': "template",
    r'"RUN_ID"': "run.id",
    r'"openai:MODEL"': "teacher",
    r"teacher=…": "teacher=teacher",
    r"budget=…": "price=(1, 1), budget=1.0",
    r"budget=5\.0(?=\)$)": "budget=5.0, price=(1, 1)",
    r'"question"': '"prompt"',
    r'"answer"': '"response"',
    r"augment\(…": "augment(schema, teacher=teacher",
    r"augment_dataset\((.*), …\)": r"augment_dataset(\1, schema, teacher=teacher)",
    r"export\(df, …": "export(df",
    r"\[run, …\]": "[run, plain]",
    r", …\)": ")",
    r"max_steps=…": "max_steps=1",
    r"chat_template=(…|\"…\")": "chat_template=template",
    r'layout\(prompt="…", response="…"\)': 'layout(prompt="prompt", response="response")',
    r'layout\(messages="…"\)': 'layout(messages="talk")',
    r"drop_duplicates\(…\)": "drop_duplicates(subset=['prompt'])",
    r"run\.save\(…\)": 'run.save("again")',
    r"again\(…\)": 'again("x")',
    r"⟨\{self(\[-1\])?\.name!r\}⟩": '"before repairs"',
    r"…": "x",
}
# What cannot be typed on a machine without a network, or stands for a definition that the person writes.
NOT_HERE = {
    'df.reason.quality().audit(checker="openai:MODEL", score=judge("openai:MODEL"))': "needs grades: test_audit.py",
    'run.save("owner/name", format="hub")': "writes to the Hub",
    'rb.frame(datasets.load_dataset("NAME", split="train"))': "asks the Hub",
    "dask.dataframe.from_pandas(df, npartitions=8)": "an extra of its own",
    "LlamaCpp(⟨{self.path.name!r}⟩)": "a GGUF file and its server: tests/teachers",
    "LlamaCpp(path, parallel=1, context=4096)": "a GGUF file and its server: tests/teachers",
}


@pytest.fixture(scope="module")
def world(tiny_student, tmp_path_factory):
    """Names as a notebook has them after a first pass."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    home = str(tmp_path_factory.mktemp("home"))
    with pytest.MonkeyPatch.context() as patch, Provider(key=KEY) as server:
        patch.setenv("REASONBOOK_HOME", home)
        patch.setenv("OPENAI_API_KEY", KEY)
        teacher = f"openai:test@{server.url}"
        df = rb.examples.refunds(24, seed=1)
        df["talk"] = [
            [{"role": "user", "content": p}, {"role": "assistant", "content": r}] for p, r in df.to_numpy()
        ]
        schema = rb.Schema(
            {"Amount": "What is paid back?", "Urgency": "How soon?", "Intent": "What is asked?"}
        )
        df.reason.layout(prompt="prompt", response="response")
        job = df.reason.augment(schema, teacher=teacher).wait()
        chat = df.reason.to_chat(tiny_student)
        run = rb.train(chat, max_steps=1, samples=0).wait()
        plain = df.reason.train(tiny_student, strategy="final_only", max_steps=1, samples=0).wait()
        review = df.reason.review()
        df.reason.version("before repairs")
        yield dict(
            rb=rb, df=df, other=rb.examples.refunds(4, seed=2),
            schema=schema, job=job, chat=chat, run=run, thinking=run, plain=plain, review=review,
            repair=review.repair(2, "The amount is wrong.", teacher=teacher), teacher=teacher, student=tiny_student,
            template="{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}"
            "{% if add_generation_prompt %}<assistant>{% endif %}",
            quality=df.reason.quality(), a="before repairs", b=df,
            prompts=["What is 2 + 2?"], path="out", path_in="in.parquet", AugmentConfig=AugmentConfig,
            ChatConfig=ChatConfig, TrainConfig=TrainConfig, AutoTokenizer=AutoTokenizer, LlamaCpp=LlamaCpp,
            ablation=rb.ablate(df, tiny_student, ["Amount"], steps=1).wait(), comparison=rb.compare([plain, run]),
            refunds=rb.examples.refunds, refund_rules=rb.examples.refund_rules, tiny_student=rb.examples.tiny_student,
            audit=df.reason.quality().audit(teacher, rows=2), judge=judge,
            session=run.chat(), id=run.id, data={"train": df}, home=home, folder="weights",
            model=AutoModelForCausalLM.from_pretrained(tiny_student),
        )  # fmt: skip


def typed(code: str) -> str:
    for pattern, stands in FILLED.items():
        code = re.sub(pattern, stands, code)
    return code


CURES = {cure.code: cure.where for cure in cures(HOUSE)}


def unfinished(world: dict, code: str) -> dict:
    """What a cure is about that only makes sense where something is not whole."""
    if "reason.vary(" in code or code.startswith("more."):
        df = variations.rows(6, 1, "2026")
        df.reason.augment(variations.schema(), teacher=variations.reader(0, "2026", 0.0)).wait()
        write = {"teacher": variations.writer(0, 0.0), "schema": variations.schema(), "df": df}
        more = df.reason.vary(teacher=write["teacher"], checker=variations.reader(0, "2026", 0.0), pilot=2)
        return {**write, "more": more.wait()}
    if "export(" in code and ("layout.name" in code or '"dpo"' in code):
        df = rb.examples.refunds(2)
        df.reason.augment({"Amount": "What?"}, teacher=lambda request: {"Amount": "104"}).wait()
        df.reason.review().edit(0, {"Amount": "105"})
        return {"df": df.assign(split="train")}
    if ".trial(" in code:
        df = rb.examples.refunds(4, seed=7)
        df.reason.augment({"Amount": "What is paid back?"}, teacher=world["teacher"]).wait()
        return {"df": df, "review": df.reason.review().edit(0, {"Amount": "105"}).edit(1, {"Amount": "106"})}
    if "['source']" in code:
        mix = rb.mix({"refunds": world["df"], "chat": world["other"]})
        return {"run": mix.train(world["student"], plain="keep", max_steps=1, samples=0).wait()}
    if "resume()" in code:
        run = rb.train(world["chat"], max_steps=400, samples=0).stop().wait()
        return {"run": run, "id": run.id}
    if re.match(r"review\.(send|merge|settle)", code):
        review = rb.examples.refunds(
            4, seed=len(code)
        ).reason.review()  # rows of which no other cure has said a thing
        rb.reviewer("ben")
        review.reject([1, 3])
        rb.reviewer("ana")
        return {"review": review.accept([1, 3]).send("ana.jsonl")}
    if code == "job.retry()":
        df = rb.examples.refunds(2)
        answers = iter([{}, {"Amount": "1"}, {"Amount": "1"}])
        return {
            "job": df.reason.augment(
                {"Amount": "What?"}, teacher=lambda request: next(answers), reasks=0
            ).wait()
        }
    return {}


@pytest.mark.slow
@pytest.mark.parametrize(
    "code", [pytest.param(code, id=f"{where} {code}"[:90]) for code, where in CURES.items()]
)
def test_what_is_to_be_typed_can_be_typed(world, code, tmp_path, monkeypatch):
    if code in NOT_HERE:
        pytest.skip(NOT_HERE[code])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REASONBOOK_HOME", world["home"])
    rb.examples.refunds(3).to_json("rows.jsonl", orient="records", lines=True)
    (tmp_path / "schema.json").write_text('{"Amount": "What is paid back?"}')
    for name in ("in.parquet", "data.parquet"):
        rb.examples.refunds(3).to_parquet(name)
    names = {**world, "schema": world["schema"].snapshot(), **unfinished(world, code)}
    result = None
    try:
        if re.match(r"\w+ = ", code):
            exec(typed(code), names)
        else:
            result = eval(typed(code), names)
    finally:
        rb.store.cap(remove=True)
        rb.reviewer("")
        for left in (result, *names.values()):
            if isinstance(left, Job) and left.running:
                left.stop().wait()


def test_the_cures_are_found():
    assert len(CURES) > 120
    text = "Do it: rb.f(a, 'x)')   or   run.wait() now; chat.report says why; df = df.copy()."
    assert list(pieces(text)) == ["rb.f(a, 'x)')", "run.wait()", "df = df.copy()"]


def test_what_is_no_code_is_left_alone():
    assert not list(pieces("the run (one of many) trains; schemas. rb is not df"))


def test_a_cure_that_does_not_work_is_seen():
    with pytest.raises(ReasonbookError):
        eval(typed("rb.Schema.preset('x')"), {"rb": rb})
