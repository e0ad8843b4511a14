"""Hand-written: a few rows for each schema preset, to try a teacher on, not to train on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

_SUPPORT = (
    (
        "My parcel says delivered since Tuesday but nothing is here, and the neighbours have not seen "
        "it either.",
        "I am sorry about that. I have opened a search with the carrier; if the parcel is not found "
        "within two "
        "working days we send a new one at no cost.",
    ),
    (
        "I was charged twice for invoice 2291. Please fix this before Friday, my rent comes off the "
        "same account.",
        "You are right, the second charge was ours by mistake. It is reversed today and will be back in your "
        "account by Thursday.",
    ),
    (
        "How do I change the e-mail address of my account? I no longer have access to the old one.",
        "Please open Settings, then Account, and choose 'I cannot read my old e-mail'. We will ask for your "
        "customer number and send a link to the new address.",
    ),
    (
        "The app closes by itself whenever I open the camera tab. Phone is two years old, app is up to date.",
        "Thank you for the exact description. Please allow camera access in the phone's privacy "
        "settings; if it "
        "still closes, send us the report under Help and we will look into it.",
    ),
    (
        "Can I move my yearly plan to monthly in the middle of the year?",
        "The plan can be changed at the end of the paid year. I have noted the switch to monthly for you, so "
        "nothing is renewed for a year.",
    ),
    (
        "There is smoke coming out of the charger you sent me!",
        "Please unplug it at the wall now and do not touch the charger until it is cold. We are sending "
        "a new "
        "one by express and a box to collect this one; a safety officer will call you within the hour.",
    ),
    (
        "I would like to order forty chairs for our club. Is there a discount?",
        "From twenty-five chairs on there are 12 % off, and delivery is free. I have attached an offer "
        "for forty.",
    ),
    (
        "You promised a call back on Monday. It is Thursday now. This is the third time.",
        "I am sorry, that should not have happened three times. I have taken over your case myself and will "
        "call you today at 4 pm at the number in your account.",
    ),
    (
        "Does the blue tent in size 3 come back in stock this summer?",
        "Yes, it is expected in the second week of June. I can write to you as soon as it is there.",
    ),
    (
        "My mother passed away. How do I close her account and what happens to the credit on it?",
        "I am very sorry for your loss. Send us a copy of the certificate; we close the account and pay the "
        "credit to the estate, without any fee.",
    ),
    (
        "The jacket is a bit tight. I cut off the labels already, can I still swap it for an L?",
        "A swap for another size is fine within 30 days even without the labels, as long as it was not worn "
        "outside. The L is reserved for you.",
    ),
    (
        "Please delete everything you have stored about me.",
        "We have received your request. Your data will be deleted within 30 days, except for invoices, which "
        "the law asks us to keep; you will get a confirmation.",
    ),
)

_MODERATION = (
    ("Great write-up, the part about soil drainage saved my tomatoes.", "allow"),
    ("People like you should not be allowed to vote, you absolute waste of space.", "remove"),
    ("CHEAP watches!!! 90% OFF, only today >>> click my profile", "remove"),
    ("I disagree with the mayor on nearly everything, and this bridge is a waste of our money.", "allow"),
    ("If he shows his face at the match on Sunday I will break his legs.", "remove"),
    ("I feel like there is no point any more and I do not want to wake up tomorrow.", "escalate"),
    ("This film was rubbish. The lead can't act to save his life.", "allow"),
    ("Her home address is 14 Mill Lane, go and tell her what you think.", "remove"),
    ("Does anybody know whether the library is open on bank holidays?", "allow"),
    ("Typical of that lot, they are all thieves, every one of them.", "remove"),
)

_EXTRACTION = (
    (
        "On 3 May 2024 Lindqvist AB of Malmö ordered 1,200 pumps from Tecnova S.p.A. for EUR 348,000.",
        '{"buyer": "Lindqvist AB", "seller": "Tecnova S.p.A.", "date": "2024-05-03", "amount": "EUR 348000"}',
    ),
    (
        "Dr Amara Okafor succeeds Jens Holm as head of the harbour clinic in Bergen from September.",
        '{"person": "Amara Okafor", "role": "head of the harbour clinic", "place": "Bergen", "from": '
        '"September"}',
    ),
    (
        "Invoice 7743: 6 hours of translation at 55 GBP, due within 14 days of 2 February.",
        '{"invoice": "7743", "amount": "GBP 330", "due": "16 February"}',
    ),
    (
        "The lease of the flat at 9 Harbour Row runs until 31 March; rent is 980 a month, heating included.",
        '{"object": "flat at 9 Harbour Row", "until": "31 March", "rent": "980 a month", "heating": '
        '"included"}',
    ),
    (
        "Patient reports a dry cough since Sunday, no fever; takes ramipril 5 mg daily.",
        '{"symptom": "dry cough", "since": "Sunday", "fever": "no", "medicine": "ramipril 5 mg daily"}',
    ),
    (
        "Flight KL 1142 is delayed by 50 minutes; new departure 17:05 from gate B14.",
        '{"flight": "KL 1142", "delay": "50 min", "departure": "17:05", "gate": "B14"}',
    ),
)

_CODE = (
    (
        "Write a Python function that returns the second largest number of a list.",
        "def second_largest(numbers):\n"
        "    distinct = sorted(set(numbers))\n"
        "    if len(distinct) < 2:\n"
        '        raise ValueError("at least two different numbers are needed")\n'
        "    return distinct[-2]",
    ),
    (
        "Write a Python function that tells whether a text reads the same backwards, ignoring case and "
        "blanks.",
        "def is_palindrome(text):\n"
        "    letters = [c for c in text.casefold() if not c.isspace()]\n"
        "    return letters == letters[::-1]",
    ),
    (
        "Write a Python function that splits a list into chunks of at most n items.",
        "def chunks(items, n):\n"
        "    if n < 1:\n"
        '        raise ValueError("n must be at least 1")\n'
        "    return [items[i : i + n] for i in range(0, len(items), n)]",
    ),
    (
        "Write a SQL query for the three customers with the highest total of orders in 2024.",
        "SELECT customer_id, SUM(total) AS spent\n"
        "FROM orders\n"
        "WHERE ordered_at >= '2024-01-01' AND ordered_at < '2025-01-01'\n"
        "GROUP BY customer_id\n"
        "ORDER BY spent DESC\n"
        "LIMIT 3;",
    ),
    (
        "Write a Python function that counts how often each word occurs in a text.",
        "from collections import Counter\n\n\n"
        "def word_counts(text):\n"
        "    return Counter(text.casefold().split())",
    ),
    (
        "Write a shell command that shows the five largest files below the current folder.",
        "find . -type f -printf '%s %p\\n' | sort -rn | head -n 5",
    ),
)


def support() -> pd.DataFrame:
    """Twelve customer messages with a good answer each, for the preset `customer_support`.

    Example:
        >>> rb.examples.support().shape
        (12, 2)
    """
    return _frame(_SUPPORT)


def moderation() -> pd.DataFrame:
    """Ten posts with the decision (allow, remove, escalate), for the preset `content_moderation`.

    Example:
        >>> sorted(rb.examples.moderation()["response"].unique())
        ['allow', 'escalate', 'remove']
    """
    return _frame(_MODERATION)


def extraction() -> pd.DataFrame:
    """Six texts with their facts as JSON, for the preset `data_extraction`.

    Example:
        >>> import json
        >>> json.loads(rb.examples.extraction()["response"][0])["buyer"]
        'Lindqvist AB'
    """
    return _frame(_EXTRACTION)


def code() -> pd.DataFrame:
    """Six programming requests with a solution each, for the preset `code_generation`.

    Example:
        >>> rb.examples.code()["prompt"][0]
        'Write a Python function that returns the second largest number of a list.'
    """
    return _frame(_CODE)


def _frame(rows: tuple[tuple[str, str], ...]) -> pd.DataFrame:
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

    return pd.DataFrame(rows, columns=["prompt", "response"])
