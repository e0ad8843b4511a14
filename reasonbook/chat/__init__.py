"""Chat data: rows become ids and labels in the student's own thinking format, and answers are read back."""

from .build import build
from .config import ChatConfig, ChatRow, Strategy
from .dataset import ChatDataset, ChatExample, Span, Task
from .format import ChatFormat
from .parse import Parsed, ThinkingParser
from .preflight import Preflight
from .preview import Preview, PreviewToken
from .probe import Probe
from .styles import Thought, thought

__all__ = [
    "ChatConfig",
    "ChatDataset",
    "ChatExample",
    "ChatFormat",
    "ChatRow",
    "Parsed",
    "Preflight",
    "Preview",
    "PreviewToken",
    "Probe",
    "Span",
    "Strategy",
    "Task",
    "ThinkingParser",
    "Thought",
    "build",
    "thought",
]
