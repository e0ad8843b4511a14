"""Generate: answers in batches, from exactly the prompt ids that training used."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ...chat.written_text import WrittenText
from ...errors import FormatError, TrainingError
from ..planning.device import out_of_memory

if TYPE_CHECKING:
    from torch import BoolTensor, LongTensor, Tensor

    from ...chat import ChatFormat
    from ...chat.template.typed_tokenizer import Tokenizer
    from ...data.conversation import Conversation, Message
    from ..planning.language_model import LanguageModel

BATCH = 128


@dataclass(frozen=True)
class Reply:
    """What a student wrote for one prompt.

    Attributes:
        answer: the text after the thinking.
        thinking: the text before it.
        text: everything as it was written, special tokens included.
        health: of the thinking: ``valid``, ``empty``, ``unfinished`` or ``missing``.
        tokens: written, the stop token included.
        correct: whether it is right; None where nothing was compared.
        score: 0 to 1; None where nothing was compared.
        read: how the answer was read for its grade, such as "$12" or "ambiguous: 3 or 4"; "" as it stands.

    Example:
        >>> reply = run.chat("How much do I get back?")
        >>> reply.tokens > 0, reply.correct
        (True, None)
    """

    answer: str
    thinking: str = ""
    text: str = ""
    health: str = "missing"
    tokens: int = 0
    correct: bool | None = None
    score: float | None = None
    read: str = ""

    def __str__(self) -> str:
        return self.answer

    def _repr_html_(self) -> str:
        from html import escape

        from ...html_card import card, details

        body = (
            details(f"thinking ({self.health})", f"<pre>{escape(self.thinking)}</pre>")
            if self.thinking
            else ""
        )
        return card(self.answer or "(no answer)", {"thinking": self.health, "tokens": self.tokens}, body=body)


def replies(
    model: LanguageModel,
    form: ChatFormat,
    requests: Sequence[str | Sequence[Message] | Conversation],
    *,
    max_tokens: int,
    batch_size: int | None = None,
    on_text: Callable[[int, str], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> list[Reply]:
    """One reply per request, greedy.

    Args:
        model: the student.
        form: how it is asked and read.
        requests: texts, messages or conversations.
        max_tokens: new tokens per call, at most.
        batch_size: requests at once; halved by itself when memory runs out.
        on_text: told each new piece of text with the number of its request; one request at a time then.
        should_stop: ends the generation after the current token; what is written so far is returned.
    """
    stop = should_stop or (lambda: False)
    size = 1 if on_text else batch_size or BATCH
    ids = [form.prompt_ids(request) for request in requests]
    written = _write(model, form, ids, max_tokens, size, on_text, stop)
    texts = [_decode(form, tokens) for tokens in written]
    if form.calls == 1:
        parsed = [form.parse(text, request=r) for r, text in zip(requests, texts, strict=True)]
        counts = [len(tokens) for tokens in written]
    else:
        thoughts = texts
        again: dict[int, list[int]] = {}
        for i, (request, thought) in enumerate(zip(requests, thoughts, strict=True)):
            with suppress(
                FormatError
            ):  # it thought what no row may hold: there is no second call, and no answer
                again[i] = form.prompt_ids(request, thought=thought)
        numbers = list(again)

        def tell(place: int, text: str) -> None:
            if on_text is not None:
                on_text(numbers[place], text)

        told = tell if on_text else None
        found = _write(model, form, list(again.values()), max_tokens, size, told, stop)
        second = [dict(zip(numbers, found, strict=True)).get(i, []) for i in range(len(thoughts))]
        texts = [_decode(form, tokens) for tokens in second]
        parsed = [form.parse(text, thought=t) for text, t in zip(texts, thoughts, strict=True)]
        counts = [len(a) + len(b) for a, b in zip(written, second, strict=True)]
        texts = [f"{a}\n{b}" for a, b in zip(thoughts, texts, strict=True)]
    return [
        Reply(p.answer, p.thinking, text, p.health, count)
        for p, text, count in zip(parsed, texts, counts, strict=True)
    ]


def _decode(form: ChatFormat, tokens: list[int]) -> str:
    return form.tokenizer.decode(tokens, skip_special_tokens=False)


def _write(
    model: LanguageModel,
    form: ChatFormat,
    prompts: list[list[int]],
    max_tokens: int,
    size: int,
    on_text: Callable[[int, str], None] | None,
    should_stop: Callable[[], bool],
) -> list[list[int]]:
    """New ids per prompt, up to and with the stop token; long prompts first, so that batches fit or fail early."""
    order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
    written: list[list[int]] = [[] for _ in prompts]
    start = 0
    with _ready(model):
        while start < len(order) and not (start and should_stop()):
            part = order[start : start + size]
            tell = None if on_text is None else _Teller(form, part[0], on_text)
            try:
                new = _batch(model, form, [prompts[i] for i in part], max_tokens, tell, should_stop)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                if size == 1:
                    raise TrainingError(
                        f"Memory ran out while one prompt of {len(prompts[part[0]]):,} tokens was answered.",
                        "run.generate(prompts, max_tokens=256)",
                    ) from error
                error.__traceback__ = None
                _free()
                size = max(1, size // 2)
                continue
            for i, tokens in zip(part, new, strict=True):
                written[i] = tokens
            start += len(part)
    return written


def _batch(
    model: LanguageModel,
    form: ChatFormat,
    prompts: list[list[int]],
    max_tokens: int,
    tell: _Teller | None,
    should_stop: Callable[[], bool],
) -> list[list[int]]:
    import torch
    from transformers import GenerationConfig, StoppingCriteria

    pad = pad_id(form.tokenizer)
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), pad)
    mask = torch.zeros_like(ids)
    for i, prompt in enumerate(prompts):
        ids[i, width - len(prompt) :] = torch.tensor(prompt)
        mask[i, width - len(prompt) :] = 1

    class Each(StoppingCriteria):
        """Called after each token."""

        def __call__(self, input_ids: LongTensor, scores: object, **kwargs: Any) -> BoolTensor:
            if tell is not None:
                tell(_rows(input_ids[:1, width:])[0])
            ended = torch.full((len(input_ids),), should_stop(), device=input_ids.device, dtype=torch.bool)
            return cast("BoolTensor", ended)

    longest = getattr(model.config.get_text_config(), "max_position_embeddings", None) or width + max_tokens
    if width >= longest:
        raise TrainingError(
            f"A prompt has {width:,} tokens; this student sees at most {longest:,}, its answer included.",
            "shorten the prompt",
        )
    config = GenerationConfig(
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,  # some students' own settings would make greedy answers something else
        max_new_tokens=min(max_tokens, longest - width),
        eos_token_id=list(form.stop_ids),
        pad_token_id=pad,
        use_cache=True,
    )
    device = next(model.parameters()).device
    with torch.no_grad():
        out = model.generate(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            generation_config=config,
            stopping_criteria=[Each()],
        )
    stops = set(form.stop_ids)
    return [_until_stop(row, stops) for row in _rows(out[:, width:])]


class _Teller:
    """Tells new text of one request."""

    def __init__(self, form: ChatFormat, number: int, on_text: Callable[[int, str], None]) -> None:
        self.written, self.number, self.on_text = WrittenText(form.tokenizer), number, on_text

    def __call__(self, tokens: list[int]) -> None:
        new = self.written.new(tokens)
        if new:
            self.on_text(self.number, new)


def pad_id(tokenizer: Tokenizer) -> int:
    """The id that fills short rows: the tokenizer's own, else its end token, else 0.

    Padding never carries loss and is never looked at, so that any id serves, the stop token's too.
    """
    for name in ("pad_token_id", "eos_token_id"):
        value = getattr(tokenizer, name, None)
        if isinstance(value, int):
            return value
    return 0


def _rows(ids: Tensor) -> list[list[int]]:
    return cast(Any, ids).tolist()


def _until_stop(tokens: list[int], stops: set[int]) -> list[int]:
    for i, token in enumerate(tokens):
        if token in stops:
            return tokens[: i + 1]
    return tokens


@contextmanager
def _ready(model: LanguageModel) -> Generator[None]:
    """Evaluation mode without gradient checkpointing, and back."""
    training, saving = model.training, getattr(model, "is_gradient_checkpointing", False)
    model.eval()
    if saving:
        model.gradient_checkpointing_disable()
    try:
        yield
    finally:
        if saving:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.train(training)


def _free() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
