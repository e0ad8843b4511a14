"""How long an answer will be follows the field: its type, its options, and what its instruction asks for."""

import pytest

import reasonbook as rb
from reasonbook.augment.estimation.answer_length import answer_tokens


def tokens(instruction, type="text", foreign=1.0, **options):
    """Of a value and its key, in English."""
    field = rb.Field("F", instruction, type=type, **options)
    return answer_tokens({"f": field}, {}, foreign, "openai:gpt-4o")


@pytest.mark.parametrize(
    ("instruction", "least", "most"),
    [
        ("Say in one word how the customer feels.", 7, 20),
        ("Name the product in at most three words.", 7, 25),
        ("Say in one sentence what is wanted.", 14, 60),
        ("Explain the decision in at least five sentences.", 50, 420),
        ("Fasse die Anfrage in zwei bis drei Sätzen zusammen.", 22, 150),
        ("Summarise the request in 50 to 80 words.", 55, 230),
        ("Write two short paragraphs about the cause.", 85, 460),
        ("Give exactly 3 bullet points.", 18, 140),
        ("Answer yes or no.", 7, 18),
        ("A title of up to 60 characters.", 7, 55),
        ("Work out what is paid back.", 14, 90),
    ],
)
def test_the_instruction_says_how_long(instruction, least, most):
    low, likely, high = tokens(instruction)
    assert least <= low <= likely <= high <= most, (low, likely, high)


def test_at_least_five_sentences_is_no_single_word():
    assert tokens("Explain in at least five sentences.")[0] > 2 * tokens("Explain in one word.")[2]
    assert tokens("Explain in at most five sentences.")[2] < tokens("Explain in at least five sentences.")[2]


def test_values_that_are_no_text_are_short():
    assert tokens("How many days?", "number")[2] < 20 and tokens("Is it urgent?", "boolean")[2] < 16
    choice = tokens("Decide.", "choice", options=("refund", "refund of everything less the fees of the shop"))
    assert choice[0] < 12 < choice[2] < 30
    assert tokens("List every problem.", "list")[2] > 100
    assert tokens("How many?", "number", optional=True)[0] <= tokens("How many?", "number")[0]


def test_what_was_answered_before_goes_before_any_rule():
    field = rb.Field("F", "Explain in one word.")
    low, likely, high = answer_tokens({"f": field}, {"f": 300.0}, 1.0, "openai:gpt-4o")
    assert 220 < low < 310 < high < 430 and low < likely < high


def test_a_language_that_takes_more_tokens_widens_the_band_upwards_alone():
    english, hindi = tokens("Say what is wanted."), tokens("Say what is wanted.", foreign=2.0)
    assert hindi[0] == english[0] and hindi[2] > 1.7 * english[2]
    plain = tokens("Decide.", "choice", options=("a", "b"))
    assert tokens("Decide.", "choice", foreign=2.0, options=("a", "b")) == plain
