// Markdown from a model or a data set as nodes: no HTML of its own, no picture, only links that a person clicks.

import DOMPurify from "dompurify";
import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import c from "highlight.js/lib/languages/c";
import cpp from "highlight.js/lib/languages/cpp";
import csharp from "highlight.js/lib/languages/csharp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import kotlin from "highlight.js/lib/languages/kotlin";
import markdown from "highlight.js/lib/languages/markdown";
import php from "highlight.js/lib/languages/php";
import python from "highlight.js/lib/languages/python";
import r from "highlight.js/lib/languages/r";
import ruby from "highlight.js/lib/languages/ruby";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import swift from "highlight.js/lib/languages/swift";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import MarkdownIt from "markdown-it";
import type { Reading } from "../lib/late.ts";
import { formulas } from "./reading/formulas.ts";

const LANGUAGES = {
  ...{ bash, c, cpp, csharp, css, diff, go, ini, java, javascript, json, kotlin, markdown },
  ...{ php, python, r, ruby, rust, sql, swift, typescript, xml, yaml },
};
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language);

const LINKS = /^(?:https?|mailto):/i;
const MOST_CODE = 20_000; // characters that are coloured

const md = new MarkdownIt({ html: false, linkify: false, breaks: true });
const { escapeHtml } = md.utils;
// Four spaces are an indent and a line of dashes is one, in text that nobody wrote as Markdown.
md.disable(["code", "lheading"]).use(formulas);
md.validateLink = (url) => LINKS.test(url.trim());
md.renderer.rules.fence = (tokens, at) => {
  const { content, info } = tokens[at] as { content: string; info: string };
  const language = (info.trim().split(/\s/)[0] ?? "").toLowerCase();
  const known = hljs.getLanguage(language) !== undefined && content.length <= MOST_CODE;
  const body = known ? hljs.highlight(content, { language, ignoreIllegals: true }).value : escapeHtml(content);
  const label = language === "" ? "" : `<span class="rb-code-name">${escapeHtml(language)}</span>`;
  return `<pre class="rb-code">${label}<code>${body}</code></pre>\n`;
};
// A picture is not fetched: who put it there would learn that the row was read.
md.renderer.rules.image = (tokens, at) => {
  const token = tokens[at] as (typeof tokens)[number];
  const words = escapeHtml(`[picture: ${token.content || "without a name"}]`);
  const from = String(token.attrGet("src") ?? "");
  return LINKS.test(from) ? `<a href="${escapeHtml(from)}">${words}</a>` : words;
};

const TEXT = {
  ALLOWED_TAGS: [
    ...["p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "em", "strong", "s", "code", "pre", "blockquote"],
    ...["ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "a", "span"],
  ],
  ALLOWED_ATTR: ["class", "href", "start"],
  ALLOWED_URI_REGEXP: LINKS,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true as const,
};
const MATH = {
  USE_PROFILES: { mathMl: true },
  ADD_ATTR: ["columnalign", "columnspacing", "rowspacing", "class", "style"],
  FORBID_ATTR: ["href", "src", "xlink:href", "id", "name", "actiontype", "background"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true as const,
};
const STYLE =
  /^(?:(?:color|padding|margin|width|height|border|text-align|math-(?:style|depth)|font-size|min-width|vertical-align|display)[-a-z]*:[-#.,%()\w\s]*;?\s*)*$/;

// A sanitiser of our own, so that hooks of other packages on the page do not run in it, nor ours in theirs.
const purify = DOMPurify(window);
purify.addHook("uponSanitizeAttribute", (_node, said) => {
  if (said.attrName === "class")
    said.attrValue = said.attrValue
      .split(" ")
      .filter((name) => /^(?:hljs-|rb-tex|rb-code|tml-)/.test(name))
      .join(" ");
  if (said.attrName === "style") said.keepAttr = STYLE.test(said.attrValue) && !/url|expression/i.test(said.attrValue);
});
purify.addHook("afterSanitizeAttributes", (node) => {
  const tag = node.nodeName.toLowerCase();
  if (tag === "a") {
    node.setAttribute("rel", "noopener noreferrer nofollow");
    node.setAttribute("target", "_blank");
    node.setAttribute("referrerpolicy", "no-referrer");
    node.setAttribute("title", node.getAttribute("href") ?? "");
  } else if (["p", "li", "ul", "ol", "th", "td", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6"].includes(tag)) {
    node.setAttribute("dir", "auto");
  } else if (tag === "pre") {
    node.setAttribute("dir", "ltr");
    node.setAttribute("tabindex", "0"); // it scrolls sideways
  }
});

export default {
  markdown: (source) => purify.sanitize(md.render(source), TEXT),
  mathml: (markup) => purify.sanitize(markup, MATH),
} satisfies Reading;
