"""Answers as students write them, what was expected, and whether that is right: data for the ways to grade."""

from __future__ import annotations

# answer | expected | 1 right, 0 wrong or not to be told without a guess
NUMBERS = r"""
between 3 and 4|4|0
1.234,56 €|1234.56|1
1.234,56 €|1.23456|0
not 5 but 6|6|1
5 or 6|6|0
It is not $5, it is $6.|$6|1
Not 5.|5|0
$1.234.567|1234567|1
1 234,50|1234.5|1
1'234.50|1234.5|1
1,5|1.5|1
1,234|1234|1
12,345,678|12345678|1
0,5|.5|1
+7|7|1
−7|-7|1
-7|−7|1
– 7|-7|1
7 - 3|4|0
7 - 3 = 4|4|1
7-3=4|4|1
-$5|-5|1
$-5|-5|1
-5 dollars|-$5|1
5 USD|$5|1
USD 5|$5|1
US$5|$5|1
€5.00|5|1
5 €|€5|1
£3|$3|0
3 pounds|£3|1
$5.004|$5.00|1
$5.01|$5.00|0
$5|$5.004|0
1000000|1000001|0
1e6|1000000|1
2.5e-3|0.0025|1
6.02 × 10^{23}|6.02e23|1
6.02x10^23|6.02e23|1
10%|10 percent|1
10 %|0.1|1
0.1|10%|1
10|10%|1
1|10%|0
1%|1|1
3/4|0.75|1
\\frac{3}{4}|3/4|1
\\dfrac{1}{2}|0.5|1
-\\frac{1}{2}|-0.5|1
1 \\frac{1}{2}|1.5|1
2½|2.5|1
½|1/2|1
¾ of them|0.75|1
three quarters|0.75|0
2/3|0.667|0
0.667|2/3|1
0.67|2/3|0
0.6667|2/3|1
\\boxed{42}|42|1
So 6*7=42. \\boxed{42}|42|1
\\boxed{41} no wait \\boxed{42}|42|1
$\\boxed{42}$|42|1
\\(x = 42\\)|42|1
$x=42$|42|1
$$x = 42$$|42|1
**42**|42|1
The answer is **42**.|42|1
Answer: 42|42|1
answer = 42|42|1
#### 42|42|1
First 6, then 7.\n#### 42|42|1
The final answer is: 42|42|1
Final Answer: $42|42|1
The result is 42 because 6 times 7 is 42.|42|1
42 is the answer|42|1
I get 42|42|1
You get $42 back.|42|1
We will refund $42 of the $50 that you paid.|$42|0
The refund is $42.|42|1
It costs 3 times 14, which makes 42.|42|1
3 apples and 4 pears make 7.|7|1
3 apples, 4 pears|7|0
Step 3: the refund is $42|42|1
Step 1: 50 - 8 = 42\nStep 2: done|42|1
42 (not 43)|42|1
42, not 43|42|1
43? No, 42.|42|0
about 42|42|1
approximately 42|42|1
more than 42|42|0
at least 42|42|0
up to $42|42|0
< 42|42|0
less than 42|42|0
42 or more|42|0
42-43|42|0
42 to 43|43|0
42 and 43|43|0
$42 or $43|42|0
twelve|12|1
twenty-one|21|1
twenty one|21|1
one hundred and five|105|1
two thousand three hundred|2300|1
minus five|-5|1
five dollars|$5|1
fifty cents|$.50|1
50¢|$0.5|1
5k|5000|1
5K|5000|1
$5k|$5000|1
1.2M|1200000|1
1.2 million|1200000|1
3 billion|3e9|1
5 km|5|1
5 km|5000 m|1
5 km|5 m|0
90 minutes|1.5 hours|1
90 min|1.5 h|1
2 kg|2000 g|1
2 kg|2 km|0
5 apples|5|1
5 apples|5 oranges|1
on 2024-05-06|6|0
at 10:30|30|0
v1.2.3.4|4|0
Order #42|42|1
#42|42|1
order 42|42|1
room 7|7|1
Call 555-1234|1234|0
none|4|0
|4|0
words alone|words alone|1
2\\sqrt{3}|3|0
2\\sqrt{3}|2\\sqrt{3}|1
3^2|9|0
√9|9|0
π|3.14|0
٣|3|1
１２|12|1
$1,204.50|1204.5|1
1,204.5|1204.50|1
1204.50 in all|1204.5|1
007|7|1
7.|7|1
7.0|7|1
7.00|7|1
=7|7|1
(7)|7|1
[7]|7|1
"7"|7|1
`7`|7|1
7!|7|1
7?|7|1
7,|7|1
The amount is $104.|$104|1
108 - 4 = $104|$104|1
108 - 4 = 104 dollars|$104|1
$108 - $4 = $104|$104|1
price 54 x 2 = 108, fee 4, 108 - 4 = 104|104|1
104\n|104|1
104 $|$104|1
$ 104|$104|1
$104.00|$104|1
$1O4|$104|0
$10 4|$104|0
-104|104|0
0|0|1
$0|$0|1
no refund|$0|0
$0.00|$0|1
-0|0|1
1/0|1|0
100,000.00|100000|1
1.000|1000|0
1.000|1|1
3.14|3.14159|0
3.141|3.14|1
3.15|3.14|0
99.9|100|0
99.999999999|100|0
100.0000001|100|0
1 000 000|1000000|1
12 months|12|1
Refund: $42 (20% off)|$42|1
20% of 50 is 10|10|1
20% off|20%|1
Between you and me, 42|42|1
The 3 options are fine; the answer is 42|42|1
42 = 6*7|42|0
6*7 = 42 = 84/2|42|1
"""

DECISION = ("approved", "refused")
YES_NO = ("yes", "no")
LETTERS = ("A", "B", "C", "D")
TONE = ("positive", "negative", "neutral")
PARTLY = ("approve", "approve in part", "refuse")
# options, answer, the option that it names; None where it names none, or where it cannot be told
CHOICES = [
    (DECISION, "approved", "approved"),
    (DECISION, "Approved.", "approved"),
    (DECISION, "not approved", None),
    (DECISION, "The request is not approved.", None),
    (DECISION, "It is not approved but refused.", "refused"),
    (DECISION, "isn't approved", None),
    (DECISION, "It wasn’t refused, it was approved.", "approved"),
    (DECISION, "approved or refused", None),
    (DECISION, "approved/refused", None),
    (DECISION, "neither approved nor refused", None),
    (DECISION, "Answer: refused, since it was approved before", "refused"),
    (DECISION, "approved. Not refused.", "approved"),
    (DECISION, "unapproved", None),
    (DECISION, "", None),
    (DECISION, "maybe", None),
    (DECISION, "**approved**", "approved"),
    (DECISION, "\\boxed{approved}", "approved"),
    (DECISION, "It was approved last time. Now it is refused.", None),
    (DECISION, "The final answer is refused.", "refused"),
    (DECISION, "I would have approved it, so approved.", "approved"),
    (DECISION, "approved rather than refused", "approved"),
    (DECISION, "APPROVED", "approved"),
    (DECISION, "refused (was approved)", None),
    (YES_NO, "yes", "yes"),
    (YES_NO, "Yes, it is.", "yes"),
    (YES_NO, "No.", "no"),
    (YES_NO, "no, not at all", "no"),
    (YES_NO, "No, yes is wrong", None),
    (YES_NO, "There is no way; yes", None),
    (YES_NO, "not yes", None),
    (YES_NO, "nothing", None),
    (YES_NO, "Know", None),
    (LETTERS, "B", "b"),
    (LETTERS, "(B)", "b"),
    (LETTERS, "B.", "b"),
    (LETTERS, "B) because", "b"),
    (LETTERS, "option C", "c"),
    (LETTERS, "The answer is D.", "d"),
    (LETTERS, "A refund is due, so B.", None),
    (LETTERS, "Answer: A", "a"),
    (LETTERS, "**C**", "c"),
    (LETTERS, "a", "a"),
    (LETTERS, "It is a dog", None),
    (LETTERS, "A or B", None),
    (LETTERS, "Not A. B.", "b"),
    (LETTERS, "\\boxed{D}", "d"),
    (LETTERS, "A, B and C are wrong, so the answer is D", "d"),
    (TONE, "The tone is positive.", "positive"),
    (TONE, "not negative", None),
    (TONE, "positive, negative or neutral?", None),
    (TONE, "Neutral: neither positive nor negative.", "neutral"),
    (TONE, "negative—very", "negative"),
    (TONE, "It is not positive, it's negative", "negative"),
    (PARTLY, "I approve in part.", "approve in part"),
    (PARTLY, "We refuse, we do not approve.", "refuse"),
    (PARTLY, "approve", "approve"),
    (PARTLY, "cannot approve", None),
    (PARTLY, "refuse to approve", None),
]

LISTS = [
    ("fees, taxes", "fees, taxes", 1.0),
    ("taxes, fees", "fees, taxes", 1.0),
    ("fees and taxes", "fees, taxes", 1.0),
    ("Fees; taxes.", "fees, taxes", 1.0),
    ("- fees\n- taxes", "fees, taxes", 1.0),
    ("1. fees\n2) taxes", "fees\ntaxes", 1.0),
    ("These apply:\n* fees\n* taxes", "fees, taxes", 1.0),
    ('["fees", "taxes"]', "fees, taxes", 1.0),
    ('```json\n["fees", "taxes"]\n```', "fees, taxes", 1.0),
    ("The answer is fees, taxes.", "fees, taxes", 1.0),
    ("fees", "fees, taxes", 2 / 3),
    ("fees, fees", "fees, taxes", 0.5),
    ("fees, taxes, tips", "fees, taxes", 0.8),
    ("", "fees", 0.0),
    ("1,200, 300", "1,200, 300", 1.0),
    ("shipping", "fees", 0.0),
]
OBJECTS = [
    ('{"a": 1}', '{"a": 1}', 1.0),
    ('{"a": 1.0}', '{"a": 1}', 1.0),
    ('{"a": "1"}', '{"a": 1}', 1.0),
    ('{"a": "$12.00"}', '{"a": 12}', 1.0),
    ('Here: {"a": 1}', '{"a": 1}', 1.0),
    ('```json\n{"a": 1}\n```', '{"a": 1}', 1.0),
    ('{"a": true}', '{"a": 1}', 0.0),
    ('{"a": null}', '{"a": 0}', 0.0),
    ('{"a": " New  York "}', '{"a": "new york"}', 1.0),
    ('{"a": 1, "b": 2}', '{"a": 1, "b": 3}', 0.5),
    ('{"a": 1, "c": 2}', '{"a": 1}', 0.5),
    ('{"a": {"b": 1, "c": 2}}', '{"a": {"b": 1, "c": 3}}', 0.5),
    ('{"a": [1, 2]}', '{"a": [1, 2]}', 1.0),
    ('{"a": [2, 1]}', '{"a": [1, 2]}', 0.0),
    ("no object", '{"a": 1}', 0.0),
    ('{"a": 1', '{"a": 1}', 0.0),
]
