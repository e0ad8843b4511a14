"""Tokenizer: a student's, from a folder, a name on the Hub, or the object itself; no weights are loaded."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import cast

from ...errors import FormatError, MissingPackage
from .typed_tokenizer import Tokenizer

PATIENCE = 1.5  # seconds for the Hub to take a connection
_EXAMPLES = (
    'a folder, a Hub name such as "Qwen/Qwen3-0.6B", or rb.examples.tiny_student() (no network needed)'
)


def load_tokenizer(student: object) -> tuple[Tokenizer, str]:
    """The tokenizer and the name under which runs record the student.

    Raises:
        FormatError: there is no such folder or name, the Hub cannot be reached, or the tokenizer cannot say
            where its tokens stand in the text.
        MissingPackage: transformers is not installed.
    """
    if isinstance(student, (str, Path)):
        name = str(student)
        tokenizer = _from_name(name)
    elif hasattr(student, "apply_chat_template") and hasattr(student, "decode"):
        tokenizer = getattr(student, "tokenizer", student)  # a processor holds its tokenizer
        name = str(getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__)
    else:
        raise FormatError(f"{type(student).__name__} is not a student.", f"student = {_EXAMPLES}")
    if not getattr(tokenizer, "is_fast", False) or not hasattr(tokenizer, "backend_tokenizer"):
        raise FormatError(
            f"The tokenizer of {name!r} cannot say where its tokens stand in the text.",
            f"AutoTokenizer.from_pretrained({name!r}, use_fast=True)   or another student: {_EXAMPLES}",
        )
    return cast("Tokenizer", tokenizer), name


def _from_name(name: str) -> object:
    folder = Path(name).expanduser()
    local = folder.is_dir()
    if not name.strip():
        raise FormatError("The student has no name.", f"student = {_EXAMPLES}")
    if not local and (name.startswith(("/", "~", ".")) or name.count("/") > 1):
        raise FormatError(f"There is no folder {name!r}.", f"student = {_EXAMPLES}")
    try:
        # The light package first: a name that cannot be found is said without a wait for torch.
        local_only = local or not _hub_answers()
        if local_only and not local and not _fetched_before(name):
            raise _not_found(name)
        import transformers
    except ImportError as error:
        raise MissingPackage("transformers", feature="Chat data for a student", extra="train") from error
    load = cast("Callable[..., object]", transformers.AutoTokenizer.from_pretrained)  # pyright: ignore[reportUnknownMemberType]
    try:
        return load(
            str(folder) if local else name,
            local_files_only=local_only,
            trust_remote_code=False,  # left open, transformers would ask on stdin
        )
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise FormatError(
                f"The tokenizer of {name!r} brings Python code of its own, which would run on this machine.",
                "read that code first; if you trust it: "
                f"df.reason.to_chat(AutoTokenizer.from_pretrained({name!r}, trust_remote_code=True))",
            ) from error
        if not local:
            raise _not_found(name, _first_line(error)) from error
        raise FormatError(
            f"The folder {name!r} holds no tokenizer that can be read: {_first_line(error)}",
            f"student = {_EXAMPLES}",
        ) from error


def _not_found(name: str, why: str = "") -> FormatError:
    return FormatError(
        f"The student {name!r} cannot be found: there is no such folder here, and the Hub has "
        f"no such model or cannot be reached. {why}".strip(),
        f"student = {_EXAMPLES}",
    )


def _fetched_before(name: str) -> bool:
    """Whether a model's tokenizer lies in the Hub's folder on this disk."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = [try_to_load_from_cache(name, file) for file in ("tokenizer_config.json", "tokenizer.json")]
    except HFValidationError:
        return False
    return any(isinstance(path, str) for path in found)


def _hub_answers() -> bool:
    """Whether the Hub, or the proxy before it, takes a connection: else a wrong name costs a minute of retries."""
    import threading
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    address = urlsplit(constants.ENDPOINT)
    proxy = getproxies().get(address.scheme)
    if proxy and not proxy_bypass(address.hostname or ""):
        address = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    port = address.port or (80 if address.scheme == "http" else 443)
    answered = threading.Event()

    def connect() -> None:  # a thread: looking up a name has no time limit of its own
        with contextlib.suppress(OSError):
            socket.create_connection((address.hostname or "", port), timeout=PATIENCE).close()
            answered.set()

    thread = threading.Thread(target=connect, name="reasonbook-hub", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return answered.is_set()


def _first_line(error: Exception) -> str:
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return line if len(line) <= 160 else line[:159] + "…"
