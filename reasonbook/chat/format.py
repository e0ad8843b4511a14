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
from .rendering.alignment import half_character
from .rendering.guard import Guard, ReservedMarkerError
from .rendering.turn_text import Renderer
from .rendering.turns import first_request, second_request
from .template.probe import Probe, probe
from .template.prompt_mode import PromptMode
from .template.reserved_text import ReservedMarkers
from .template.served_template import served
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
        FormatError: the student cannot be found, its template shows no requests, or a text of the config holds a
            reserved marker.

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
        self.template = template
        self.probe: Probe = probe(
            self.tokenizer, template, tags=config.tags, needed=strategy == "final_and_reasoning"
        )
        self.markers = ReservedMarkers(self.tokenizer, template, self.probe)
        longest = int(min(getattr(self.tokenizer, "model_max_length", None) or 1 << 60, 1 << 60))
        self.choose(config if longest >= config.max_length else config.replace(max_length=longest))

    def choose(self, config: ChatConfig) -> None:
        """Takes these choices about rows; `under` is for whom the format is not his own."""
        self.config: ChatConfig = config
        self.guard = Guard(self.markers, escapes=config.markers == "escape")
        # The choices with their texts as the student is shown them.
        self.shown: ChatConfig = config.replace(
            system=self._guarded(config.system, "The system prompt holds"),
            thinking_instructions=self._guarded(
                config.thinking_instructions, "The thinking instructions hold"
            ),
        )
        self.renderer = Renderer(
            self.tokenizer, self.template, self.probe, self.shown, plain_only=self.strategy == "final_only"
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
        other.__dict__.pop("parser", None)
        other.choose(self.config.replace(**choices))
        return other

    def export_tokenizer(self) -> Tokenizer:
        """A copy of the tokenizer that serves the trained prompt to whoever asks for none in particular.

        Its chat template is `exported_template`; save it beside the adapter.
        """
        exported = deepcopy(self.tokenizer)
        exported.chat_template = self.exported_template
        return exported

    @property
    def exported_template(self) -> str:
        """The template as servers get it: with thinking switch, system prompt and form of messages as in training,
        wherever a caller does not say otherwise."""
        return self.exported_for({})

    def exported_for(self, given: Mapping[str, Any]) -> str:
        """`exported_template` for a server that gives each template some values of its own accord."""
        form = self.probe.form
        return served(
            self.template.source,
            kwargs=self.mode.kwargs,
            system=self.shown.system,
            merges=not form.system,
            parts=form.parts,
            given=given,
        )

    @property
    def serving_notes(self) -> tuple[str, ...]:
        """In which ways a server's prompts may still be others than the trained ones, in words."""
        notes: list[str] = []
        if self.template.dated:
            notes.append(
                f"The chat template prints the date: in training it was {self.config.date}, served it is the "
                "server's own day."
            )
        if self.calls == 2:
            notes.append("An answer takes two calls; a server makes one: run.generate(prompts) makes both.")
        if self.guard.escapes:
            notes.append(
                "Reserved markers in texts were escaped in training; a server takes them as they come, and gives them "
                "back escaped."
            )
        return tuple(notes)

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

        Raises:
            FormatError: the request holds a reserved marker that training would have refused, or half a character,
                or the chat template refuses it.
        """
        messages = _request(request)
        try:
            messages = list(self.guard.messages(messages))
            if self.strategy == "two_message_cot" and thinks is not False:
                instructions = self.shown.thinking_instructions
                if thought is None:
                    messages = first_request(messages, instructions)
                else:
                    said = self.guard.text(self._said(thought), "the first answer holds")
                    messages = second_request(messages, instructions, said)
            text = self._prompt(messages, self._mode(self.thinking if thinks is None else thinks))
        except ReservedMarkerError as fault:
            raise _refused(f"This request cannot be asked as in training: {fault}.") from fault
        except TemplateRenderError as fault:
            raise FormatError(
                f"The student's chat template refuses this request: {fault}.",
                'run.chat("one request as text")',
            ) from fault
        at = half_character(text)
        if at is not None:
            raise FormatError(
                f"The request holds half a character, the lone surrogate {text[at]!a}, which no tokenizer takes.",
                'request.encode(errors="replace").decode()   # a question mark in its place',
            )
        return text

    def prompt_ids(
        self,
        request: Conversation | Sequence[Message] | str,
        *,
        thought: str | None = None,
        thinks: bool | None = None,
    ) -> list[int]:
        """The ids of `prompt_text`, which says what it raises."""
        return self.encode([self.prompt_text(request, thought=thought, thinks=thinks)])[0].ids

    @cached_property
    def parser(self) -> ThinkingParser:
        """Reads thinking and answer out of what the student wrote after the strategy's own prompt."""
        return self.parser_after(self.thinking)

    def parser_after(
        self, thinks: bool, request: Conversation | Sequence[Message] | str | None = None
    ) -> ThinkingParser:
        """The parser for what was written after a prompt that asks for thinking, or after one that does not.

        Args:
            thinks: whether it asked for thinking.
            request: what was asked, where that is known: some templates open the thinking in some prompts alone.
        """
        if request is not None:
            return self._parser(self.prompt_text(request, thinks=thinks))
        usual = self._parser(self._mode(thinks).tail)
        return usual if usual.prefilled else replace(usual, prefilled=None)

    def parse(
        self,
        text: str,
        *,
        thought: str | None = None,
        thinks: bool | None = None,
        request: Conversation | Sequence[Message] | str | None = None,
    ) -> Parsed:
        """Thinking, answer and health.

        Args:
            text: what the student wrote, special tokens included.
            thought: under ``two_message_cot``: what the first call gave.
            thinks: as it was asked; see `prompt_text`.
            request: what it was asked; see `parser_after`.
        """
        if thinks is None and request is None:
            parser = self.parser
        else:
            parser = self.parser_after(self.thinking if thinks is None else thinks, request)
        parsed = parser.parse(text)
        if thought is None:
            return parsed
        said = self._said(thought)
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
        return self.probe.on if thinks and self.calls == 1 else self.probe.off

    def _prompt(self, messages: Sequence[Message], mode: PromptMode) -> str:
        return self.renderer.prompt(self.probe.form.messages(messages, self.shown.system), mode)

    # -- inside ------------------------------------------------------------------------------------------
    def _guarded(self, text: str, place: str) -> str:
        try:
            return self.guard.text(text, place)
        except ReservedMarkerError as fault:
            raise _refused(f"{fault}.") from fault

    def _said(self, thought: str) -> str:
        """The reasoning in what the first call of ``two_message_cot`` wrote."""
        parsed = self.parser.parse(thought)
        return parsed.answer or parsed.thinking

    def _parser(self, prompt: str) -> ThinkingParser:
        """A parser for what follows a prompt, by the pieces that the student learnt to write."""
        opening, closing = self.probe.tags
        return ThinkingParser(
            opening,
            closing,
            stops=self._ends,
            prefilled=bool(opening) and prompt.rstrip().endswith(opening),
            mark=self.markers.begins(closing) or "",
            plain=self.probe.off.opening.strip(),
            escapes=self.markers if self.guard.escapes else None,
        )

    @cached_property
    def _ends(self) -> tuple[str, ...]:
        """All that may stand behind an answer: the learnt ends whole, the tokens in them, and each stop token."""
        found = [self.tokenizer.decode([i]).strip() for i in self.stop_ids]
        for stop in {self.probe.on.stop.strip(), self.probe.off.stop.strip()}:
            found.append(stop)
            while stop:  # from the end, piece by piece: an answer may be cut anywhere in it
                piece = next((t for t in self.markers.texts if stop.endswith(t)), stop)
                found.append(piece)
                stop = stop[: -len(piece)].strip()
        return tuple(sorted({text for text in found if text}, key=len, reverse=True))

    def __repr__(self) -> str:
        return (
            f"ChatFormat({self.student!r}, strategy={self.strategy!r}, carrier={self.probe.form.carrier!r})"
        )


def _refused(problem: str) -> FormatError:
    return FormatError(
        problem[0].upper() + problem[1:],
        'df.reason.to_chat(student, markers="escape")   # then train again; or take the marker out of the text',
    )


def _request(request: Conversation | Sequence[Message] | str) -> list[Message]:
    if isinstance(request, str):
        return [{"role": "user", "content": request}]
    if isinstance(request, Conversation):
        return list(request.prompt)
    return list(request)
