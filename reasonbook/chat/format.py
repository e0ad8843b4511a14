"""Format: one student and one strategy; renders rows and prompts, and reads answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import replace
from datetime import date as Date
from functools import cached_property
from typing import Any

from ..data.conversation import Conversation, Message
from ..errors import FormatError
from .config import ChatConfig, check_strategy
from .rendering.turn_text import Renderer
from .rendering.turns import first_request, second_request
from .template.probe import Probe, probe
from .template.prompt_mode import PromptMode
from .template.reserved_text import ReservedMarkers
from .template.template import Template, TemplateRenderError
from .template.tokenizer import load_tokenizer
from .template.typed_tokenizer import Encoding, Tokenizer
from .thinking_parser import Parsed, ThinkingParser


class ChatFormat:
    """How one student is written to and read, the same for training and for inference.

    Args:
        student: a folder, a Hub name, or a tokenizer.
        strategy: ``final_and_reasoning``, ``final_only`` or ``two_message_cot``.
        config: the choices.

    Raises:
        FormatError: the student cannot be found, or its template shows no requests.

    Example:
        >>> from reasonbook.chat import ChatFormat
        >>> ChatFormat(rb.examples.tiny_student()).prompt_text("Refund me.")
        '<|im_start|>user\\nRefund me.<|im_end|>\\n<|im_start|>assistant\\n'
    """

    def __init__(
        self, student: object, *, strategy: str = "final_and_reasoning", config: ChatConfig | None = None
    ) -> None:
        self.strategy = check_strategy(strategy)
        config = config or ChatConfig()
        self.tokenizer, self.student = load_tokenizer(student)
        template = Template(self.tokenizer, source=config.chat_template, date=config.date)
        if template.dated and config.date is None:
            config = config.replace(date=Date.today().isoformat())
            template = Template(self.tokenizer, source=config.chat_template, date=config.date)
        longest = int(min(getattr(self.tokenizer, "model_max_length", None) or 1 << 60, 1 << 60))
        self.config: ChatConfig = (
            config if longest >= config.max_length else config.replace(max_length=longest)
        )
        self.template = template
        self.probe: Probe = probe(self.tokenizer, template, tags=config.tags)
        self.markers = ReservedMarkers(self.tokenizer, template, self.probe)
        self.renderer = Renderer(
            self.tokenizer, template, self.probe, self.config, plain_only=strategy == "final_only"
        )

    # -- what a run records ------------------------------------------------------------------------------
    @property
    def thinking(self) -> bool:
        """Whether prompts ask for thinking in the student's own format."""
        return self.strategy == "final_and_reasoning"

    @property
    def mode(self) -> PromptMode:
        """How the student is asked at inference."""
        return self._mode(self.thinking)

    @property
    def template_kwargs(self) -> dict[str, Any]:
        """What `apply_chat_template` must be given to make the same prompts, e.g. ``enable_thinking``."""
        return dict(self.mode.kwargs)

    @property
    def calls(self) -> int:
        """How many times the student is asked for one answer: 2 under ``two_message_cot``."""
        return 2 if self.strategy == "two_message_cot" else 1

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """Ids that end generation."""
        return self.probe.stop_ids

    @property
    def max_length(self) -> int:
        """Most tokens of a row."""
        return self.config.max_length

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: strategy, choices, template and probe, for the run card and `ChatFormat.from_dict`."""
        return {
            "student": self.student,
            "strategy": self.strategy,
            "config": self.config.replace(chat_template=None).to_dict(),  # the template stands once, below
            "chat_template": self.template.source,
            "template_kwargs": self.template_kwargs,
            "probe": self.probe.to_dict(),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], student: object = None) -> ChatFormat:
        """The format of a run card, with its own template whatever the student's says by now."""
        config = ChatConfig.from_dict(plain["config"]).replace(chat_template=plain["chat_template"])
        return cls(
            student if student is not None else plain["student"], strategy=plain["strategy"], config=config
        )

    def under(self, **choices: Any) -> ChatFormat:
        """The same student, as probed, under other choices about rows: `ChatConfig`'s, but for template and tags."""
        other = copy(self)
        other.config = self.config.replace(**choices)
        other.renderer = copy(self.renderer)
        other.renderer.config = other.config
        return other

    def export_tokenizer(self) -> Tokenizer:
        """A copy of the tokenizer that carries the template in use; save it beside the adapter."""
        exported = deepcopy(self.tokenizer)
        exported.chat_template = self.exported_template
        return exported

    @property
    def exported_template(self) -> str:
        """The template as servers get it."""
        return self.template.source

    # -- inference ---------------------------------------------------------------------------------------
    def prompt_text(
        self,
        request: Conversation | Sequence[Message] | str,
        *,
        thought: str | None = None,
        thinks: bool | None = None,
    ) -> str:
        """What the student must see to answer a request.

        Args:
            request: a conversation (its response is left out), messages, or a text.
            thought: under ``two_message_cot``: what the first call answered, for the second.
            thinks: whether it is asked to think; None: as the strategy has it. Plain rows beside rows with reasoning
                are trained behind the prompt without.
        """
        messages = _request(request)
        if self.strategy == "two_message_cot":
            instructions = self.config.thinking_instructions
            if thought is None:
                messages = first_request(messages, instructions)
            else:
                messages = second_request(messages, instructions, thought)
        try:
            return self._prompt(messages, self.mode if thinks is None else self._mode(thinks))
        except TemplateRenderError as fault:
            raise FormatError(
                f"The student's chat template refuses this request: {fault}.",
                'run.chat("one request as text")',
            ) from fault

    def prompt_ids(
        self,
        request: Conversation | Sequence[Message] | str,
        *,
        thought: str | None = None,
        thinks: bool | None = None,
    ) -> list[int]:
        """The ids of `prompt_text`."""
        return self.encode([self.prompt_text(request, thought=thought, thinks=thinks)])[0].ids

    @cached_property
    def parser(self) -> ThinkingParser:
        """Reads thinking and answer out of what the student wrote after the strategy's own prompt."""
        return self.parser_after(self.thinking)

    def parser_after(self, thinks: bool) -> ThinkingParser:
        """The parser for what was written after a prompt that asks for thinking, or after one that does not."""
        opening, closing = self.probe.tags
        stops = tuple(self.tokenizer.decode([i]) for i in self.stop_ids)
        return ThinkingParser(opening, closing, stops=stops, prefilled=thinks and self.probe.prefilled)

    def parse(self, text: str, *, thought: str | None = None, thinks: bool | None = None) -> Parsed:
        """Thinking, answer and health.

        Args:
            text: what the student wrote.
            thought: under ``two_message_cot``: what the first call gave.
            thinks: as it was asked; see `prompt_text`.
        """
        parser = self.parser if thinks is None else self.parser_after(thinks)
        parsed = parser.parse(text)
        if thought is None:
            return parsed
        said = self.parser.parse(thought).answer or thought.strip()
        return replace(parsed, thinking=said, health="valid" if said else "empty")

    def reply(self, answer: str, thinking: str = "") -> Message:
        """The message that puts back what the student wrote; of its thinking the template then shows what it will.

        Example:
            >>> chat.format.reply("$12", "3 x 4 = 12")
            {'role': 'assistant', 'content': '$12', 'reasoning_content': '3 x 4 = 12'}
        """
        own = {"reasoning_content": thinking} if self.thinking and thinking else {}
        return {"role": "assistant", "content": answer, **own}

    # -- training ----------------------------------------------------------------------------------------
    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Encodings with offsets, in one call that leaves the interpreter free."""
        return self.tokenizer.backend_tokenizer.encode_batch(list(texts), add_special_tokens=False)

    def _mode(self, thinks: bool) -> PromptMode:
        return self.probe.on if thinks else self.probe.off

    def _prompt(self, messages: Sequence[Message], mode: PromptMode) -> str:
        return self.renderer.prompt(self.probe.form.messages(messages, self.config.system), mode)

    def __repr__(self) -> str:
        return (
            f"ChatFormat({self.student!r}, strategy={self.strategy!r}, carrier={self.probe.form.carrier!r})"
        )


def _request(request: Conversation | Sequence[Message] | str) -> list[Message]:
    if isinstance(request, str):
        return [{"role": "user", "content": request}]
    if isinstance(request, Conversation):
        return list(request.prompt)
    return list(request)
