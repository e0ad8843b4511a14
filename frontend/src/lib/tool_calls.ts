// Calls of tools and what they gave back, as Python sends them or as a student writes them into its text.

/** What Python sends; see reasonbook/widgets/messages.py. */
export interface ToolCall {
  name: string;
  arguments: string;
  id: string;
}

export interface Message {
  role: string;
  text: string;
  calls: ToolCall[];
  /** The tool whose result this is; "" for what is none, or where the data does not say. */
  tool: string;
}

export type Piece = { text: string } | { call: ToolCall } | { result: string };

// How most open students write them (Hermes, Qwen, and others): JSON between tags. What is spelled otherwise stays text.
const OPENS = /<(tool_call|tool_response)>/g;

/** A text in pieces: what is said, and the calls and results that are written in it. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const { 0: opening, 1: tag, index } of text.matchAll(OPENS)) {
    const start = index + opening.length;
    const end = text.indexOf(`</${tag}>`, start);
    if (end < 0) break;
    if (index < from) continue;
    const inside = text.slice(start, end).trim();
    const piece: Piece | undefined = tag === "tool_call" ? readCall(inside) : { result: inside };
    if (piece === undefined) continue;
    if (text.slice(from, index).trim() !== "") found.push({ text: text.slice(from, index) });
    found.push(piece);
    from = end + `</${tag}>`.length;
  }
  if (found.length === 0 || text.slice(from).trim() !== "") found.push({ text: text.slice(from) });
  return found;
}

/** The call in `{"name": …, "arguments": {…}}`; undefined where it says more or less than that. */
function readCall(text: string): Piece | undefined {
  const match = /^\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"(?:arguments|parameters)"\s*:\s*([\s\S]*)\}$/.exec(text);
  if (match === null) return undefined;
  try {
    JSON.parse(text);
    const given = (match[2] as string).trim();
    JSON.parse(given); // there is nothing behind them
    return { call: { name: JSON.parse(match[1] as string) as string, arguments: given, id: "" } };
  } catch {
    return undefined;
  }
}
