"""Notebook: which one this process belongs to, by a path that tells nothing of the machine."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import PurePath

SCRIPT = "script"


def notebook_name() -> str:
    """The kernel's notebook, relative to the folder that the server or this process works in; else ``script``.

    Jupyter tells a kernel by ``JPY_SESSION_NAME``, VS Code by a name in the user's namespace. A path that leads out
    of the folder is cut to the file's name: where somebody keeps a notebook is nobody's business.
    """
    return _relative(os.environ.get("JPY_SESSION_NAME") or _vscode() or "", os.getcwd()) or SCRIPT


def _vscode() -> str:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return str(getattr(shell, "user_ns", {}).get("__vsc_ipynb_file__", ""))


@cache
def _relative(path: str, folder: str) -> str:
    if not path:
        return ""
    pure = PurePath(path)
    if pure.is_absolute():
        return pure.relative_to(folder).as_posix() if pure.is_relative_to(folder) else pure.name
    return pure.name if ".." in pure.parts else pure.as_posix()
