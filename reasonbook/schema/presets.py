"""Presets: schemas for common tasks, as data: name → {field: (instruction, type, options)}."""

from __future__ import annotations

from .field import FieldType

PRESETS: dict[str, dict[str, tuple[str, FieldType, tuple[str, ...]]]] = {
    "customer_support": {
        "Customer Intent": ("State in one short phrase what the customer wants to get done.", "text", ()),
        "Urgency": ("Judge how soon the customer needs an answer.", "choice", ("low", "normal", "high")),
        "Relevant Policy": (
            "Name the rule or policy that decides this request, with its condition.",
            "text",
            (),
        ),
    },
    "content_moderation": {
        "Topic": ("Name the subject of the message in a few words.", "text", ()),
        "Tone": ("Describe how the author speaks to or about others.", "text", ()),
        "Violation Type": (
            "Name the kind of rule that the message breaks, or none.",
            "choice",
            ("none", "harassment", "hate", "violence", "sexual", "self-harm", "spam", "other"),
        ),
    },
    "data_extraction": {
        "Key Entities": (
            "List the people, organisations, places, dates and amounts that matter.",
            "list",
            (),
        ),
        "Relationships": ("List how these entities are connected, one short sentence each.", "list", ()),
        "Confidence": (
            "Say how clearly the text supports the extraction.",
            "choice",
            ("low", "medium", "high"),
        ),
    },
    "code_generation": {
        "Requirements": ("List what the code must do, one requirement each.", "list", ()),
        "Edge Cases": ("List inputs or states that a careless solution would get wrong.", "list", ()),
        "Approach": ("Describe in two or three sentences how the solution will work.", "text", ()),
    },
}
