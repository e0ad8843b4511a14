"""Chat: rows become ids and labels in the student's own thinking format, and answers are read back."""

from ..data.reasoning_origin import Origin
from ..data.task import Task
from ..data.training_rows import ChatRow
from .config import ChatConfig, Strategy
from .dataset import ChatDataset, ChatExample, Span
from .format import ChatFormat
from .loop_report import ClosedLoop, LoopBreak
from .preflight import Preflight
from .preview import Preview, PreviewToken
from .reasoning_text import Thought, thought
from .template.probe import Probe
from .thinking_parser import Parsed, ThinkingParser
from .to_chat import build, build_from_frame, check

__all__ = [
    "ChatConfig",
    "ChatDataset",
    "ChatExample",
    "ChatFormat",
    "ChatRow",
    "ClosedLoop",
    "LoopBreak",
    "Origin",
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
    "build_from_frame",
    "check",
    "thought",
]
