"""Turn text: one turn as the text of a training row, with the place of each of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..config import ChatConfig, Roles
from ..template.families import TAGS
from ..template.probe import Probe
from ..template.prompt_mode import PromptMode
from ..template.sentinels import special_tokens
from ..template.template import Template, TemplateRenderError
from ..template.typed_tokenizer import Tokenizer
from . import segments
from .non_assistant_loss import context_spans
from .segments import RenderedRow, RowText
from .turns import TrainingTurn, UnusableRowError


class Renderer:
    """Writes the turns of one student under one set of choices.

    The prompt is always the template's own generation prompt. What follows is put together from the pieces
    that the probe learnt; turns with anything unusual in them, and those to verify, are held against the
    template's rendering of the whole conversation.

    Args:
        plain_only: every row is a plain one (``final_only``): an empty thinking block that the student has to
            write itself is then learnt.
    """

    def __init__(
        self, tokenizer: Tokenizer, template: Template, probe: Probe, config: ChatConfig, *, plain_only: bool
    ) -> None:
        self.template = template
        self.probe = probe
        self.config = config
        self.fields = segments.FieldCodes()
        self.specials = special_tokens(tokenizer)
        learn_empty = config.train_empty_thinking
        self.learn_empty = plain_only if learn_empty is None else learn_empty
        self.tags = config.tags or TAGS

    def prompt(self, messages: list[dict[str, Any]], mode: PromptMode) -> str:
        """The generation prompt after messages that have the template's form."""
        return self.template.render(messages, generation=True, kwargs=mode.kwargs)

    def render(self, turn: TrainingTurn, *, verify: bool = False, roles: Roles | None = None) -> RenderedRow:
        """One turn as text with its parts.

        Args:
            verify: hold it against the template's rendering of the whole.
            roles: whose messages carry loss, where this row has a rule of its own.

        Raises:
            UnusableRowError: the template refuses the messages, or renders them in a way that cannot be learnt.
        """
        roles = self.config.roles if roles is None else roles
        mode = self.probe.on if turn.thought and not turn.is_thought else self.probe.off
        messages = self.probe.form.messages(turn.prompt, self.config.system)
        try:
            prompt = self.prompt(messages, mode)
            answer = turn.thought.text if turn.is_thought else turn.answer
            odd = turn.extra is not None or answer != answer.strip() or messages[-1]["role"] != "user"
            pieces, rebuilt = None, False
            if odd or (verify and mode.exact):
                pieces = self._from_template(turn, messages, prompt, answer, mode)
                rebuilt = pieces is None and mode.exact
            rendered = self._parted(turn, pieces or self._built(turn, prompt, answer, mode), mode, roles)
            if rebuilt:
                rendered = rendered._replace(rebuilt=True)
            if roles == ("assistant",):
                return rendered
            spans = context_spans(partial(self.prompt, mode=mode), roles, turn, messages, rendered)
            return _with_context(rendered, spans) if spans else rendered
        except TemplateRenderError as fault:
            raise UnusableRowError(f"the chat template refuses it: {fault}") from fault

    # -- the text ----------------------------------------------------------------------------------------
    def _built(self, turn: TrainingTurn, prompt: str, answer: str, mode: PromptMode) -> RowText:
        """The row from the probe's pieces."""
        thought = turn.thought.text if turn.thought and not turn.is_thought else ""
        opening = self._opening(prompt, bool(thought), mode)
        return RowText(prompt, opening, thought, mode.middle, answer.strip(), mode.stop, mode.trailer)

    def _opening(self, prompt: str, thinks: bool, mode: PromptMode) -> str:
        """What the student writes first; after a tool's answer the prompt may have opened the thinking."""
        tag = self.probe.tags[0]
        opened = prompt.rstrip().endswith(tag)
        if thinks:
            if mode.opening.strip():
                return "" if opened else mode.opening
            return mode.opening if opened else tag + mode.tail[len(mode.tail.rstrip()) :]
        if mode.empty and tag not in mode.empty and not opened:
            return ""
        return mode.opening

    def _from_template(
        self, turn: TrainingTurn, messages: list[dict[str, Any]], prompt: str, answer: str, mode: PromptMode
    ) -> RowText | None:
        """The row as the template renders it; None when the student would see another prompt at inference.

        Raises:
            UnusableRowError: there are tool calls, which only the template can write, and it writes them elsewhere.
        """
        tools = bool(turn.extra and turn.extra.get("tool_calls"))
        thought = turn.thought.text if turn.thought and not turn.is_thought else ""
        if not mode.exact and thought:
            if tools:
                raise UnusableRowError("the chat template does not show tool calls behind thinking")
            return None
        form = self.probe.form
        target = form.answer(answer, thought, tags=self.tags, extra=form.extra(turn.extra))
        whole = self.template.render([*messages, target], generation=False, kwargs=mode.kwargs)
        if not whole.startswith(prompt):
            if tools:
                raise UnusableRowError(
                    "the chat template does not show tool calls behind its generation prompt"
                )
            return None
        rest = whole[len(prompt) :]
        find = self._with_thought if thought else self._plain
        pieces = find(prompt, rest, thought, mode)
        if tools:
            if not all(name in rest for name in _tool_names(turn.extra)):
                raise UnusableRowError("the chat template does not show tool calls")
            return pieces or self._tool_calls(prompt, rest, thought, mode)
        return pieces if pieces and pieces.answer.strip() == answer.strip() else None

    def _with_thought(self, prompt: str, rest: str, thought: str, mode: PromptMode) -> RowText | None:
        at = rest.find(thought + mode.middle)
        if at < 0 or rest[:at].strip() not in ("", mode.opening.strip(), self.probe.tags[0]):
            return None
        ended = self._ended(rest[at + len(thought) + len(mode.middle) :], mode)
        return RowText(prompt, rest[:at], thought, mode.middle, *ended) if ended else None

    def _plain(self, prompt: str, rest: str, _: str, mode: PromptMode) -> RowText | None:
        opening = self._opening(prompt, False, mode)
        ended = self._ended(rest[len(opening) :], mode) if rest.startswith(opening) else None
        return RowText(prompt, opening, "", "", *ended) if ended else None

    def _ended(self, rest: str, mode: PromptMode) -> tuple[str, str, str] | None:
        """Answer, stop and trailer."""
        tail = mode.trailer if mode.stop_added else mode.stop + mode.trailer
        if not rest.endswith(tail):
            return None
        return rest[: len(rest) - len(tail)], mode.stop, mode.trailer

    def _tool_calls(self, prompt: str, rest: str, thought: str, mode: PromptMode) -> RowText:
        """Tool calls that the template writes between other pieces than an answer's."""
        at = rest.find(thought)
        stops = list(self.specials.finditer(rest, at + len(thought))) if self.specials and at >= 0 else []
        if (
            not stops
            or rest[stops[-1].end() :].strip()
            or rest[:at].strip() not in ("", mode.opening.strip())
        ):
            raise UnusableRowError(
                "the chat template renders the tool calls differently from the prompt at inference"
            )
        last = stops[-1]
        calls = rest[at + len(thought) : last.start()]
        return RowText(prompt, rest[:at], thought, "", calls, last[0], rest[last.end() :])

    # -- its parts ---------------------------------------------------------------------------------------
    def _parted(self, turn: TrainingTurn, pieces: RowText, mode: PromptMode, roles: Roles) -> RenderedRow:
        config = self.config
        learn = segments.TRAINED if "assistant" in roles or roles == "all_but_system" else 0
        learn_thought = 0 if config.mask_reasoning else learn
        learn_answer = learn_thought if turn.is_thought else 0 if config.mask_answer else learn
        opening_at = len(pieces.prompt)
        thought_at = opening_at + len(pieces.opening)
        middle_at = thought_at + len(pieces.thought)
        answer_at = middle_at + len(pieces.middle)
        stop_at = answer_at + len(pieces.answer)
        trailer_at = stop_at + len(pieces.stop)
        made = [(0, segments.PROMPT)]
        if pieces.opening:
            if mode.empty and pieces.opening == mode.opening:
                made.append((opening_at, segments.EMPTY | (learn_answer if self.learn_empty else 0)))
            else:
                made.append((opening_at, segments.TAGS | (learn_thought if turn.thought else learn_answer)))
        if turn.thought:
            made += self._fields(turn, answer_at if turn.is_thought else thought_at, learn_thought)
        if pieces.middle:
            made.append((middle_at, segments.TAGS | learn_thought))
        if pieces.answer and not turn.is_thought:
            made.append((answer_at, segments.ANSWER | learn_answer))
        made.append((stop_at, segments.STOP | learn_answer))
        if pieces.trailer:
            made.append((trailer_at, segments.TRAILER))
        return RenderedRow(pieces.text, made, opening_at, answer_at)

    def _fields(self, turn: TrainingTurn, base: int, learn: int) -> list[tuple[int, int]]:
        spans = turn.thought.spans
        made = [] if spans and spans[0][1] == 0 else [(base, segments.REASONING | learn)]
        code = self.fields.code
        made += [(base + start, code(name) | learn) for name, start, _ in spans]
        return made


def _tool_names(extra: Mapping[str, Any] | None) -> list[str]:
    calls = [call.get("function", call) for call in (extra or {}).get("tool_calls", ())]
    return [str(call.get("name", "")) for call in calls]


def _with_context(rendered: RenderedRow, spans: list[tuple[int, int]]) -> RenderedRow:
    made: list[tuple[int, int]] = []
    for start, end in spans:
        made += [(start, segments.CONTEXT | segments.TRAINED), (end, segments.PROMPT)]
    return rendered._replace(segments=[(0, segments.PROMPT), *made, *rendered.segments[1:]])
