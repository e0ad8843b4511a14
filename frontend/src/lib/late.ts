// Modules that only some rows need. A bundle from a blob URL can fetch nothing that lies beside it, so Python sends the
// module's text when it is asked, and the page imports that from a blob URL too: wherever a widget runs, so does this.

import type { Link } from "./rpc.ts";

/** src/late/reading.ts: Markdown with code, made harmless. */
export interface Reading {
  /** Markdown as nodes. Formulas come as `.rb-tex` with their source as text, for `mathml`. */
  markdown(source: string): DocumentFragment;
  /** MathML as nodes. */
  mathml(markup: string): DocumentFragment;
}

/** src/late/math.ts: LaTeX as MathML; throws where it is none. */
export interface TeX {
  mathml(source: string, display: boolean): string;
}

interface Modules {
  reading: Reading;
  math: TeX;
}

// One copy for all widgets on the page. The number goes up when a module's interface changes.
const page = globalThis as { __reasonbookLate1?: Partial<Modules> };
const here: Partial<Modules> = page.__reasonbookLate1 ?? {};
page.__reasonbookLate1 = here;
const asked = new WeakMap<Link, Map<keyof Modules, Promise<unknown>>>();

/** The module: the page's, else fetched over this link; asked for again where the kernel refused to answer. */
export function late<K extends keyof Modules>(link: Link, name: K): Promise<Modules[K]> {
  const known: Modules[K] | undefined = here[name];
  if (known !== undefined) return Promise.resolve(known);
  const mine = asked.get(link) ?? new Map<keyof Modules, Promise<unknown>>();
  asked.set(link, mine);
  const pending = mine.get(name) as Promise<Modules[K]> | undefined;
  if (pending !== undefined) return pending;
  const text = link.call<string>("late_module", { name });
  text.catch(() => mine.delete(name)); // but not where the page forbids to import it: it would forbid that again
  const module = text.then(async (source) => {
    here[name] ??= await run<Modules[K]>(source);
    return here[name] as Modules[K];
  });
  mine.set(name, module);
  return module;
}

async function run<T>(text: string): Promise<T> {
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  try {
    return ((await import(url)) as { default: T }).default;
  } finally {
    URL.revokeObjectURL(url);
  }
}
