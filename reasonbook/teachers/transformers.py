"""Transformers teacher: a Hugging Face model in this very process, held to the schema while it decodes."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import importlib
import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MissingPackage, ReasonbookError, TeacherError
from ..safe_text import excerpt
from .constrained_decoding import SchemaFiller, TokenLimitError, Vocabulary
from .python import Threads
from .teacher import CallError, Capabilities, Completion, Request, Usage

if TYPE_CHECKING:
    import torch

    from .constrained_decoding import Allowed, Scores

_ANSWER_TOKENS = 1024
_THINKING_TOKENS = 4096


class Transformers:
    """A causal language model from the Hub or from a folder.

    Rows are decoded one after the other; for many rows on one GPU, a server such as vLLM
    (``openai:MODEL@http://localhost:8000/v1``) does more of them at once.

    Args:
        model: the model's name or folder.
        device: where it runs; a GPU where there is one.

    Raises:
        MissingPackage: torch or transformers is not installed.
    """

    def __init__(self, model: str | Path, *, device: str | None = None) -> None:
        for package in ("torch", "transformers"):
            if importlib.util.find_spec(package) is None:
                raise MissingPackage(package, feature="A transformers: teacher", extra="train")
        self.model = str(model)
        self.name = f"transformers:{_name(self.model)}"
        self.capabilities = Capabilities(rungs=("schema", "text"), free=True, parallel=1)
        self._device = device
        self._loaded: _Loaded | None = None
        self._tokenizer: Any = None
        self._thread = Threads()

    def __repr__(self) -> str:
        return f"Transformers({self.model!r})"

    async def complete(self, request: Request) -> Completion:
        """Answers one request on the teacher's thread; the first call loads the model."""
        stop = threading.Event()
        try:
            return await self._thread.run(functools.partial(self._answer, request, stop))
        except asyncio.CancelledError:
            stop.set()  # the thread looks at it before every token
            raise
        except (CallError, ReasonbookError):
            raise
        except Exception as error:  # out of memory, a row longer than the model reads
            raise CallError("request", f"{type(error).__name__}: {excerpt(error, 400)}") from error

    def count_tokens(self, request: Request) -> int | None:
        """Tokens that the request reads, by the model's own tokenizer where that lies on this machine."""
        if self._tokenizer is None:
            tokenizers: Any = importlib.import_module("transformers").AutoTokenizer
            try:
                self._tokenizer = tokenizers.from_pretrained(self.model, local_files_only=True)
            except Exception:  # not downloaded yet, or not to be read: the estimate guesses
                return None
        return len(prompt_ids(self._tokenizer, request))

    async def close(self) -> None:
        """Lets the thread go when its call returns; the model stays loaded."""
        self._thread.close()

    # -- on the teacher's thread ---------------------------------------------------------------------------
    def _answer(self, request: Request, stop: threading.Event) -> Completion:
        import torch

        if self._loaded is None:
            self._loaded = _Loaded(self.model, self._device)
        loaded = self._loaded
        prompt = prompt_ids(loaded.tokenizer, request)
        with torch.inference_mode():
            if request.schema is None:
                return loaded.free_text(prompt, request, stop)
            decoder = _Decoder(loaded.model, request.temperature, stop)
            decoder.feed(prompt)
            bound = request.max_tokens or request.answer_tokens or _ANSWER_TOKENS
            filler = SchemaFiller(decoder, loaded.vocabulary, bound)
            try:
                data = filler.fill(request.schema)
            except TokenLimitError:
                return Completion("", "", Usage(len(prompt), filler.written, calls=1), "length")
        return Completion.of(data, Usage(len(prompt), filler.written, calls=1))


def prompt_ids(tokenizer: Any, request: Request) -> list[int]:
    """The ids that a model reads for a request, through its chat template where it has one."""
    turns = [{"role": "user", "content": request.user}]
    turns += [{"role": role, "content": text} for role, text in request.turns]
    if tokenizer.chat_template is None:
        text = "\n\n".join([request.system, *(turn["content"] for turn in turns), ""]).lstrip()
        return list(tokenizer(text)["input_ids"])
    if request.system.strip():
        turns.insert(0, {"role": "system", "content": request.system})
    # A schema takes the place of thinking; a template that knows no such switch ignores it.
    options: dict[str, Any] = {"add_generation_prompt": True, "tokenize": True, "return_dict": False}
    return list(tokenizer.apply_chat_template(turns, enable_thinking=request.schema is None, **options))


class _Loaded:
    """A model with its tokenizer."""

    def __init__(self, name: str, device: str | None) -> None:
        import torch

        transformers: Any = importlib.import_module("transformers")
        logging = transformers.utils.logging
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        shown = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()  # no foreign bar in the cell
        try:
            self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(name)
            made = transformers.AutoModelForCausalLM.from_pretrained(name, dtype="auto")
            self.model: Any = made.to(device).eval()
        except Exception as error:
            raise TeacherError(
                f"The model {name!r} cannot be loaded: {str(error).splitlines()[0] if str(error) else error!r}",
                'teacher="transformers:Qwen/Qwen3-0.6B"   or the path of a model folder',
            ) from error
        finally:
            if shown:
                logging.enable_progress_bar()
        size = self.model.get_input_embeddings().num_embeddings
        self.vocabulary = _vocabulary(self.tokenizer, size)

    def free_text(self, prompt: list[int], request: Request, stop: threading.Event) -> Completion:
        import torch
        from transformers import StoppingCriteriaList

        bound = request.max_tokens or (_THINKING_TOKENS if request.thinking else _ANSWER_TOKENS)
        options: dict[str, Any] = {}
        if request.temperature is not None:
            options = {"do_sample": request.temperature > 0}
            if request.temperature > 0:
                options["temperature"] = request.temperature
        ids = torch.tensor([prompt], device=self.model.device)
        model: Any = self.model
        made = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=bound,
            pad_token_id=self.tokenizer.pad_token_id or self.tokenizer.eos_token_id or 0,
            stopping_criteria=StoppingCriteriaList([_Stopped(stop)]),
            **options,
        )[0, len(prompt) :].tolist()
        end = self.model.generation_config.eos_token_id
        ends: set[int] = {*end} if isinstance(end, list) else {end}
        reason = "stop" if made and made[-1] in ends else "length"
        text = self.tokenizer.decode(
            [token for token in made if token not in ends], skip_special_tokens=False
        )
        # A template may open the thinking itself; then only the end of it is in the answer.
        return Completion(text, "", Usage(len(prompt), len(made), calls=1), reason)


class _Stopped:
    """Ends a generation whose job was stopped."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        import torch

        return torch.full(
            (input_ids.shape[0],), self.stop.is_set(), dtype=torch.bool, device=input_ids.device
        )


class _Decoder:
    """A model with its cache, reading a few tokens at a time."""

    def __init__(self, model: Any, temperature: float | None, stop: threading.Event) -> None:
        self.model = model
        config = model.generation_config
        sample = config.do_sample if temperature is None else temperature > 0
        self.temperature = (temperature or config.temperature or 1.0) if sample else 0.0
        self.stop = stop
        self._cache: Any = None

    def feed(self, ids: Sequence[int]) -> Scores:
        import torch

        if self.stop.is_set():
            raise CallError("timeout", "the job was stopped")
        out = self.model(
            input_ids=torch.tensor([list(ids)], device=self.model.device),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self._cache = out.past_key_values
        return out.logits[0, -1].float().cpu().numpy()

    def pick(self, scores: Scores, allowed: Allowed) -> int:
        import numpy as np

        ids = np.flatnonzero(allowed) if isinstance(allowed, np.ndarray) else np.asarray(allowed)
        some = scores[ids]
        if self.temperature <= 0:
            return int(ids[int(some.argmax())])
        weights = np.exp((some - some.max()) / self.temperature)
        return int(np.random.default_rng().choice(ids, p=weights / weights.sum()))


@functools.lru_cache(maxsize=4)
def _vocabulary(tokenizer: Any, size: int) -> Vocabulary:
    special = {int(i) for i in tokenizer.all_special_ids}
    special |= {int(i) for i in getattr(tokenizer, "added_tokens_decoder", {})}
    known = min(size, len(tokenizer))
    texts = [tokenizer.decode([i]) for i in range(known)] + [""] * (size - known)
    return Vocabulary(
        texts=texts,
        special=frozenset(special | set(range(known, size))),
        encode=lambda text: tokenizer.encode(text, add_special_tokens=False),
        decode=lambda ids: tokenizer.decode(list(ids), skip_special_tokens=False),
    )


def _name(model: str) -> str:
    """The model's name; of a folder its own name and a digest of its config and the size of its weights."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return model
    digest = hashlib.blake2b(digest_size=4)
    config = folder / "config.json"
    digest.update(config.read_bytes() if config.is_file() else b"")
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as weights:
            digest.update(f"{file.name}{file.stat().st_size}".encode() + weights.read(1 << 20))
    return f"{folder.name}#{digest.hexdigest()}"
