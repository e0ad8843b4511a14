"""Orders: the usual ways to give one to whoever reads a text, as data."""

# ruff: noqa: E501  one way a line
from __future__ import annotations

# Words that the orders are made of.
_DROP = r"(?:ignore|disregard|forget|override|bypass|overwrite|discard|erase|(?:do not|don't|never|stop) (?:follow|obey)(?:ing)?)"
_GUIDE = (
    r"(?:instructions?|prompts?|rules|guidelines|directions|directives|guardrails|constraints|restrictions|schema|context"
    r"|system message|programming|fields|polic(?:y|ies)|everything (?:above|before|you)|all (?:of )?(?:the )?above"
    r"|what you (?:were|are|have been) (?:told|asked|given)|(?:anything|all|everything) that came before)"
)
# What a customer may well ask to pass over, and whose rules may well be named.
_OWN = r"(?:my|our|his|her|their|delivery|assembly|washing|care|return|installation|cooking|shipping|parking|house)"
_GAP = rf"(?:(?!\b{_OWN}\b)[^.!?\n]){{0,48}}?"
_AI = r"(?:ai|a\.i\.|llm|gpt|chatgpt|claude|gemini|(?:large )?language model|chatbot)s?"
_READER = rf"(?:{_AI}|annotators?|labell?ers?|extractors?|graders?|classifiers?|parsers?|summari[sz]ers?|(?:ai|the) model)"
_READS = r"(?:processing|reading|handling|handles|reads|summari[sz](?:ing|es)|labell?ing|grading|extracting|extracts)"
_CONTROL = (
    r"(?:output|mark|label|rate|score|grade|choose|set|approve|classify|tag|fill|say|write|answer|respond|reply|return|print"
    r"|report|evaluate|assign|treat)"
)
_QUOTE = r"[\"'`{“«‘]"

# Each kind of order: words or signs of which every text of that kind holds one; what makes it one where a sentence or
# an order begins; and what does wherever it stands. The words are looked for first, and most rows hold none.
KINDS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (  # passes over what the reader was told
        "ignore disregard forget override bypass overwrite discard erase follow following obey obeying",
        (rf"{_DROP}\b{_GAP}\b{_GUIDE}\b(?! (?:on|i|we|from|for|in|of)\b)",),
        (r"\bsystem override\b",),
    ),
    (  # the same in other languages
        "ignore ignoriere ignorieren ignoriert ignorez ignora ignorate ignorad vergiss vergessen "
        "vergesst missachte missachten oublie oubliez tiens tenez olvida olvide olviden olvídate "
        "olvidate esqueça esquece dimentica забудь игнорируй 忽略 忘记 无视 無視",
        (),
        (
            r"(?:\bignor|\bvergiss|\bvergess|\bmissacht|\boublie|\btiens pas|\btenez pas|(?<!no )\bolv[ií]da|\besquec|\bdimentica)\w*.{0,40}?\b(?:anweisung|vorgabe|instruktion|regeln|schema|consignes?|règles|instruções|instrucciones|istruzioni|reglas|todo lo anterior|instructions (?:précéd|antér|ci-dessus))",
            r"\b(?:anweisungen|vorgaben|regeln) (?:ignorier|vergess|missacht)",
            r"(?:игнорируй|забудь).{0,40}(?:инструкц|правил)",
            r"(?:忽略|忘记|无视).{0,12}(?:指令|指示|说明|规则)",
            r"指示を(?:すべて)?無視",
        ),
    ),
    (  # makes somebody else of the reader
        "now mode jailbreak jailbroken act roleplay pretend reprogrammed ai llm gpt task role goal "
        "job objective directive purpose instruction instructions told rule rules",
        (
            r"(?:act|roleplay) as (?:if you (?:are|were|have)|an? (?:\w+ ){0,3}(?:assistant|ai|model|admin|root)\b)",
            rf"pretend (?:that )?(?:you (?:have no|are not|are free|are (?:an?|the) (?:\w+ )?{_AI})|to be (?:an? )?{_AI}\b)",
        ),
        (
            rf"\byou(?: are|'re) now (?:(?:an? |the )?(?:\w+ ){{0,3}}(?:{_AI}|assistant|bot|agent)\b|dan\b|in \w+ mode\b|free|unrestricted|jailbroken)",
            r"\b(?:enter|enable|activate|switch to) (?:developer|debug|god|admin) mode",
            r"\bjailbr(?:eak|oken)\b.{0,30}\b(?:mode|prompt|you)\b",
            r"\bdo anything now\b",
            r"\byou (?:have been|are|were) reprogrammed\b",
            rf"\bfrom now on,? (?:you (?:will|must|are to|should|shall|only|always)\b[^.!?\n]{{0,30}}\b{_CONTROL}\b|(?:always |only )?{_CONTROL}\b)",
            rf"\byou are an? {_AI},? (?:without|with no|that|who|and you|so)\b",
            r"\byour (?:new|real|only|actual|updated|true) (?:instructions?|task|role|goal|job|objective|directive|purpose) (?:is|are|:)",
            r"\byour instructions have (?:been )?changed",
            r"\b(?:than|over|from) (?:everything|anything|all|what) (?:that )?you (?:were|have been) told\b",
            rf"(?:^|\n|[.!#*\[]\s*)(?:new|updated) (?:system )?(?:instructions?\s*:|(?:task|rules?)\s*:\s*(?:you|always|never|all|every|customers?|{_CONTROL})\b)",
        ),
    ),
    (  # asks for what the reader was told
        "prompt prompts instructions message above",
        (
            r"(?:reveal|print|show|repeat|output|leak|tell me|display|write out|translate|list)\b[^.!?\n]{0,30}\b(?:hidden prompt|your (?:initial |hidden |original |system |secret |full )?(?:instructions|prompt)(?! (?:for|on|about|to|email|if|in)\b)|(?:everything|the text) above this)",
        ),
        (
            r"\b(?:your|the) (?:system|hidden|secret) prompt\b",
            r"\byour system message\b",
            r"\b(?:what|which|top|text|words?)\b[^.!?\n]{0,40}\byour prompt\b",
            r"\bwhat (?:were|are) your (?:exact |full |original )?instructions\?",
        ),
    ),
    (  # the marks of a chat template, of a role, or of our own fence
        "< [ { # system developer assistant admin customer user",
        (),
        (
            r"<\|[a-z_]+\|>",
            r"\[ ?/?inst ?\]",
            r"<</?sys>>",
            r"</?(?:system|instructions?|assistant|prompt|admin)(?:[_ ][a-z_]+)?>",
            r"\[\W*/?system(?: \w+)?\W*\]",
            r"#{2,} ?system\b",
            r"<!--\s*(?:ai|llm|system|assistant|note to)\b",
            r"\{[{%]-?\s*[#/]?(?:system|assistant)\b",
            r"\[end of (?:request|response|context|record)\b[^\]\n]*\]",
            r"\bassistant to=",
            r"\bbegin (?:system|admin) (?:message|prompt|instructions?)\b",
            r"\bend of (?:customer|user)(?:'s)? (?:text|message|input|request)\b",
            r"(?:^|\n)\W*system prompt\s*:",
            rf"(?:^|[\n.!?])\W*(?:system|developer|admin)(?: (?:message|override|note|prompt|update|notice))?\s*:\s*\W*(?:you\b|ignore\b|disregard\b|override\b|new\b|from now|always\b|never\b|do not|don't|the (?:assistant|model|ai)\b|this row|{_CONTROL}\b)",
            r"(?:^|\n)\W*assistant\s*:\s*(?:\{|sure\b|```|understood)",
        ),
    ),
    (  # speaks to the reader
        "ai ais llm llms gpt chatgpt claude gemini language annotator labeler labeller label extract "
        "extractor grader classifier parser summarizer summariser summarizes summarises summarize "
        "summarise summarizing summarising model automated assistant bot agent analyze analyse "
        "classify",
        (),
        (
            rf"\b(?:note|message|instructions?|attention|memo|reminder|hint|hello|dear|hey|important)[:,]? (?:(?:to|for) )?(?:the |any |all |every |whichever |an )?{_READER}\b(?:[^.!?\n]{{0,40}}[:,—-]|[^.!?\n]{{0,20}}\breading\b)",
            rf"\b(?:{_READER}|assistant|bot|agent|system) (?:that is |who is |that )?{_READS} (?:this|the (?:ticket|request|row|record|text|message))\b",
            rf"\bif you(?: are|'re|’re) (?:the |a |an )?(?:automated |{_READER}|bot\b)",
            rf"\bto (?:the|any|all|every|whichever) {_READER}\s*:",
            rf"\b{_AI}(?: (?:reviewers?|readers?|systems?|assistants?|agents?|graders?|instructions?))?\s*:\s*\W*\w",
            rf"\b{_AI}\b[^.!?\n]{{0,40}}(?:[,:]\s*(?:please )?|\byou (?:must|should|will|shall|have to) (?:now |always )?){_CONTROL}\b",
            rf"\bas an? {_AI}\b[^.!?\n]{{0,20}}\byou (?:must|shall|have to)\b",
            r"\b(?:whoever|when(?:ever)? you|while you|before you|if you) (?:are )?(?:summari[sz]|extract|annotat)\w*",
            r"\bdo not (?:analy[sz]e|extract|summari[sz]e|classify|label) (?:this|the) (?:request|text|ticket|message|record)\b",
        ),
    ),
    (  # says what the answer shall be
        "json { only exactly nothing just word field fields value values key keys classify label "
        "rate score categorize categorise tag evaluate grade",
        (
            r"(?:return|output|emit|produce|print|use|respond|answer|reply)\s+(?:with |in |as |only |just )*(?:the |this |a |exactly |only |instead |just )*(?:following |valid )?:?\s*(?:json|\{)",
            rf"(?:respond|answer|reply|output|return|print|write|say)\b[^.!?\n]{{0,12}}\b(?:only|exactly|nothing but|just)\b(?: with| the| this)*:? (?:(?:the )?(?:word|text|string|value|phrase)s?\b|{_QUOTE})",
            r"(?:respond|answer|reply|output|write) (?:with )?the (?:single |one )?word\b",
            r"(?:respond|answer|reply|output|print|write|say)\b[^.!?\n]{0,40}\b(?:and|with) nothing (?:else|more|but)\b",
            rf"{_CONTROL}\b[^.!?\n]{{0,24}}\b(?:in(?:to)? )?(?:every|each|all|any|all of the|each of the) (?:(?:one )?of (?:them|the fields)|(?:other )?(?:fields?|values?|keys?))\b[^.!?\n]{{0,24}}(?:\b(?:to|with|as|empty|blank|null)\b|[.!]|$)",
            rf"(?:always )?(?:classify|label|rate|score|categori[sz]e|tag|evaluate|grade) (?:this|the|every|it|all)\b[^.!?\n]{{0,30}}\b(?:as|with|at|to) (?:{_QUOTE}|the (?:highest|lowest|maximum|best)|an? (?:10|100|perfect)|10\b|100\b|positive\b|negative\b|solved\b|approved\b)",
        ),
        (
            r"\b(?:the|your) json (?:must|should|shall|has to|is to)\b",
            r"\bin (?:the|your) json\b.{0,30}\b(?:set|put|write|must)\b",
            r"\byour (?:answer|output|response|reply) (?:must|should|shall|has to|is to) (?:be|read|say|contain) (?:exactly|only|nothing|just|the (?:single |one |exact )?word)\b",
            r"\bleave (?:every|all) (?:the )?(?:fields?|values?) (?:empty|blank)",
            r"\b(?:every|each|all|the) (?:fields?|values?|keys?)\b[^.!?\n]{0,24}\b(?:must|should|shall|has to|needs to) (?:be|say|read|contain)\b[^.!?\n]{0,10}\b(?:only|exactly|the word)\b",
        ),
    ),
)
