// Bundles every widget of src/ into one self-contained module that anywidget loads from a blob URL.
// Code splitting stays off: a relative chunk cannot be resolved from such a URL. What only some rows need lies in
// src/late/; a widget asks Python for it when such a row is there (src/lib/late.ts).
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "src");
const target = process.env.REASONBOOK_STATIC ?? join(here, "..", "reasonbook", "widgets", "static");
export const LIMIT = 150_000; // bytes a bundle: anywidget sends it once per widget instance
export const LATE_LIMIT = 300_000; // bytes a late module: a page asks for it once

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

/** The licences of the packages that went into the bundles; they ask to be passed on with them. */
function licenses(inputs) {
  const folders = inputs.map((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  const texts = [...new Set(folders)]
    .filter((folder) => folder !== undefined)
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      const file = readdirSync(folder).find((entry) => /^(?:licen[cs]e|copying)/i.test(entry));
      const text = file === undefined ? "" : readFileSync(join(folder, file), "utf8").trim();
      return `${name} ${version} (${license})\n\n${text}\n`;
    });
  return texts.sort().join(`\n${"-".repeat(80)}\n\n`);
}

/** Names of the outputs that are too large or do not default-export what is called. */
export function faults(folder) {
  const found = [];
  for (const { name, limit } of outputs(folder)) {
    const size = statSync(join(folder, name)).size;
    if (size > limit) found.push(`${name} is ${size} bytes, the limit is ${limit}`);
    const exported = /export\{[^}]*\bas default\b|export default/;
    if (name.endsWith(".js") && !exported.test(readFileSync(join(folder, name), "utf8")))
      found.push(`${name} has no default export {initialize?, render}`);
  }
  return found;
}

/** What was built, with what each may weigh. */
function outputs(folder) {
  const late = join(folder, "late");
  const own = readdirSync(folder).filter((name) => name !== "late");
  return [
    ...own.map((name) => ({ name, limit: LIMIT })),
    ...(existsSync(late) ? readdirSync(late) : []).map((name) => ({ name: `late/${name}`, limit: LATE_LIMIT })),
  ];
}

/** Bundles all widgets into an empty folder, each with its style sheet, so that Python need not ask which have one. */
async function bundle(folder) {
  const widgets = entries();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const late = existsSync(join(source, "late")) ? entries(join(source, "late")) : [];
  const builds = [];
  if (widgets.length > 0) builds.push({ entryPoints: widgets, outdir: folder });
  if (late.length > 0) builds.push({ entryPoints: late, outdir: join(folder, "late") });
  const made = await Promise.all(builds.map((build) => esbuild.build({ ...options, ...build, metafile: true })));
  writeFileSync(join(folder, "LICENSES.txt"), licenses(made.flatMap(({ metafile }) => Object.keys(metafile.inputs))));
  for (const entry of widgets) {
    const css = join(folder, entry.slice(source.length + 1).replace(/\.ts$/, ".css"));
    if (!existsSync(css)) writeFileSync(css, "");
  }
}

async function main() {
  if (process.argv.includes("--watch")) {
    const context = await esbuild.context({
      ...options,
      entryPoints: [...entries(), ...entries(join(source, "late"))],
      outbase: source,
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
  const built = outputs(target)
    .map(({ name }) => name)
    .filter((name) => name.endsWith(".js"));
  for (const name of built) {
    const bytes = readFileSync(join(target, name));
    const mark = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
    console.log(`frontend: ${name} ${(bytes.length / 1000).toFixed(1)} kB ${mark}`);
  }
  if (built.length === 0) console.log("frontend: no widgets in src/");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
