// Word by word: what a person or a teacher changed in a text.

export type Part = { kind: "same" | "gone" | "new"; text: string };

const MOST = 1200; // edits looked for; beyond that the middle is shown as replaced as a whole

/** Splits into words, spaces and single marks, so that a changed comma does not repaint a word. */
export function tokens(text: string): string[] {
  return text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];
}

/** The parts of both texts in reading order; joining "same" and "gone" gives the old one, "same" and "new" the new. */
export function diff(before: string, after: string): Part[] {
  if (before === after) return before === "" ? [] : [{ kind: "same", text: before }];
  const old = tokens(before);
  const now = tokens(after);
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  let tail = 0;
  while (
    tail < old.length - head &&
    tail < now.length - head &&
    old[old.length - 1 - tail] === now[now.length - 1 - tail]
  )
    tail++;
  const middle = walk(old.slice(head, old.length - tail), now.slice(head, now.length - tail));
  return joined([
    { kind: "same", text: old.slice(0, head).join("") },
    ...middle,
    { kind: "same", text: old.slice(old.length - tail).join("") },
  ]);
}

/** Myers' shortest edit script: furthest reach per diagonal, round by round, then back along the trace. */
function walk(old: string[], now: string[]): Part[] {
  const whole: Part[] = [
    { kind: "gone", text: old.join("") },
    { kind: "new", text: now.join("") },
  ];
  if (old.length === 0 || now.length === 0) return whole;
  const limit = Math.min(old.length + now.length, MOST);
  const offset = limit + 1;
  const reach = new Int32Array(2 * offset + 1);
  const trace: Int32Array[] = [];
  for (let edits = 0; edits <= limit; edits++) {
    trace.push(reach.slice(offset - edits - 1, offset + edits + 2));
    for (let k = -edits; k <= edits; k += 2) {
      const down = k === -edits || (k !== edits && at(reach, offset + k - 1) < at(reach, offset + k + 1));
      let x = down ? at(reach, offset + k + 1) : at(reach, offset + k - 1) + 1;
      while (x < old.length && x - k < now.length && old[x] === now[x - k]) x++;
      reach[offset + k] = x;
      if (x >= old.length && x - k >= now.length) return back(old, now, trace, edits);
    }
  }
  return whole;
}

function back(old: string[], now: string[], trace: Int32Array[], edits: number): Part[] {
  const parts: Part[] = [];
  let x = old.length;
  let y = now.length;
  for (let d = edits; d > 0; d--) {
    const row = trace[d] as Int32Array;
    const middle = d + 1;
    const k = x - y;
    const down = k === -d || (k !== d && at(row, middle + k - 1) < at(row, middle + k + 1));
    const previous = down ? k + 1 : k - 1;
    const fromX = at(row, middle + previous);
    const fromY = fromX - previous;
    const snake = down ? fromX : fromX + 1; // after the one edit, equal words up to here
    while (x > snake) parts.push({ kind: "same", text: old[--x] as string });
    parts.push(down ? { kind: "new", text: now[fromY] as string } : { kind: "gone", text: old[fromX] as string });
    x = fromX;
    y = fromY;
  }
  while (x > 0) parts.push({ kind: "same", text: old[--x] as string });
  return parts.reverse();
}

function at(row: Int32Array, index: number): number {
  return row[index] ?? 0;
}

/** Joins neighbours of a kind, and puts what is gone before what is new where they stand together. */
function joined(parts: Part[]): Part[] {
  const out: Part[] = [];
  let gone = "";
  let fresh = "";
  const flush = () => {
    if (gone !== "") out.push({ kind: "gone", text: gone });
    if (fresh !== "") out.push({ kind: "new", text: fresh });
    gone = fresh = "";
  };
  for (const [index, part] of parts.entries()) {
    if (part.kind === "gone") gone += part.text;
    else if (part.kind === "new") fresh += part.text;
    else if (part.text !== "") {
      // A lone space between two changes would only break them up.
      const next = parts[index + 1];
      if (gone !== "" && fresh !== "" && next !== undefined && next.kind !== "same" && /^\s+$/.test(part.text)) {
        gone += part.text;
        fresh += part.text;
        continue;
      }
      flush();
      const last = out[out.length - 1];
      if (last?.kind === "same") last.text += part.text;
      else out.push({ ...part });
    }
  }
  flush();
  return out;
}
