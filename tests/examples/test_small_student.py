"""The tiny student: an ordinary model folder that learns."""

import json
import shutil

import pytest

from reasonbook.errors import ReasonbookError
from reasonbook.examples import refund_rules, refunds, tiny_student

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def tokenizer(tiny_student):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_student)


def row(prompt, response):
    thinking = "\n".join(f"{name}: {value}" for name, value in refund_rules(prompt).items())
    answer = {"role": "assistant", "content": response, "reasoning_content": thinking}
    return [{"role": "user", "content": prompt}, answer], thinking


def render(tokenizer, messages, **options):
    return tokenizer.apply_chat_template(messages, tokenize=False, **options)


def test_it_loads_like_any_student(tiny_student):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_student)
    model = AutoModelForCausalLM.from_pretrained(tiny_student)
    assert model.config.model_type == "qwen3"
    assert 500_000 < model.num_parameters() < 1_500_000
    assert len(tokenizer) == model.config.vocab_size
    assert model.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert tokenizer.pad_token != tokenizer.eos_token
    widths = {m.in_features for m in model.modules() if isinstance(m, torch.nn.Linear)}
    assert all(width % 64 == 0 for width in widths)  # blocks of 4-bit weights


@pytest.mark.slow
def test_the_seed_decides_the_weights(tmp_path):
    from safetensors.torch import load_file

    folders = [tiny_student(tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))]
    a, b, c = (load_file(f"{folder}/model.safetensors")["model.embed_tokens.weight"] for folder in folders)
    assert a.equal(b)
    assert not a.equal(c)


@pytest.mark.slow
def test_making_it_leaves_the_random_state_alone(tmp_path):
    import torch

    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    tiny_student(tmp_path / "s")
    assert torch.rand(1).equal(expected)


@pytest.mark.slow
def test_it_is_made_once_under_the_home_of_the_store(home):
    folder = tiny_student()
    assert folder.startswith(str(home))
    marker = f"{folder}/untouched"
    open(marker, "w").close()
    assert tiny_student() == folder
    open(marker).close()  # still there: the folder was used again


@pytest.mark.slow
def test_it_is_made_again_after_a_change_of_the_recipe(home):
    folder = tiny_student()
    path = f"{folder}/tiny_student.json"
    with open(path) as file:
        recipe = json.load(file)
    with open(path, "w") as file:
        json.dump({**recipe, "recipe": "another"}, file)
    tiny_student()
    with open(path) as file:
        assert json.load(file) == recipe


def test_it_does_not_overwrite_somebody_elses_folder(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ReasonbookError, match="something else"):
        tiny_student(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.slow
def test_it_writes_nothing_into_the_cell(tmp_path, capfd):
    tiny_student(tmp_path / "quiet")
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


@pytest.mark.slow
def test_decoding_gives_every_text_back(tokenizer):
    frame = refunds(3_000, seed=8)
    texts = [*frame["prompt"], *frame["response"], *(row(p, r)[1] for p, r in frame.itertuples(index=False))]
    texts += ["Größe: 3 ½ m, 价格 ¥40 🙂\n\n\tdef f(x):  return x\n", "</thinking>", " ", "\n"]
    for text, ids in zip(texts, tokenizer(texts).input_ids, strict=True):
        assert tokenizer.decode(ids) == text


def test_each_digit_is_a_token(tokenizer):
    tokens = tokenizer.tokenize("3 x 148 = 444")
    assert [token for token in tokens if any(c.isdigit() for c in token)] == list("3148444")


def test_a_label_is_one_token_at_the_start_of_its_line(tokenizer):
    _, thinking = row(*refunds(1).iloc[0])
    ids = tokenizer("\n" + thinking).input_ids
    pieces = [tokenizer.decode([each]) for each in ids]
    assert "\nDays Since Purchase: " in pieces
    assert "\nAmount: " in pieces


def test_thinking_stands_between_prompt_and_answer(tokenizer):
    messages, thinking = row(*refunds(1).iloc[0])
    prompt = render(tokenizer, messages[:1], add_generation_prompt=True, enable_thinking=True)
    assert prompt == f"<|im_start|>user\n{messages[0]['content']}<|im_end|>\n<|im_start|>assistant\n"
    full = render(tokenizer, messages, enable_thinking=True)
    assert full == f"{prompt}<think>\n{thinking}\n</think>\n\n{messages[1]['content']}<|im_end|>\n"


def test_thinking_is_switched_off_by_an_empty_block(tokenizer):
    question = [{"role": "user", "content": "How much?"}]
    off = render(tokenizer, question, add_generation_prompt=True, enable_thinking=False)
    assert off.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    plain = render(tokenizer, [*question, {"role": "assistant", "content": "$5"}], enable_thinking=False)
    assert plain == f"{off}$5<|im_end|>\n"


def test_thinking_of_earlier_turns_is_dropped(tokenizer):
    first, thinking = row(*refunds(1).iloc[0])
    second, later = row(*refunds(2).iloc[1])
    text = render(tokenizer, [{"role": "system", "content": "Be kind."}, *first, *second])
    assert text.startswith("<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n")
    assert thinking not in text
    assert later in text
    assert text.count("<think>") == 1


def test_thinking_written_into_the_content_is_the_same_text(tokenizer):
    messages, thinking = row(*refunds(1).iloc[0])
    inline = {"role": "assistant", "content": f"<think>\n{thinking}\n</think>\n\n{messages[1]['content']}"}
    assert render(tokenizer, [messages[0], inline]) == render(tokenizer, messages)


@pytest.mark.parametrize("thinking", [True, False])
def test_the_prompts_tokens_begin_the_rows_tokens(tokenizer, thinking):
    for prompt, response in refunds(200, seed=4).itertuples(index=False):
        messages, _ = row(prompt, response)
        if not thinking:
            messages[1].pop("reasoning_content")
        head = render(tokenizer, messages[:1], add_generation_prompt=True, enable_thinking=thinking)
        ids = tokenizer(head).input_ids
        assert tokenizer(render(tokenizer, messages)).input_ids[: len(ids)] == ids


@pytest.mark.train
def test_its_loss_falls_in_a_few_real_steps(tiny_student, tokenizer):
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(tiny_student)
    texts = [render(tokenizer, row(p, r)[0]) for p, r in refunds(320).itertuples(index=False)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for start in range(0, 320, 16):
        batch = tokenizer(texts[start : start + 16], return_tensors="pt", padding=True)
        labels = batch.input_ids.masked_fill(batch.attention_mask == 0, -100)
        loss = model(**batch, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[0] > 6  # knows nothing: about log(1024)
    assert losses[-1] < losses[0] - 2


def test_the_copy_in_another_place_works(tiny_student, tmp_path):
    from transformers import AutoTokenizer

    shutil.copytree(tiny_student, tmp_path / "moved")
    assert AutoTokenizer.from_pretrained(tmp_path / "moved").chat_template
