"""Text that a hostile model, row or file could hold; where any of it runs, `window.__ran` is set."""

from __future__ import annotations

PAYLOADS = (
    "<img src=x onerror=\"window.__ran='img'\">",
    "<script>window.__ran='script'</script>",
    "<svg onload=\"window.__ran='svg'\"><circle r=9></svg>",
    "\"><img src=x onerror=window.__ran='attribute'>",
    "' onmouseover=window.__ran='quote' x='",
    "javascript:window.__ran='url'",
    "<iframe srcdoc=\"<script>parent.__ran='iframe'</script>\"></iframe>",
    "<math><mtext></table><mglyph><style><img src=x onerror=window.__ran='math'>",
    "<details open ontoggle=\"window.__ran='toggle'\">x</details>",
    "<style>*{background:url(javascript:window.__ran='css')}</style>",
    "</textarea><img src=x onerror=window.__ran='textarea'>",
    "${window.__ran='template'} {{window.__ran='mustache'}}",
    "<a href=\"javascript:window.__ran='href'\" autofocus onfocus=\"window.__ran='focus'\">x</a>",
    "\u202e<img src=x onerror=window.__ran='rtl'>\u0000\u2028",
    "$$\\href{javascript:window.__ran='latex'}{x}$$",
)
HOSTILE = "  ".join(PAYLOADS)


def nothing_ran(page) -> bool:
    """Whether no payload ran and none became an element of a widget."""
    return page.evaluate(
        """() => window.__ran === undefined && document.querySelector(
          '.rb :is(script, iframe, img, object, embed, math, style, a[href^=javascript])') === null"""
    )
