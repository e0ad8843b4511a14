"""Turn text: one turn as the text of a training row, with the place of each of its parts."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..config import ChatConfig, Roles
from ..template.families import TAGS
from ..template.probe import Probe
from ..template.prompt_mode import PromptMode
from ..template.template import Template, TemplateRenderError
from ..template.turns.stops import StopFinder
from ..template.typed_tokenizer import Tokenizer
from . import segments
from .call_turn import CallRenderer
from .non_assistant_loss import context_spans
from .segments import RenderedRow, RowText
from .token_weights import field_of, part_weights
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
        self.fields = segments.FieldCodes([name for name in map(field_of, config.weights) if name])
        self.weights = part_weights(config.weights, self.fields)
        learn_empty = config.train_empty_thinking
        self.learn_empty = plain_only if learn_empty is None else learn_empty
        self.tags = config.tags or TAGS
        self.calls = CallRenderer(template, probe, StopFinder(tokenizer), self._opening, self.tags)

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
        if self.calls.hidden:
            self.calls.check(turn)
        roles = self.config.roles if roles is None else roles
        mode = self.probe.on if turn.thought and not turn.is_thought else self.probe.off
        messages = self.probe.form.messages(turn.prompt, self.config.system)
        try:
            prompt = self.prompt(messages, mode)
            answer = turn.thought.text if turn.is_thought else turn.answer
            odd = turn.extra is not None or answer != answer.strip() or not answer
            odd = odd or messages[-1]["role"] != "user"
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
        """The row as the template renders it; None when the student would see another prompt at inference."""
        thought = turn.thought.text if turn.thought and not turn.is_thought else ""
        if turn.extra and turn.extra.get("tool_calls"):
            return self.calls.render(turn, messages, prompt, thought, mode)
        if not mode.exact and thought:
            return None
        target = self.probe.form.answer(answer, thought, tags=self.tags, extra=turn.extra)
        whole = self.template.render([*messages, target], generation=False, kwargs=mode.kwargs)
        if not whole.startswith(prompt):
            return None
        find = self._with_thought if thought else self._plain
        pieces = find(prompt, whole[len(prompt) :], thought, mode)
        return pieces if pieces and pieces.answer.strip() == answer.strip() else None

    def _with_thought(self, prompt: str, rest: str, thought: str, mode: PromptMode) -> RowText | None:
        # With nothing to follow, some templates leave out the white space before the answer.
        middle = mode.middle if thought + mode.middle in rest else mode.middle.rstrip()
        at = rest.find(thought + middle)
        if at < 0 or rest[:at].strip() not in ("", mode.opening.strip(), self.probe.tags[0]):
            return None
        ended = self._ended(rest[at + len(thought) + len(middle) :], mode)
        if ended is None or (middle != mode.middle and ended[0]):
            return None
        return RowText(prompt, rest[:at], thought, middle, *ended)

    def _plain(self, prompt: str, rest: str, _: str, mode: PromptMode) -> RowText | None:
        opening = self._opening(prompt, False, mode)
        ended = self._ended(rest[len(opening) :], mode) if rest.startswith(opening) else None
        return RowText(prompt, opening, "", "", *ended) if ended else None

    def _ended(self, rest: str, mode: PromptMode) -> tuple[str, str, str] | None:
        """Answer, stop and trailer."""
        if not rest.endswith(mode.shown):
            return None
        return rest[: len(rest) - len(mode.shown)], mode.stop, mode.trailer

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
            if mode.empty and pieces.opening.strip() and pieces.opening.strip() in mode.empty:
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


def _with_context(rendered: RenderedRow, spans: list[tuple[int, int]]) -> RenderedRow:
    made: list[tuple[int, int]] = []
    for start, end in spans:
        made += [(start, segments.CONTEXT | segments.TRAINED), (end, segments.PROMPT)]
    return rendered._replace(segments=[(0, segments.PROMPT), *made, *rendered.segments[1:]])
