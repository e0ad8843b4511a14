"""Hub layouts: what data sets on the Hub call their columns and turns, each with where it is seen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HubLayout:
    """Columns of one known layout; it is recognised when all that it names are there.

    Attributes:
        name: what people call it.
        source: where it is seen.
        prompt: the request.
        response: the answer, or a list of answers.
        reasoning: columns of which the first that is there holds the reasoning.
        system: a system prompt, where there is one.
        repaired: a corrected answer that replaces ``response``, where there is one.
        verified: columns of flags, one per answer of a list, of which the first that is there counts.
        context: a second part of the request, where there is one.
        needs: further columns that must be there, so that a common pair of names is not mistaken.
    """

    name: str
    source: str
    prompt: str
    response: str
    reasoning: tuple[str, ...] = ()
    system: str = ""
    repaired: str = ""
    verified: tuple[str, ...] = ()
    context: str = ""
    needs: tuple[str, ...] = ()


HUB: tuple[HubLayout, ...] = (
    HubLayout(
        "Chinese R1 distillation", "Congliu/Chinese-DeepSeek-R1-Distill-data-110k",
        "input", "content", ("reasoning_content",), needs=("reasoning_content",),
    ),
    HubLayout("SYNTHETIC-1", "PrimeIntellect/SYNTHETIC-1", "prompt", "llm_response"),
    HubLayout("natural_reasoning", "facebook/natural_reasoning", "question", "responses"),
    HubLayout("CoT-Collection", "kaist-ai/CoT-Collection", "source", "target", ("rationale",)),
    HubLayout(
        "AQuA-RAT", "deepmind/aqua_rat", "question", "correct", ("rationale",),
        context="options", needs=("options",),
    ),
    HubLayout("KodCode", "KodCode/KodCode-V1", "question", "r1_solution"),
    HubLayout("SQuAD", "rajpurkar/squad", "question", "answers", context="context", needs=("context",)),
    HubLayout(
        "OpenThoughts, metadata subset", "open-thoughts/OpenThoughts-114k",
        "problem", "deepseek_solution", ("deepseek_reasoning",), needs=("deepseek_reasoning",),
    ),
    HubLayout(
        "s1K-1.1, DeepSeek", "simplescaling/s1K-1.1",
        "question", "deepseek_attempt", ("deepseek_thinking_trajectory",),
    ),
    HubLayout(
        "s1K-1.1, Gemini", "simplescaling/s1K-1.1",
        "question", "gemini_attempt", ("gemini_thinking_trajectory",),
    ),
    HubLayout(
        "s1K", "simplescaling/s1K",
        "question", "attempt", ("thinking_trajectories", "thinking_trajectory"),
    ),
    HubLayout(
        "OpenR1-Math", "open-r1/OpenR1-Math-220k", "problem", "generations",
        verified=("correctness_math_verify", "correctness_llama", "is_reasoning_complete"),
    ),
    HubLayout("OpenMathReasoning", "nvidia/OpenMathReasoning", "problem", "generated_solution"),
    HubLayout(
        "Multilingual-Thinking", "HuggingFaceH4/Multilingual-Thinking",
        "user", "final", ("analysis",), system="developer", needs=("analysis",),
    ),
    HubLayout(
        "Kiln task runs", "Kiln's TaskRun files", "input", "output", ("intermediate_outputs",),
        repaired="repaired_output", needs=("intermediate_outputs",),
    ),
    HubLayout(
        "Kiln task runs, flattened", "Kiln's TaskRun files through pandas.json_normalize",
        "input", "output.output",
        ("intermediate_outputs.reasoning", "intermediate_outputs.chain_of_thought"),
        repaired="repaired_output.output",
    ),
)  # fmt: skip

# Pairs in the order of preference; the first that a frame has complete is its guess.
PAIRS: tuple[tuple[str, str], ...] = (
    ("prompt", "response"),
    ("prompt", "completion"),
    ("request", "response"),
    ("instruction", "output"),
    ("instruction", "response"),
    ("question", "answer"),
    ("question", "response"),
    ("query", "response"),
    ("query", "answer"),
    ("input", "output"),
    ("user", "assistant"),
    ("problem", "solution"),
    ("question", "solution"),
    ("problem", "answer"),
)
# Names in the order of preference, for what no pair above says: the first request with the first response.
REQUESTS = (
    "prompt", "request", "question", "problem", "instruction", "query", "input", "user", "q",
    "user_message", "user_prompt", "user_input", "user_query", "customer_message", "human", "task", "source",
    "message", "ticket", "email", "text", "sentence", "document", "article",
)  # fmt: skip
RESPONSES = (
    "response", "completion", "output", "answer", "reply", "a", "assistant_message", "assistant_response",
    "assistant", "bot_message", "bot_response", "model_response", "llm_response", "model_output", "gpt", "bot",
    "agent_message", "agent_response", "solution", "final_answer", "correct_answer", "expected_answer",
    "expected_output", "expected_response", "target", "answers", "responses", "label", "summary",
)  # fmt: skip
LISTS = ("messages", "conversations", "conversation", "dialog", "chat", "contents")
SYSTEMS = ("system", "system_prompt", "systeminstruction", "system_message")
ANY_REASONING = (
    "reasoning_content", "thinking", "reasoning", "chain_of_thought", "cot", "rationale", "complex_cot", "thought",
    "thoughts", "reasoning_trace", "thinking_trajectory", "think", "long_cot",
)  # fmt: skip
WORKED = (
    "solution",
    "worked_solution",
    "explanation",
    "steps",
    "derivation",
    "proof",
)  # beside a short answer
CONTEXTS = ("context", "passage", "paragraph", "document", "article", "background", "options", "choices")
SUFFIX = "__reasoning_content"  # Data Designer: the reasoning of a column stands beside it
ROLE_KEYS = ("role", "from", "speaker", "author")
CONTENT_KEYS = ("content", "value", "parts", "text", "message")
# Turns that hold a request and its response at once.
TURN_PAIRS = (
    ("user", "assistant"), ("human", "assistant"), ("human", "gpt"), ("input", "output"), ("prompt", "response"),
    ("question", "answer"), ("q", "a"), ("instruction", "output"),
)  # fmt: skip
ROLES = {
    "human": "user", "user": "user", "prompter": "user", "customer": "user", "gpt": "assistant",
    "chatgpt": "assistant", "assistant": "assistant", "model": "assistant", "bot": "assistant", "ai": "assistant",
    "agent": "assistant", "function_call": "assistant", "tool_call": "assistant", "system": "system",
    "developer": "developer", "tool": "tool", "function": "tool", "observation": "tool", "ipython": "tool",
    "tool_response": "tool", "tool_result": "tool", "function_response": "tool",
}  # fmt: skip
CALL_ROLES = ("function_call", "tool_call")  # their text is a call as JSON
# Thinking written into the text of an answer.
INLINE = (
    ("<think>", "</think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("◁think▷", "◁/think▷"),
    ("[THINK]", "[/THINK]"),
)
ANSWER = ("<answer>", "</answer>")
SOLUTION = ("<|begin_of_solution|>", "<|end_of_solution|>")
