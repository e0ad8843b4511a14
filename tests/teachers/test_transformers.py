"""A model in this process that is held to the schema: random weights, and still every answer fits."""

import threading
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reasonbook import Field, Schema
from reasonbook.augment import Augmentation, AugmentConfig
from reasonbook.data.frame import Frame
from reasonbook.data.layout import detect
from reasonbook.errors import TeacherError
from reasonbook.teachers import resolve
from reasonbook.teachers.constrained_decoding import SchemaFiller, TokenLimitError, Vocabulary

SCHEMA = Schema(
    [
        Field("Urgency", "Judge how soon.", type="choice", options=("low", "high", "higher")),
        Field("Angry", "Whether the person is angry.", type="boolean"),
        Field("Score", "A number.", type="number"),
        Field("Größe", "The size.", type="number", optional=True),
    ]
)


def frame_of(n):
    df = pd.DataFrame({"prompt": [f"Request {i}" for i in range(n)], "response": ["Yes."] * n})
    return df, Frame(df, detect(df))


@pytest.mark.slow
def test_random_weights_fill_every_field(tiny_student):
    df, frame = frame_of(4)
    config = AugmentConfig(temperature=1.0, max_tokens=700)
    job = Augmentation(frame, SCHEMA, f"transformers:{tiny_student}", config).start().wait()
    good = df[df["reasoning_status"] == "ok"]
    assert len(good) >= 2, job.errors["error"].tolist()
    for values in good["reasoning"]:
        assert list(values) == list(SCHEMA.names)
        assert SCHEMA.read(values) == values
    cut = job.errors["error"]
    assert cut.str.contains("cut at the token limit").all()
    assert job.usage.output > 0 and job.cost == 0.0


@pytest.mark.slow
def test_own_thoughts_in_plain_text(tiny_student):
    df, frame = frame_of(2)
    config = AugmentConfig(method="chain_of_thought", max_tokens=40, temperature=1.0, reasks=0)
    job = Augmentation(frame, SCHEMA, f"transformers:{tiny_student}", config).start()
    try:
        job.wait()
    except TeacherError:  # random weights seldom end a text: then every row is cut, and says so
        assert df["reasoning_error"].str.contains("cut").all()
    assert set(df["reasoning_status"]) <= {"ok", "error"}


@pytest.mark.slow
def test_stop_ends_a_generation_between_two_tokens(tiny_student):
    _, frame = frame_of(50)
    others = set(threading.enumerate())
    config = AugmentConfig(max_tokens=100_000, temperature=1.0)
    job = Augmentation(frame, SCHEMA, f"transformers:{tiny_student}", config).start()
    time.sleep(2.0)
    started = time.monotonic()
    job.stop().wait()
    assert time.monotonic() - started < 15 and str(job.status) == "CANCELLED"
    deadline = time.monotonic() + 30
    while (left := _teaching() - others) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def _teaching() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "reasonbook-teacher"}


def test_a_model_that_is_not_there_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    _, frame = frame_of(1)
    with pytest.raises(TeacherError, match="cannot be loaded"):
        Augmentation(frame, SCHEMA, f"transformers:{tmp_path / 'empty'}").start().wait()


def test_the_name_holds_no_folder(tiny_student, tmp_path):
    name = resolve(f"transformers:{tiny_student}").name
    assert name.startswith("transformers:tiny#") and "/" not in name


# -- the constraint itself, under every kind of model ------------------------------------------------------
PIECES = [
    *('"', "\\", "\n", "a", "b ", ".", '."', '",', ' "', "é", "lo", "low", "high", "er"),
    *("0", "1", "12", "-", ".5", ",", ", ", "}", "]", "[", "{", ": ", "true", "false", "null"),
]


def _encode(text: str) -> list[int]:
    """Longest piece first; letters that no piece has get a code of their own."""
    ids = []
    while text:
        piece = max((p for p in PIECES if text.startswith(p)), key=len, default="")
        ids.append(PIECES.index(piece) if piece else len(PIECES) + ord(text[0]))
        text = text[len(piece) or 1 :]
    return ids


def _decode(ids) -> str:
    return "".join(PIECES[i] if i < len(PIECES) else chr(i - len(PIECES)) for i in ids)


VOCABULARY = Vocabulary(
    texts=[*PIECES, *map(chr, range(256)), "<eos>"],
    special=frozenset({len(PIECES) + 256}),
    encode=_encode,
    decode=_decode,
)


class Dice:
    """A model that knows nothing: scores are drawn."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def feed(self, ids):
        assert all(0 <= i < len(VOCABULARY.texts) for i in ids)
        return self.random.standard_normal(len(VOCABULARY.texts))

    def pick(self, scores, allowed):
        ids = np.flatnonzero(allowed) if isinstance(allowed, np.ndarray) else np.asarray(allowed)
        return int(ids[scores[ids].argmax()])


def _field(kind: str, optional: bool) -> Field:
    options = ("low", "lower", "high") if kind == "choice" else ()
    return Field("x", "y", kind, options, optional=optional)


FIELDS = st.builds(_field, st.sampled_from(["text", "number", "boolean", "choice", "list"]), st.booleans())


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), fields=st.lists(FIELDS, min_size=1, max_size=4))
def test_whatever_the_model_wants_the_answer_fits(seed, fields):
    schema = Schema(
        [Field(f"f{i}", f.instruction, f.type, f.options, optional=f.optional) for i, f in enumerate(fields)]
    )
    try:
        answer = SchemaFiller(Dice(seed), VOCABULARY, 4000).fill(schema.json_schema())
    except TokenLimitError:
        return
    assert list(answer) == list(schema.keys.values())
    for field, value in zip(schema, answer.values(), strict=True):
        if isinstance(value, str) and not value.strip():
            continue  # a text of blanks is well formed, and refused by the schema afterwards
        if isinstance(value, list) and not all(item.strip() for item in value):
            continue
        try:
            assert field.read(value) is not None or not field.required
        except ValueError as error:
            assert any(word in str(error) for word in ("cut at", "nothing that can be seen"))


def test_a_text_and_a_list_that_run_on_are_cut_where_the_schema_says():
    class Rambling(Dice):
        """Never closes what may still go on."""

        def pick(self, scores, allowed):
            ids = np.flatnonzero(allowed) if isinstance(allowed, np.ndarray) else list(allowed)
            return PIECES.index("a") if PIECES.index("a") in ids else max(ids)

    schema = Schema([Field("T", "y", max_length=7), Field("L", "y", type="list", max_length=2)])
    answer = SchemaFiller(Rambling(0), VOCABULARY, 4000).fill(schema.json_schema())
    text, items = answer.values()
    assert text is None or len(text) == 8
    assert items is None or len(items) <= 3
    for name, value in zip(("T", "L"), (text, items), strict=True):
        if value:
            with pytest.raises(ValueError, match=r"at most|was cut at"):
                schema[name].read(value)
    required = Schema([Field("T", "y", max_length=7, required=True)])
    assert list(SchemaFiller(Rambling(0), VOCABULARY, 4000).fill(required.json_schema()).values()) == [
        "a" * 8
    ]


def test_an_answer_that_never_ends_is_cut():
    class Rambling(Dice):
        def pick(self, scores, allowed):
            return PIECES.index("a")

    schema = Schema([Field("f", "y", required=True)]).json_schema()
    with pytest.raises(TokenLimitError):
        SchemaFiller(Rambling(0), VOCABULARY, 50).fill(schema)
