// Bundles every widget of src/ into one self-contained module that anywidget loads from a blob URL.
// Code splitting stays off: a relative chunk cannot be resolved from such a URL.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "src");
const target = process.env.REASONBOOK_STATIC ?? join(here, "..", "reasonbook", "widgets", "static");
export const LIMIT = 150_000; // bytes a bundle: anywidget sends it once per widget instance

/** Every `src/NAME.ts` is a widget; shared code lives in folders below, tests end in `.test.ts`. */
export function entries(folder = source) {
  return readdirSync(folder)
    .filter((name) => /^[a-z][a-z0-9_]*\.ts$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

export const options = {
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "utf8",
  legalComments: "none",
  splitting: false,
  define: { "define.amd": "false", "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
};

/** Names of the outputs that are too large or do not default-export what anywidget calls. */
export function faults(folder) {
  const found = [];
  for (const name of readdirSync(folder)) {
    const size = statSync(join(folder, name)).size;
    if (size > LIMIT) found.push(`${name} is ${size} bytes, the limit is ${LIMIT}`);
    const exported = /export\{[^}]*\bas default\b|export default/;
    if (name.endsWith(".js") && !exported.test(readFileSync(join(folder, name), "utf8")))
      found.push(`${name} has no default export {initialize?, render}`);
  }
  return found;
}

/** Bundles all widgets into an empty folder, each with its style sheet, so that Python need not ask which have one. */
async function bundle(folder) {
  const widgets = entries();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (widgets.length > 0) await esbuild.build({ ...options, entryPoints: widgets, outdir: folder });
  for (const entry of widgets) {
    const css = join(folder, entry.slice(source.length + 1).replace(/\.ts$/, ".css"));
    if (!existsSync(css)) writeFileSync(css, "");
  }
}

async function main() {
  if (process.argv.includes("--watch")) {
    const context = await esbuild.context({
      ...options,
      entryPoints: entries(),
      outdir: target,
      logLevel: "info",
    });
    await context.watch();
    return;
  }
  const fresh = `${target}.new`;
  await bundle(fresh);
  const wrong = faults(fresh);
  if (wrong.length > 0) {
    rmSync(fresh, { recursive: true, force: true });
    console.error(`frontend: ${wrong.join("; ")}`);
    process.exit(1);
  }
  // Swapped only when whole, so that a kernel which starts meanwhile never reads half a bundle.
  rmSync(target, { recursive: true, force: true });
  renameSync(fresh, target);
  const built = readdirSync(target).filter((name) => name.endsWith(".js"));
  for (const name of built) {
    const bytes = readFileSync(join(target, name));
    const mark = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
    console.log(`frontend: ${name} ${(bytes.length / 1000).toFixed(1)} kB ${mark}`);
  }
  if (built.length === 0) console.log("frontend: no widgets in src/");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
