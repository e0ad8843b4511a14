// Whether the host is light or dark, as an attribute that the style sheets and canvases go by.

export type Theme = "light" | "dark";

/** Reads the host's theme: JupyterLab, VS Code, Colab and marimo each say it in their own way. */
export function hostTheme(): Theme {
  const { body, documentElement: page } = document;
  const jupyter = body.dataset.jpThemeLight;
  if (jupyter !== undefined) return jupyter === "false" ? "dark" : "light";
  const kind = body.dataset.vscodeThemeKind ?? "";
  if (kind !== "") return kind.includes("light") ? "light" : "dark";
  const said = page.getAttribute("theme") ?? page.dataset.theme ?? "";
  if (said === "dark" || page.classList.contains("dark") || body.classList.contains("dark")) return "dark";
  if (said === "light" || page.classList.contains("light") || body.classList.contains("light")) return "light";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Keeps `data-rb-theme` on the root in step with the host; `changed` lets a canvas paint anew. */
export function followTheme(root: HTMLElement, signal: AbortSignal, changed?: (theme: Theme) => void): void {
  const apply = () => {
    const theme = hostTheme();
    if (root.dataset.rbTheme === theme) return;
    const first = root.dataset.rbTheme === undefined;
    root.dataset.rbTheme = theme;
    if (!first) changed?.(theme);
  };
  apply();
  const watch = new MutationObserver(apply);
  const names = ["class", "theme", "data-theme", "data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind"];
  for (const node of [document.body, document.documentElement])
    watch.observe(node, { attributes: true, attributeFilter: names });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", apply, { signal });
  signal.addEventListener("abort", () => watch.disconnect());
}

/** The colour that a custom property has on this element, as a canvas needs it. */
export function colour(element: Element, name: string): string {
  const probe = document.createElement("span");
  probe.style.cssText = `display:none;color:var(${name})`;
  element.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
