"""Chat data: rows become ids and labels in the student's own thinking format, and answers are read back."""

from ..data.training_rows import ChatRow
from .builder import build
from .config import ChatConfig, Strategy
from .dataset import ChatDataset, ChatExample, Span, Task
from .format import ChatFormat
from .preflight import Preflight
from .preview import Preview, PreviewToken
from .reasoning_text import Thought, thought
from .template.probe import Probe
from .thinking_parser import Parsed, ThinkingParser

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
