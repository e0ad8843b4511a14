"""Format: one student and one strategy; renders rows and prompts, and reads answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date as Date
from functools import cached_property
from typing import Any

from ..conversation import Conversation, Message
from ..errors import FormatError
from . import parts
from .config import ChatConfig, check_strategy
from .context import context_spans
from .markers import Markers
from .parse import Parsed, ThinkingParser
from .probe import Mode, Probe, probe, special_tokens
from .student import load_tokenizer
from .template import Template, TemplateFault
from .turns import Turn, Unusable, first_request, second_request


@dataclass(frozen=True)
class Rendered:
    """One training row as text.

    Attributes:
        text: the whole row.
        segments: ``(first character, part code)`` in order; the trained bit is set where loss is carried.
        boundary: where the generation prompt ends.
        answer_at: where the answer begins.
    """

    text: str
    segments: list[tuple[int, int]]
    boundary: int
    answer_at: int


class ChatFormat:
    """How one student is written to and read, the same for training and for inference.

    Args:
        student: a folder, a Hub name, or a tokenizer.
        strategy: ``final_and_reasoning``, ``final_only`` or ``two_message_cot``.
        config: the choices.

    Raises:
        FormatError: the student cannot be found, or its template shows no requests.
    """

    def __init__(
        self, student: Any, *, strategy: str = "final_and_reasoning", config: ChatConfig | None = None
    ) -> None:
        self.strategy = check_strategy(strategy)
        config = config or ChatConfig()
        self.tokenizer: Any
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
        self.markers = Markers(self.tokenizer, template, self.probe)
        self.fields = parts.Fields()
        self.careful = False

    # -- what a run records ------------------------------------------------------------------------------
    @property
    def thinking(self) -> bool:
        """Whether prompts ask for thinking in the student's own format."""
        return self.strategy == "final_and_reasoning"

    @property
    def mode(self) -> Mode:
        """How the student is asked at inference."""
        return self.probe.on if self.thinking else self.probe.off

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
        return self.config.max_length

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: strategy, choices, template and probe, for the run card and `ChatFormat.from_dict`."""
        return {
            "student": self.student,
            "strategy": self.strategy,
            "config": self.config.to_dict(),
            "chat_template": self.template.source,
            "template_kwargs": self.template_kwargs,
            "probe": self.probe.to_dict(),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], student: Any = None) -> ChatFormat:
        """The format of a run card, with its own template whatever the student's says by now."""
        config = ChatConfig.from_dict(plain["config"]).replace(chat_template=plain["chat_template"])
        return cls(
            student if student is not None else plain["student"], strategy=plain["strategy"], config=config
        )

    def export_tokenizer(self) -> Any:
        """A copy of the tokenizer that carries the template in use; save it beside the adapter."""
        from copy import deepcopy

        copy = deepcopy(self.tokenizer)
        copy.chat_template = self.template.source
        return copy

    # -- inference ---------------------------------------------------------------------------------------
    def prompt_text(
        self, request: Conversation | Sequence[Message] | str, *, thought: str | None = None
    ) -> str:
        """What the student must see to answer a request.

        Args:
            request: a conversation (its response is left out), messages, or a text.
            thought: under ``two_message_cot``: what the first call answered, for the second.
        """
        messages = _request(request)
        if self.strategy == "two_message_cot":
            instructions = self.config.thinking_instructions
            if thought is None:
                messages = first_request(messages, instructions)
            else:
                messages = second_request(messages, instructions, thought)
        try:
            return self._prompt(messages, self.mode)
        except TemplateFault as fault:
            raise FormatError(
                f"The student's chat template refuses this request: {fault}.",
                'run.chat("one request as text")',
            ) from fault

    def prompt_ids(
        self, request: Conversation | Sequence[Message] | str, *, thought: str | None = None
    ) -> list[int]:
        """The ids of `prompt_text`."""
        return self.encode([self.prompt_text(request, thought=thought)])[0].ids

    @cached_property
    def parser(self) -> ThinkingParser:
        """Reads thinking and answer out of what the student wrote after the prompt."""
        opening, closing = self.probe.tags
        stops = tuple(self.tokenizer.decode([i]) for i in self.stop_ids)
        if self.strategy != "final_and_reasoning":
            return ThinkingParser(opening, closing, stops=stops, prefilled=False)
        return ThinkingParser(opening, closing, stops=stops, prefilled=self.probe.prefilled)

    def parse(self, text: str, *, thought: str | None = None) -> Parsed:
        """Thinking, answer and health; ``thought`` is what the first call of ``two_message_cot`` gave."""
        parsed = self.parser.parse(text)
        if thought is None:
            return parsed
        said = self.parser.parse(thought).answer or thought.strip()
        return replace(parsed, thinking=said, health="valid" if said else "empty")

    # -- training ----------------------------------------------------------------------------------------
    def encode(self, texts: Sequence[str]) -> list[Any]:
        """Encodings with offsets, in one call that leaves the interpreter free."""
        return self.tokenizer.backend_tokenizer.encode_batch(list(texts), add_special_tokens=False)

    def render(self, turn: Turn, *, verify: bool = False) -> Rendered:
        """One turn as text with its parts.

        The prompt is always the template's own generation prompt; what follows is put together from the
        pieces that the probe learnt. Turns with tool calls or with white space around the answer, and those
        to verify, are held against the template's rendering of the whole.

        Raises:
            Unusable: the template refuses the messages, or renders them in a way that cannot be learnt.
        """
        mode = self.probe.on if turn.thought and not turn.is_thought else self.probe.off
        answer = turn.thought.text if turn.is_thought else turn.answer
        messages = self.probe.form.messages(turn.prompt, self.config.system)
        try:
            prompt = self.template.render(messages, generation=True, kwargs=mode.kwargs)
            odd = turn.extra is not None or answer != answer.strip()
            if odd or ((verify or self.careful) and mode.exact):
                return self._from_template(turn, messages, prompt, answer, mode, odd)
            return self._put_together(turn, messages, prompt, answer, mode)
        except TemplateFault as fault:
            raise Unusable(f"the chat template refuses it: {fault}") from fault

    def _prompt(self, messages: Sequence[Message], mode: Mode) -> str:
        form = self.probe.form
        return self.template.render(
            form.messages(messages, self.config.system), generation=True, kwargs=mode.kwargs
        )

    def _put_together(
        self, turn: Turn, messages: list[dict[str, Any]], prompt: str, answer: str, mode: Mode
    ) -> Rendered:
        text = turn.thought.text if turn.thought and not turn.is_thought else ""
        head = prompt + mode.opening
        thought_at = len(head)
        middle_at = thought_at + len(text)
        answer_at = middle_at + len(mode.middle)
        stop_at = answer_at + len(answer)
        whole = f"{head}{text}{mode.middle}{answer}{mode.stop}{mode.trailer}"
        segments = self._segments(
            turn, mode, len(prompt), thought_at, middle_at, answer_at, stop_at, len(whole)
        )
        return self._with_context(turn, messages, mode, Rendered(whole, segments, len(prompt), answer_at))

    def _from_template(
        self, turn: Turn, messages: list[dict[str, Any]], prompt: str, answer: str, mode: Mode, odd: bool
    ) -> Rendered:
        text = turn.thought.text if turn.thought and not turn.is_thought else ""
        tools = bool(turn.extra and turn.extra.get("tool_calls"))
        if not mode.exact:
            if tools:
                raise Unusable("the chat template cannot show tool calls after thinking")
            return self._put_together(turn, messages, prompt, answer.strip(), mode)
        form = self.probe.form
        target = form.answer(answer, text, tags=self._tags, extra=turn.extra)
        whole = self.template.render([*messages, target], generation=False, kwargs=mode.kwargs)
        head = prompt + mode.opening + text + mode.middle
        tail = mode.trailer if mode.stop_added else mode.stop + mode.trailer
        if tools and not (whole.startswith(head) and whole.endswith(tail)):
            return self._tool_calls(turn, messages, prompt, text, mode, whole)
        if not whole.startswith(head) or not whole.endswith(tail) or len(whole) < len(head) + len(tail):
            if odd or answer == answer.strip():
                raise Unusable("the chat template renders it differently from the prompt at inference")
            return self._put_together(turn, messages, prompt, answer.strip(), mode)
        stop_at = len(whole) - len(tail)
        said = whole[len(head) : stop_at]
        if not tools and said.strip() != answer.strip():
            raise Unusable("the chat template changes the text of the answer")
        if mode.stop_added:
            whole = whole[:stop_at] + mode.stop
        thought_at = len(prompt) + len(mode.opening)
        middle_at = thought_at + len(text)
        segments = self._segments(
            turn, mode, len(prompt), thought_at, middle_at, len(head), stop_at, len(whole)
        )
        return self._with_context(turn, messages, mode, Rendered(whole, segments, len(prompt), len(head)))

    def _tool_calls(
        self, turn: Turn, messages: list[dict[str, Any]], prompt: str, text: str, mode: Mode, whole: str
    ) -> Rendered:
        """Tool calls that the template writes between other pieces than an answer's."""
        opening = mode.opening if text or whole.startswith(prompt + mode.opening) else ""
        head = prompt + opening + text
        specials = special_tokens(self.tokenizer)
        stops = list(specials.finditer(whole, len(head))) if specials else []
        if not whole.startswith(head) or not stops or whole[stops[-1].end() :].strip():
            raise Unusable(
                "the chat template renders the tool calls differently from the prompt at inference"
            )
        thought_at = len(prompt) + len(opening)
        at = len(head)
        plain = replace(mode, opening=opening, stop=stops[-1][0], trailer=whole[stops[-1].end() :])
        segments = self._segments(turn, plain, len(prompt), thought_at, at, at, stops[-1].start(), len(whole))
        return self._with_context(turn, messages, mode, Rendered(whole, segments, len(prompt), at))

    def _segments(
        self, turn: Turn, mode: Mode, prompt: int, thought: int, middle: int, answer: int, stop: int, end: int
    ) -> list[tuple[int, int]]:
        config = self.config
        learn_thought = 0 if config.mask_reasoning else parts.TRAINED
        learn_answer = 0 if config.mask_answer else parts.TRAINED
        if turn.is_thought:
            learn_answer = learn_thought
        elif "assistant" not in config.roles and config.roles != "all_but_system":
            learn_thought = learn_answer = 0
        made = [(0, parts.PROMPT)]
        if thought > prompt:
            if mode.empty:
                learn_empty = config.train_empty_thinking
                learn = self.strategy == "final_only" if learn_empty is None else learn_empty
                made.append((prompt, parts.EMPTY | (learn_answer if learn else 0)))
            else:
                made.append((prompt, parts.TAGS | (learn_thought if turn.thought else learn_answer)))
        if turn.thought:
            base = answer if turn.is_thought else thought
            code = self.fields.code
            spans = turn.thought.spans
            if not spans or spans[0][1] > 0:
                made.append((base, parts.REASONING | learn_thought))
            for name, start, _ in spans:
                made.append((base + start, code(name) | learn_thought))
        if turn.thought and not turn.is_thought and answer > middle:
            made.append((middle, parts.TAGS | learn_thought))
        if not turn.is_thought and stop > answer:
            made.append((answer, parts.ANSWER | learn_answer))
        made.append((stop, parts.STOP | learn_answer))
        if end > stop + len(mode.stop):
            made.append((stop + len(mode.stop), parts.TRAILER))
        return made

    def _with_context(
        self, turn: Turn, messages: list[dict[str, Any]], mode: Mode, rendered: Rendered
    ) -> Rendered:
        """Marks earlier messages that carry loss too, where the choice of roles asks for it."""
        if self.config.roles == ("assistant",):
            return rendered
        spans = context_spans(self, turn, messages, mode, rendered)
        if not spans:
            return rendered
        made = []
        for start, end in spans:
            made += [(start, parts.CONTEXT | parts.TRAINED), (end, parts.PROMPT)]
        return replace(rendered, segments=[(0, parts.PROMPT), *made, *rendered.segments[1:]])

    @property
    def _tags(self) -> tuple[str, str]:
        from .families import TAGS

        return self.config.tags or TAGS

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
