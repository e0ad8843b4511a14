// Where an axis is marked and how its numbers read.

/** Marks of a log axis: 1-2-5 a decade where few decades are shown, else whole decades. */
export function logMarks(low: number, high: number): number[] {
  if (!(low > 0) || !(high > low)) return [];
  const decades = Math.log10(high / low);
  const factors = decades > 3 ? [1] : decades > 1.3 ? [1, 3] : [1, 2, 3, 5, 7];
  const every = Math.max(1, Math.ceil(decades / 6));
  const marks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
    if (decades > 3 && power % every !== 0) continue;
    for (const factor of factors) {
      const mark = Number((factor * 10 ** power).toPrecision(3));
      if (mark >= low && mark <= high) marks.push(mark);
    }
  }
  return marks;
}

/** A number with at most `digits` figures that matter: 0.5, 2e-4, 12.5k, 3.1M. */
export function brief(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-3) {
    const [mantissa, power] = value.toExponential(digits - 1).split("e") as [string, string];
    return `${strip(mantissa)}e${Number(power)}`;
  }
  for (const [unit, sign] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e4, "k"],
  ] as const) {
    if (size >= unit) return strip((value / (unit === 1e4 ? 1e3 : unit)).toPrecision(digits)) + sign;
  }
  if (size >= 10 ** digits) return String(Math.round(value));
  return strip(value.toPrecision(digits));
}

/** Bytes as the person's system monitor shows them. */
export function bytes(value: number): string {
  if (!Number.isFinite(value)) return "–";
  for (const [unit, sign] of [
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
  ] as const) {
    if (Math.abs(value) >= unit) return `${strip((value / unit).toPrecision(3))} ${sign}`;
  }
  return `${Math.round(value)} B`;
}

/** Marks of an axis of bytes: round in MiB or GiB, which are not round in bytes. */
export function byteMarks(low: number, high: number, most = 4): number[] {
  if (!(high > low)) return [];
  const unit = high >= 2 ** 30 ? 2 ** 30 : high >= 2 ** 20 ? 2 ** 20 : high >= 2 ** 10 ? 2 ** 10 : 1;
  const raw = (high - low) / unit / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= raw) as number) * unit;
  const marks: number[] = [];
  for (let at = Math.ceil(low / step); at * step <= high; at++) marks.push(at * step);
  return marks;
}

function strip(text: string): string {
  return text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
}
