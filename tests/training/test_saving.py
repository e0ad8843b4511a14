"""What a run leaves for other programs: each form is written and read again by the program it is for."""

from __future__ import annotations

import json

import pytest

from reasonbook.chat import ChatConfig, ChatFormat
from reasonbook.errors import TrainingError
from reasonbook.training import Run
from reasonbook.training.saving.gguf import RULES, rule_name, write
from reasonbook.training.saving.llamacpp_check import Llama, missing
from reasonbook.training.saving.ollama import pieces

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train
needs_llama = pytest.mark.skipif(missing() is not None, reason=str(missing()))

QUESTION = "I bought 2 desk lamps 10 days ago at $40 each. They are sealed."


def test_merged_weights_answer_the_same(pair, tmp_path):
    run = pair[1]
    saved = run.save(tmp_path / "merged", format="merged", dtype="float32")
    again = Run.load(saved.path)
    assert (
        again.generate([QUESTION], max_tokens=12)[0].text == run.generate([QUESTION], max_tokens=12)[0].text
    )
    names = {p.name for p in (tmp_path / "merged").iterdir()}
    assert "model.safetensors" in names and not any(n.endswith((".bin", ".pt")) for n in names)


def test_pipeline_serves_the_trained_prompt(pair, tmp_path):
    """Messages and nothing else: the plain student is not asked to think, and stops where it learnt to."""
    from transformers import pipeline
    from transformers.pipelines.text_generation import Chat

    for run in pair:
        saved = run.save(tmp_path / run.strategy, format="merged", dtype="float32")
        serve = pipeline("text-generation", model=saved.path, device="cpu")
        messages = [{"role": "user", "content": QUESTION}]
        ids = serve.preprocess(Chat(messages))["input_ids"][0].tolist()
        assert ids == run.format.prompt_ids(QUESTION)
        assert set(run.format.stop_ids) <= set(serve.model.generation_config.eos_token_id)
        written = serve(messages, max_new_tokens=12, do_sample=False, return_full_text=False)[0][
            "generated_text"
        ]
        reply = run.generate([QUESTION], max_tokens=12)[0]
        assert written == serve.tokenizer.decode(
            run.format.encode([reply.text])[0].ids, skip_special_tokens=True
        )


@needs_llama
def test_the_gguf_writes_what_the_run_writes(pair, tmp_path):
    """llama.cpp goes on from the training's own prompt ids with the same tokens."""
    run = pair[1]
    saved = run.save(tmp_path / "student.gguf", format="gguf", quantization="f32")
    ids = run.format.prompt_ids(QUESTION)
    with run.trained.lent() as model, torch.no_grad():
        ours = model.generate(
            input_ids=torch.tensor([ids]),
            max_new_tokens=16,
            do_sample=False,
            eos_token_id=list(run.format.stop_ids),
        )[0, len(ids) :].tolist()
    with Llama(tmp_path / "student.gguf") as llama:
        theirs = llama.complete(ids, tokens=16)
        assert llama.template([{"role": "user", "content": QUESTION}]) == run.format.prompt_text(QUESTION)
    assert theirs == ours[: len(theirs)] and len(theirs) >= min(len(ours), 16) - 1
    assert "same prompt ids" in saved.note, saved.note


ODD_TEXTS = (
    "3 x 148 = 444, 1234567 - 89 = 1,234,478",
    "Größe: 3 ½ m, 价格 ¥4000 🙂\n\n\tdef f(x12):  return  x\n",
    "\nFees: 12\nDays Since Purchase:   007\r\n",
    " leading, trailing  ",
    "½¾ ²³ ١٢٣٤ Ⅷ 12a34b",
    "<think>\n</think>",
)


@needs_llama
def test_the_tiny_students_prompt_ids_are_those_of_training(pair, tmp_path):
    """The way of serving: messages through the template in the file, its text through llama.cpp's tokenizer."""
    for run in pair:
        saved = run.save(tmp_path / run.strategy, format="gguf")
        encode = run.format.encode
        with Llama(saved.path) as llama:
            for task in run.data.tasks:
                text = llama.template([dict(m) for m in task.prompt])
                assert llama.tokenize(text) == run.format.prompt_ids(task.prompt)
            for text in ODD_TEXTS:
                assert llama.tokenize(text) == encode([text])[0].ids


NO_SYSTEM = """{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('none') }}{% endif %}
{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


@needs_llama
def test_llama_reads_the_lines_before_a_template(tmp_path, tiny_student):
    """The system prompt and its merging, as data before the maker's source, in an engine that is not Python's."""
    from transformers import AutoModelForCausalLM

    form = ChatFormat(tiny_student, config=ChatConfig(chat_template=NO_SYSTEM, system='Be "exact" %}.\nÄ'))
    assert not form.probe.form.system
    write(tmp_path / "x.gguf", AutoModelForCausalLM.from_pretrained(tiny_student), form)
    talk = [{"role": "system", "content": "Short."}, {"role": "user", "content": " One?\n"}]
    with Llama(tmp_path / "x.gguf") as llama:
        for messages in (talk, talk[1:]):
            assert llama.template(messages) == form.prompt_text(messages)


@needs_llama
@pytest.mark.parametrize("quantization", ["f16", "q8_0", "bf16"])
def test_smaller_numbers_load_too(pair, tmp_path, quantization):
    saved = pair[0].save(tmp_path, format="gguf", quantization=quantization)
    assert saved.path.endswith("model.gguf")
    with Llama(tmp_path / "model.gguf") as llama:
        assert llama.complete(pair[0].format.prompt_ids(QUESTION), tokens=4)


@needs_llama
def test_prompt_ids_of_a_known_rule_are_those_of_training(tmp_path, tiny_student, home):
    """A student whose tokenizer splits text as Qwen's do: llama.cpp's own tokenizer makes the same ids."""
    from reasonbook.training import train

    from .refund_chat import refund_chat

    student = qwen_like(tiny_student, tmp_path / "student")
    chat = refund_chat(str(student), n=40)
    run = train(chat, max_steps=4, batch_size=8, eval_every=50, samples=1, sample_tokens=8).wait()
    saved = run.save(tmp_path / "student.gguf", format="gguf")
    assert "same prompt ids" in saved.note, saved.note
    with Llama(tmp_path / "student.gguf") as llama:
        for task in run.data.of("test"):
            text = llama.template([dict(m) for m in task.prompt])
            assert llama.tokenize(text) == run.format.prompt_ids(task.prompt)


def qwen_like(tiny_student, folder):
    """The tiny student with a tokenizer that is trained with Qwen's rule."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

    from reasonbook.examples import refunds

    old = AutoTokenizer.from_pretrained(tiny_student)
    rule = next(rules[0] for rules, name in RULES.items() if name == "qwen2")
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(rule), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=800, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )  # fmt: skip
    made.train_from_iterator(refunds(300, seed=5)["prompt"], trainer)
    made.add_tokens(["<think>", "</think>"])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|pad|>",
        additional_special_tokens=["<|im_start|>"], chat_template=old.chat_template,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_pretrained(tiny_student)
    model.config.reasonbook_random_weights = True
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_the_modelfile_prompts_as_training_did(pair, tmp_path):
    for run in pair:
        found = pieces(run.format)
        assert found is not None
        talk = [
            {"role": "system", "content": "Be {{brief}}."},
            {"role": "user", "content": "One?"},
            {"role": "assistant", "content": "Yes."},
            {"role": "user", "content": "Two?"},
        ]
        for messages in (talk, talk[1:], talk[:2], talk[1:2]):
            assert found.render(messages) == run.format.prompt_text(messages)


def test_the_ollama_folder(pair, tmp_path):
    pytest.importorskip("gguf")
    saved = pair[1].save(tmp_path / "ollama", format="ollama")
    text = (tmp_path / "ollama" / "Modelfile").read_text()
    assert text.startswith("FROM ./model.gguf") and 'PARAMETER stop "<|im_end|>"' in text
    assert "TEMPLATE" in text and (tmp_path / "ollama" / "model.gguf").is_file()
    assert saved.next.startswith("ollama create")


def test_the_hub_gets_a_card_and_none_of_our_folders(pair, monkeypatch):
    import huggingface_hub

    seen = {}

    class Api:
        def create_repo(self, name, **options):
            seen["private"] = options["private"]

        def upload_folder(self, *, repo_id, folder_path, **_):
            from pathlib import Path

            seen.update(
                {p.name: p.read_text() for p in Path(folder_path).iterdir() if p.suffix in (".md", ".json")}
            )

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    run = pair[1]
    run.evaluate("test")
    saved = run.save("owner/refunds", format="hub")
    assert seen["private"] is True and saved.path == "https://huggingface.co/owner/refunds"
    assert "| test |" in seen["README.md"] and "apply_chat_template" in seen["README.md"]
    card = json.loads(seen["card.json"])
    assert card["student"] == "tiny" and str(run.folder) not in seen["card.json"]


@pytest.mark.parametrize(
    ("path", "format", "options", "word"),
    [
        ("x", "onnx", {}, "valid"),
        ("x", "merged", {"dtype": "int3"}, "valid"),
        ("x", "gguf", {"quantization": "Q4_K_M"}, "llama-quantize"),
        ("no-owner", "hub", {}, "owner/name"),
    ],
)
def test_forms_that_are_not_there(pair, tmp_path, path, format, options, word):
    with pytest.raises(TrainingError, match=r".") as caught:
        pair[0].save(path if format == "hub" else tmp_path / path, format=format, **options)
    assert word in caught.value.fix


def test_a_family_that_needs_the_converter_says_so(pair, tmp_path, monkeypatch):
    run = pair[0]
    monkeypatch.setattr(run.trained, "plan", run.plan.replace(kind="gemma3"))
    monkeypatch.delenv("LLAMA_CPP", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrainingError, match="converter") as caught:
        run.save(tmp_path / "x.gguf", format="gguf")
    assert "LLAMA_CPP" in caught.value.fix and not list(tmp_path.glob("*.gguf"))


def test_a_rule_is_known_by_its_text():
    for rules, name in RULES.items():
        splits = [{"type": "Split", "pattern": {"Regex": rule}} for rule in rules]
        assert rule_name({"pre_tokenizer": {"type": "Sequence", "pretokenizers": splits}}) == name
    assert rule_name({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "."}}}) is None
    assert rule_name({"pre_tokenizer": None}) is None


def test_other_peoples_files_are_left_alone(pair, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(TrainingError, match="other files"):
        pair[0].save(tmp_path, format="merged")


def test_a_full_disk(pair, tmp_path, monkeypatch):
    from reasonbook.training.saving import adapter

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(adapter, "describe", full)
    with pytest.raises(TrainingError, match="disk is full"):
        pair[0].save(tmp_path / "new")
