"""llama.cpp check: an exported GGUF under the embedded llama.cpp, to try it."""

from __future__ import annotations

import importlib
import importlib.util
import json
import secrets
import urllib.request
from pathlib import Path
from typing import Any

from ...errors import MissingPackage, TrainingError


def missing() -> str | None:
    """Why llama.cpp cannot be run here; None when it can."""
    if importlib.util.find_spec("xllamacpp") is None:
        return 'xllamacpp is not installed (pip install "reasonbook[llamacpp]")'
    return None


class Llama:
    """llama.cpp's server on loopback with one GGUF file; ends with the ``with`` block.

    Args:
        path: the file.
        context: tokens of prompt and answer together.
    """

    def __init__(self, path: str | Path, *, context: int = 1024) -> None:
        if missing() is not None:
            raise MissingPackage("xllamacpp", feature="Running a GGUF file", extra="llamacpp")
        self.path, self.context = Path(path), context
        self._server: Any = None
        self._key = secrets.token_urlsafe(16)

    def __enter__(self) -> Llama:
        xllamacpp: Any = importlib.import_module("xllamacpp")
        given = xllamacpp.CommonParams()
        given.model.path = str(self.path)
        given.hostnames = ["127.0.0.1"]
        given.port = 0
        given.api_keys = [self._key]
        given.ui = False
        given.n_parallel = 1
        given.n_ctx = self.context
        given.verbosity = -1
        given.cpuparams.n_threads = 1
        try:
            self._server = xllamacpp.Server(given)
        except Exception as error:
            raise TrainingError(
                f"llama.cpp cannot load {self.path.name}: {error}", "pip install -U xllamacpp"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._server = None

    def tokenize(self, text: str) -> list[int]:
        """The ids that llama.cpp makes of a rendered prompt."""
        body = {"content": text, "add_special": False, "parse_special": True}
        return [int(i) for i in self._post("/tokenize", body)["tokens"]]

    def template(self, messages: list[dict[str, Any]], **kwargs: Any) -> str:
        """The prompt that its own chat endpoint would make of messages."""
        return self._post("/apply-template", {"messages": messages, "chat_template_kwargs": kwargs})["prompt"]

    def complete(self, ids: list[int], *, tokens: int) -> list[int]:
        """Greedy new ids after a prompt given as ids."""
        body = {
            "prompt": ids,
            "n_predict": tokens,
            "temperature": 0.0,
            "return_tokens": True,
            "cache_prompt": False,
        }
        return [int(i) for i in self._post("/completion", body)["tokens"]]

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self._server.listening_address}{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=120) as reply:
            return json.loads(reply.read())
