"""Text that a hostile model, row or file could hold; where any of it runs, `window.__ran` is set.

What it would fetch is named `canary`, so that a request for it is known wherever it goes.
"""

from __future__ import annotations

HTML = (
    "<img src=canary onerror=\"window.__ran='img'\">",
    "<script>window.__ran='script'</script>",
    "<svg onload=\"window.__ran='svg'\"><circle r=9></svg>",
    "\"><img src=canary onerror=window.__ran='attribute'>",
    "' onmouseover=window.__ran='quote' x='",
    "javascript:window.__ran='url'",
    "<iframe srcdoc=\"<script>parent.__ran='iframe'</script>\"></iframe>",
    "<math><mtext></table><mglyph><style><img src=canary onerror=window.__ran='math'>",
    "<details open ontoggle=\"window.__ran='toggle'\">x</details>",
    "<style>*{background:url(javascript:window.__ran='css')}</style>",
    "</textarea><img src=canary onerror=window.__ran='textarea'>",
    "${window.__ran='template'} {{window.__ran='mustache'}}",
    "<a href=\"javascript:window.__ran='href'\" autofocus onfocus=\"window.__ran='focus'\">x</a>",
    "\u202e<img src=canary onerror=window.__ran='rtl'>\u0000\u2028",
    "<svg><animate onbegin=window.__ran='animate' attributeName=x dur=1s>",
    "<svg><use href=\"data:image/svg+xml,<svg id='x' onload='window.__ran=1'/>#x\"></svg>",
    "<math href=\"javascript:window.__ran='mathhref'\"><mi>x</mi></math>",
    "<math><annotation-xml encoding='text/html'><img src=canary onerror=window.__ran='xml'></annotation-xml></math>",
    "<form><math><mtext></form><form><mglyph><style></math><img src=canary onerror=window.__ran='mxss'>",
    "<svg></p><style><a id=\"</style><img src=canary onerror=window.__ran='style'>\">",
    "<noscript><p title=\"</noscript><img src=canary onerror=window.__ran='noscript'>\">",
    "<object data=canary.html></object><embed src=canary.swf>",
    "<link rel=stylesheet href=http://canary.invalid/a.css><meta http-equiv=refresh content='0;url=http://canary.invalid'>",
    "<base href=http://canary.invalid/><input autofocus onfocus=window.__ran='input'>",
    "<video src=http://canary.invalid/v poster=http://canary.invalid/p onerror=window.__ran='video'></video>",
    "<div style=\"background:url(http://canary.invalid/b)\" onclick=window.__ran='div'>x</div>",
    "<ſcript>window.__ran='long s'</ſcript><ıMG src=canary onerror=window.__ran='dotless'>",
    "\uff1cimg src=canary onerror=window.__ran='fullwidth'\uff1e",
)  # fmt: skip
MARKDOWN = (
    "[click **me**](javascript:window.__ran='md')",
    "[click](JaVaScRiPt:window.__ran='case')",
    "[click](  javascript:window.__ran='blank')",
    "[click](java\nscript:window.__ran='newline')",
    "[click](&#106;avascript:window.__ran='entity')",
    "[click](&#x6A;&#x61;vascript&colon;window.__ran='colon')",
    "[click](\x01javascript:window.__ran='control')",
    "[click](data:text/html;base64,PHNjcmlwdD53aW5kb3cuX19yYW49MTwvc2NyaXB0Pg==)",
    "[click](vbscript:window.__ran='vb')",
    "[click](//canary.invalid/scheme-relative)",
    "[click](file:///etc/canary)",
    "[click](blob:http://canary.invalid/1)",
    "[click](https://canary.invalid/ \"x\" onmouseover=window.__ran='title')",
    '[click](https://canary.invalid/"onmouseover="window.__ran=1")',
    "<javascript:window.__ran='autolink'>",
    "![x](http://canary.invalid/pixel.png)",
    "![x](canary.png 'a' onerror=window.__ran='image')",
    "![x](data:image/svg+xml,<svg/onload=window.__ran=1>)",
    "![\"onerror=\"window.__ran='alt'](canary)",
    "[![x](http://canary.invalid/i.png)](javascript:window.__ran='nested')",
    "[x]: javascript:window.__ran='reference'\n\n**[x]** and ![y][x]",
    "[ref]: http://canary.invalid/r.png\n\n![ref]",
    "```<img src=canary onerror=window.__ran='info'>\ncode\n```",
    "```html\n<img src=canary onerror=window.__ran='fence'><script>window.__ran=1</script>\n```",
    "```python\" onload=\"window.__ran='language'\nx = '</code></pre><img src=canary onerror=window.__ran=2>'\n```",
    "`<img src=canary onerror=window.__ran='code'>`",
    "| a |\n|--|\n| <img src=canary onerror=window.__ran='cell'> |",
    "> <script>window.__ran='quote'</script>\n\n- <svg/onload=window.__ran='item'>",
    "# <img src=canary onerror=window.__ran='heading'>",
    "**bold <b onmouseover=window.__ran='b'>x</b>** &lt;img src=canary onerror=window.__ran=1&gt;",
)  # fmt: skip
LATEX = (
    r"$$\href{javascript:window.__ran='latex'}{x}$$",
    r"$$\url{javascript:window.__ran='texurl'}$$",
    r"$$\includegraphics[height=1em]{http://canary.invalid/tex.png}$$",
    r"$$\class{x\" onmouseover=\"window.__ran='class'}{x}$$",
    r"$$\style{background:url(http://canary.invalid/style)}{x}$$",
    r"$$\id{x\" onload=\"window.__ran='id'}{x}$$",
    r"$$\data{onload=window.__ran='data'}{x}$$",
    r"$$\text{<img src=canary onerror=window.__ran='text'>}$$",
    r"$$\color{red\" style=\"background:url(http://canary.invalid/c)}{x}$$",
    r"$$\unicode{<script>window.__ran='unicode'</script>}$$",
    r"\(\def\x{\x\x}\x\) and \[\rule{9999999em}{9999999em}\]",
    r"$\operatorname{<svg onload=window.__ran='operator'>}_x$",
)
TOOLS = (
    '<tool_call>{"name": "<img src=canary onerror=window.__ran=1>", "arguments": {"<script>window.__ran=2</script>":'
    ' "javascript:window.__ran=3"}}</tool_call>',
    "<tool_response>![x](http://canary.invalid/t.png)</tool_response>",
    '{"__proto__": {"onload": "window.__ran=1"}, "<img src=canary onerror=window.__ran=2>": ["<svg onload=__ran=3>"]}',
)  # fmt: skip
PAYLOADS = (*HTML, *MARKDOWN, *LATEX, *TOOLS)
HOSTILE = "  ".join(HTML)  # one text
BLOCKS = "\n\n".join(PAYLOADS)  # one text whose parts are read one by one


def nothing_ran(page) -> bool:
    """Whether no payload ran, became an element of a widget or card, or left something there that could still run."""
    found = page.evaluate(
        r"""() => {
          const forbidden = 'script, iframe, img, object, embed, style, link, meta, base, form, video, audio, .rb svg';
          const bad = (element) => element.matches(forbidden)
            || (element.closest('math') !== null && element.closest('.rb-tex') === null)
            || [...element.attributes].some(({name, value}) => /^on/i.test(name)
              || (/^(?:href|src|xlink:href|action|formaction|data)$/i.test(name) && !/^(?:https?|mailto):/i.test(value))
              || (name === 'style' && /url\s*\(|expression/i.test(value)));
          const left = [...document.querySelectorAll('.rb *, .rb-card *')].filter(bad);
          return [...(window.__ran === undefined ? [] : [`ran: ${window.__ran}`]),
            ...left.map((element) => element.outerHTML.slice(0, 200))];
        }"""
    )
    assert not found, "\n".join(found)
    return True
