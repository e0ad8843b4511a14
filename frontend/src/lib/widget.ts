// The shell of every widget: a root with theme and keys of its own, a link to Python, a line that says how it goes.

import { h, setText } from "./dom.ts";
import { keepKeys } from "./keyboard.ts";
import { CallError, KernelGone, Link, type LinkState, type Model } from "./rpc.ts";
import { followTheme, type Theme } from "./theme.ts";

export interface Stage {
  root: HTMLElement;
  link: Link;
  model: Model;
  signal: AbortSignal;
  /** Says that the kernel is busy, silent, lost, or that something was refused; put it where it does not move others. */
  badge: HTMLElement;
  /** Shows a refusal in the badge until the next one, or until it is clicked. */
  fail(error: unknown): void;
  /** Called when the host turns light or dark. */
  onTheme(listener: (theme: Theme) => void): void;
}

interface RenderProps {
  model: Model;
  el: HTMLElement;
  signal?: AbortSignal;
}

/**
 * Makes what anywidget loads: `export default defineWidget("sample-review", "Review of samples", mount)`.
 * `mount` fills the root; listeners take the stage's signal and so end with the view.
 */
export function defineWidget(name: string, label: string, mount: (stage: Stage) => void) {
  return {
    render({ model, el, signal: host }: RenderProps) {
      const ending = new AbortController();
      const { signal } = ending;
      const root = h("div", {
        class: `rb rb-${name}`,
        role: "region",
        "aria-label": label,
        tabindex: 0,
      });
      const themed = new Set<(theme: Theme) => void>();
      followTheme(root, signal, (theme) => {
        for (const listener of themed) listener(theme);
      });
      keepKeys(root, signal);
      const link = new Link(model, signal);
      const { badge, fail } = linkBadge(link);
      el.append(root);
      mount({ root, link, model, signal, badge, fail, onTheme: (listener) => themed.add(listener) });
      // Hosts hold on to the element of a view that is gone, and with it to all that stands in it.
      const end = () => {
        host?.removeEventListener("abort", end);
        ending.abort();
        root.remove();
        root.replaceChildren();
      };
      host?.addEventListener("abort", end, { once: true });
      return end;
    },
  };
}

/** What the badge says about the link; empty when all is well. */
export function linkText({ phase, queued }: LinkState): string {
  const edits = queued === 1 ? "1 edit" : `${queued} edits`;
  if (phase === "lost")
    return queued > 0
      ? `Kernel gone · ${edits} kept; run the cell again to send`
      : "Kernel gone · run the cell again to go on";
  if (phase === "unanswered")
    return queued > 0 ? `No answer yet · sending ${edits} again` : "No answer yet · asking again";
  if (phase === "busy") return queued > 0 ? `Kernel busy · ${edits} queued` : "Kernel busy";
  return "";
}

function linkBadge(link: Link) {
  const badge = h("span", { class: "rb-badge", role: "status", "aria-live": "polite" });
  let failure = "";
  const show = (state: LinkState) => {
    const text = state.phase === "lost" && state.queued === 0 && failure !== "" ? failure : linkText(state);
    badge.dataset.phase = text !== "" ? state.phase : failure !== "" ? "failed" : "ready";
    setText(badge, text || failure);
    badge.title = text || failure;
  };
  link.onState(show);
  badge.addEventListener("click", () => {
    failure = "";
    show(link.state);
  });
  const fail = (error: unknown) => {
    failure = failureText(error);
    show(link.state);
    if (error instanceof KernelGone) badge.animate({ opacity: [0.2, 1] }, 400); // the words may stand there already
  };
  return { badge, fail };
}

/** A refusal as one line: what happened, then what to do. */
export function failureText(error: unknown): string {
  if (error instanceof CallError) {
    const { problem, fix } = error.failure;
    return fix ? `${problem} → ${fix}` : problem;
  }
  return error instanceof Error ? error.message : String(error);
}
