// Numbers and words as a person reads them; the Python cards use the same forms.

/** 950 → "950", 12 345 → "12.3k", 4 200 000 → "4.2M". */
export function compact(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size < 999.5) return String(Math.round(value));
  const [divisor, unit] = size < 999_500 ? [1e3, "k"] : size < 999.5e6 ? [1e6, "M"] : [1e9, "G"];
  const scaled = value / divisor;
  return (Math.abs(scaled) < 99.95 ? scaled.toFixed(1).replace(/\.0$/, "") : scaled.toFixed(0)) + unit;
}

/** Seconds → "8 s", "3:07", "1:02:03". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "–";
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (part: number) => String(part).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** 0.1234 → "12.3 %". */
export function percent(share: number): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(1).replace(/\.0$/, "")} %` : "–";
}

/** Dollars, with more digits where the sum is small: "$0.0042", "$3.10". */
export function money(dollars: number): string {
  if (!Number.isFinite(dollars)) return "–";
  if (dollars === 0) return "$0";
  return `$${dollars.toFixed(Math.abs(dollars) < 0.1 ? 4 : 2)}`;
}

/** "undo" → "Undo". */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
