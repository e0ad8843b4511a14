"""The schema: what is valid, what a teacher sees, how an answer is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reasonbook as rb
from reasonbook.errors import SchemaError
from reasonbook.schema.presets import PRESETS


def test_the_four_presets_are_valid():
    assert set(PRESETS) == {"customer_support", "content_moderation", "data_extraction", "code_generation"}
    assert rb.Schema.preset("Customer Support").names == ("Customer Intent", "Urgency", "Relevant Policy")


def test_unknown_preset_names_the_nearest():
    with pytest.raises(SchemaError, match='Did you mean "customer_support"'):
        rb.Schema.preset("custmer_support")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "no field"),
        ({" ": "x"}, "has no name"),
        ({"A": "  "}, "has no instruction"),
        ([("Intent", "a"), ("INTENT ", "b")], "same name"),
        ([rb.Field("A", "x", type="choice", options=["one"])], "two different options"),
        ([rb.Field("A", "x", type="nubmer")], 'Did you mean "number"'),  # type: ignore[arg-type]
        ([rb.Field("A", "x", type="number", minimum=2, maximum=1)], "minimum above"),
        (7, "not from 7"),
        ([{"nme": "A"}], 'Did you mean "name"'),
    ],
)
def test_what_is_not_valid_says_why_and_what_to_type(fields, why):
    with pytest.raises(SchemaError, match=why) as caught:
        rb.Schema(fields)
    assert "rb." in str(caught.value)


def test_every_source_makes_the_same_schema(tmp_path):
    from_dict = rb.Schema(
        {"Intent": "what", "Urgency": rb.Field("", "how soon", type="choice", options=("a", "b"))}
    )
    from_list = rb.Schema(
        [
            ("Intent", "what"),
            {"name": "Urgency", "instruction": "how soon", "type": "choice", "options": ["a", "b"]},
        ]
    )
    from_file = rb.Schema.load(from_dict.save(tmp_path / "schema.json"))
    assert from_dict == from_list == from_file == from_dict.snapshot() == rb.Schema(from_dict)
    assert rb.Schema.from_dict(from_dict.to_dict()) == from_dict
    assert all(rb.Field(**field.to_dict()) == field for field in from_dict)


def test_json_schema_is_strict_and_keeps_order():
    schema = rb.Schema(
        [
            rb.Field("Überschrift", "a"),
            rb.Field("Score", "b", type="number", minimum=0, maximum=10),
            rb.Field("Fine?", "c", type="boolean", optional=True),
            rb.Field("Names", "d", type="list"),
            rb.Field("Kind", "e", type="choice", options=("x", "y")),
        ]
    )
    made = schema.json_schema()
    assert list(made["properties"]) == made["required"] == ["uberschrift", "score", "fine", "names", "kind"]
    assert made["additionalProperties"] is False
    assert made["properties"]["score"] == {"type": ["number", "null"], "minimum": 0, "maximum": 10}
    assert made["properties"]["fine"]["type"] == ["boolean", "null"]
    assert made["properties"]["kind"]["enum"] == ["x", "y", None]
    assert list(schema.json_schema(["Score"])["properties"]) == ["score"]


@given(
    st.lists(st.text(min_size=1), min_size=1, max_size=8, unique_by=lambda t: " ".join(t.casefold().split()))
)
def test_keys_are_safe_and_unique_for_any_names(names):
    fields = [rb.Field(name, "instruction") for name in names]
    if any(not name.strip() for name in names):
        return
    try:
        keys = rb.Schema(fields).keys
    except SchemaError:
        return  # names that are equal once normalised
    assert list(keys) == names
    assert len(set(keys.values())) == len(names)
    assert all(key.isascii() and key.replace("_", "").isalnum() and len(key) <= 64 for key in keys.values())


def test_fingerprints_change_with_what_changes_an_answer():
    schema = rb.Schema({"A": "one", "B": "two"})
    a, b = (field.fingerprint for field in schema)
    schema.update("A", instruction="other")
    assert schema["A"].fingerprint != a and schema["B"].fingerprint == b


def test_reading_an_answer():
    schema = rb.Schema(
        [
            rb.Field("Intent", "a"),
            rb.Field("Score", "b", type="number", minimum=0, maximum=10),
            rb.Field("Kind", "c", type="choice", options=("Low", "High")),
            rb.Field("Tags", "d", type="list"),
            rb.Field("Note", "e", optional=True),
        ]
    )
    answer = {"kind": "low", "score": 3.0, "intent": " refund ", "tags": ["x"], "Note": None}
    assert schema.read(answer) == {"Intent": "refund", "Score": 3, "Kind": "Low", "Tags": ["x"], "Note": None}
    assert list(schema.read(answer)) == list(schema.names)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"score": 11}, "`score` must be at most 10"),
        ({"score": "3 stars"}, "must be a number, not '3 stars'"),
        ({"score": True}, "must be a number"),
        ({"score": float("nan")}, "must be a finite number, not nan"),
        ({"intent": "  "}, "`intent` is empty"),
        ({"intent": {"a": 1}}, "must be a text"),
        ({"score": None}, "`score` is missing"),
        ({"Intent": "again"}, "stands twice"),
    ],
)
def test_a_wrong_answer_is_refused_with_the_key(change, why):
    schema = rb.Schema(
        [rb.Field("Intent", "a"), rb.Field("Score", "b", type="number", maximum=10, required=True)]
    )
    with pytest.raises(ValueError, match=why):
        schema.read({"intent": "x", "score": 1, **change})


def test_a_key_too_many_is_dropped_when_nothing_is_missing_else_it_may_be_the_one():
    schema = rb.Schema([rb.Field("Intent", "a"), rb.Field("Note", "b", optional=True)])
    assert schema.read({"intent": "x", "note": None, "extra": 1}) == {"Intent": "x", "Note": None}
    with pytest.raises(ValueError, match="`notes` is not asked for"):
        schema.read({"intent": "x", "notes": "y"})
    with pytest.raises(ValueError, match="`a`, `b`, `c` and 2 more are not asked for; `intent` is missing"):
        schema.read(dict.fromkeys("abcde", 1))
    assert schema.read({"intent": "x", "notes": "y"}, surplus=True) == {"Intent": "x", "Note": None}


def test_a_number_or_a_truth_in_quotes_is_what_it_says():
    fields = [rb.Field("Score", "b", type="number"), rb.Field("Paid", "c", type="boolean")]
    fields.append(rb.Field("Stars", "d", type="choice", options=("1", "2")))
    read = rb.Schema(fields).read
    assert read({"score": " 7 ", "paid": "TRUE", "stars": 2}) == {"Score": 7, "Paid": True, "Stars": "2"}
    for score in ("7 days", "1,000", "07", "0x7", "½", "٧", "inf", ""):
        with pytest.raises(ValueError, match="must be a number"):
            read({"score": score, "paid": False, "stars": "1"})
    with pytest.raises(ValueError, match="`paid` must be true or false, not 'yes'; `stars` must be one of"):
        read({"score": 7, "paid": "yes", "stars": True})


def test_missing_values_and_other_shapes_are_refused():
    schema = rb.Schema({"A": "a", "B": "b"})
    with pytest.raises(ValueError, match="`b` is missing"):
        schema.read({"a": "x"})
    with pytest.raises(ValueError, match="object with named values"):
        schema.read(["x", "y"])
    assert schema.read({"b": "x"}, ["B"]) == {"B": "x"}


def test_edits_emit_events_and_a_snapshot_stays():
    schema = rb.Schema({"A": "a"})
    seen = []
    schema.stream.subscribe(lambda event: seen.append([f["name"] for f in event.data["fields"]]))
    before = schema.snapshot()
    schema.add("B", "b").move("B", 0).update("A", name="C").remove("B")
    assert seen == [["A", "B"], ["B", "A"], ["B", "C"], ["C"]]
    assert before.names == ("A",)


def test_a_half_edited_schema_says_its_problems_and_cannot_be_used():
    schema = rb.Schema({"A": "a"})
    schema.fields = [*schema.fields, rb.Field("", "")]
    assert "a field has no name" in schema.problems
    with pytest.raises(SchemaError):
        schema.snapshot()


def test_card_escapes_what_people_write():
    schema = rb.Schema({"<img src=x onerror=alert(1)>": "<script>"})
    assert "<img" not in schema._repr_html_() and "<script>" not in schema._repr_html_()
