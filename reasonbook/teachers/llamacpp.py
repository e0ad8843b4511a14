"""llama.cpp teacher: a GGUF file behind llama.cpp's own server, embedded, on loopback."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import importlib.util
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from ..errors import MissingPackage, TeacherError
from .openai import OpenAI
from .teacher import CallError, Capabilities, Completion, Request

_ANSWER_TOKENS = 2048  # a small model that never ends must not keep its slot for ever
_HEAD = 1 << 16
_ALL_LAYERS = 999


class _Server(Protocol):
    """What is used of ``xllamacpp.Server``, which brings no types."""

    @property
    def listening_address(self) -> str: ...


class LlamaCpp:
    """A model in a GGUF file, on this machine's CPU or GPU.

    Answers are held to the schema while they are decoded, so that even a weak model gives the right form.

    Args:
        path: the GGUF file.
        parallel: rows that are decoded at the same time.
        context: tokens of one row, prompt and answer together.
        threads: CPU threads; half of what the machine shows when None, so that the notebook stays usable.
        gpu_layers: layers on the GPU, where there is one; all when None.

    Raises:
        TeacherError: there is no such file.
        MissingPackage: ``xllamacpp`` is not installed.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        parallel: int = 4,
        context: int = 8192,
        threads: int | None = None,
        gpu_layers: int | None = None,
    ) -> None:
        self.path = Path(path).expanduser().resolve()
        if not self.path.is_file():
            raise TeacherError(
                f"There is no GGUF file {str(path)!r}.", 'teacher="llamacpp:models/NAME.Q4_K_M.gguf"'
            )
        if importlib.util.find_spec("xllamacpp") is None:
            raise MissingPackage("xllamacpp", feature="A llamacpp: teacher", extra="llamacpp")
        self.name = f"llamacpp:{self.path.name}#{_fingerprint(self.path)}"
        self.capabilities = Capabilities(rungs=("schema", "text"), free=True, parallel=parallel)
        self.parallel, self.context = parallel, context
        self.threads, self.gpu_layers = threads, gpu_layers
        self._tokenizer: Any = None
        self._server: _Server | None = None
        self._client: OpenAI | None = None
        self._starting: asyncio.Lock | None = None  # belongs to the loop of one job

    def __repr__(self) -> str:
        return f"LlamaCpp({self.path.name!r})"

    @property
    def url(self) -> str | None:
        """The server's address while it runs."""
        return self._server.listening_address if self._server is not None else None

    async def complete(self, request: Request) -> Completion:
        """Asks once; the first call loads the model and starts the server."""
        if self._starting is None:
            self._starting = asyncio.Lock()
        async with self._starting:
            if self._client is None:
                await self._start()
        client = self._client
        assert client is not None
        path, body = self.body(request)
        try:
            return client.read((await client.http.post(path, body, timeout=request.timeout)).raw)
        except CallError as error:
            if error.status in (401, 403):  # our own server and key: never the person's to mend
                raise CallError("server", error.message, status=500) from None
            raise

    def body(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Path and JSON body of a request to the server; it may write what the schema's longest answer takes."""
        longest = request.answer_tokens if request.schema is not None else None
        bounded = replace(request, max_tokens=request.max_tokens or longest or _ANSWER_TOKENS)
        client = self._client or OpenAI(self.path.name, base_url="http://127.0.0.1/v1", api="chat")
        path, body = client.body(bounded, "text")
        if request.schema is not None:
            # Its own schema mode checks the text once more with a parser that refuses some valid answers.
            body["grammar"] = _grammar(request.schema)
            body["chat_template_kwargs"] = {"enable_thinking": False}
        return path, body

    def count_tokens(self, request: Request) -> int | None:
        """Tokens that the request reads, by the tokenizer in the file; None where nothing here can read that."""
        if self._tokenizer is None:
            try:
                tokenizers: Any = importlib.import_module("transformers").AutoTokenizer
                self._tokenizer = tokenizers.from_pretrained(self.path.parent, gguf_file=self.path.name)
            except Exception:  # no transformers or gguf, or a kind of tokenizer that they do not know
                return None
        from .transformers import prompt_ids

        return len(prompt_ids(self._tokenizer, request))

    async def close(self) -> None:
        """Ends the server and frees its memory; the next call starts another."""
        client, self._client, self._starting = self._client, None, None
        if client is not None:
            await client.close()
        self._server = None  # its destructor ends the server's threads and frees the port

    async def _start(self) -> None:
        key = secrets.token_urlsafe(24)
        server = await asyncio.get_running_loop().run_in_executor(None, self._serve, key)
        self._server = server
        self._client = OpenAI(
            self.path.name, base_url=f"{server.listening_address}/v1", api="chat", api_key=key
        )

    def _serve(self, key: str) -> _Server:
        xllamacpp: Any = importlib.import_module("xllamacpp")
        given = xllamacpp.CommonParams()
        given.model.path = str(self.path)
        given.hostnames = ["127.0.0.1"]
        given.port = 0
        given.api_keys = [key]  # other users of this machine get no answer
        given.ui = False
        given.n_parallel = self.parallel
        given.n_ctx = self.parallel * self.context
        given.n_gpu_layers = _ALL_LAYERS if self.gpu_layers is None else self.gpu_layers
        given.verbosity = -1
        given.cpuparams.n_threads = self.threads or max(1, (os.cpu_count() or 2) // 2)
        try:
            return xllamacpp.Server(given)
        except Exception as error:
            raise TeacherError(
                f"llama.cpp cannot load {self.path.name}: {error}.",
                "use a file that this version of llama.cpp knows, or a smaller context: "
                "LlamaCpp(path, parallel=1, context=4096)",
            ) from error


def _grammar(schema: Mapping[str, Any]) -> str:
    """The schema as a grammar of llguidance: keys in order, no blank runs between them."""
    compact = {"x-guidance": {"whitespace_flexible": False}, **schema}
    return "%llguidance {}\nstart: %json " + json.dumps(compact, ensure_ascii=False)


def _fingerprint(path: Path) -> str:
    """8 hex digits of the file's size and head, quick also for a file of many gigabytes."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return hashlib.blake2b(head + str(path.stat().st_size).encode(), digest_size=4).hexdigest()
