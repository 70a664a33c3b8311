/** Times, numbers and names as text. */
import type { Row } from "./types";

/** A duration in seconds, short and of steady width: 0.4 s, 12 s, 3:07, 2:03:07, 4 d 02:03. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const value = Math.max(0, seconds);
  if (value < 0.0995) return `${Math.round(value * 1000)} ms`;
  if (value < 9.95) return `${value.toFixed(1)} s`;
  const whole = Math.floor(value);
  if (whole < 60) return `${whole} s`;
  const two = (part: number) => String(part).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  const hours = Math.floor(minutes / 60);
  if (hours === 0) return `${minutes}:${two(whole % 60)}`;
  if (hours < 24) return `${hours}:${two(minutes % 60)}:${two(whole % 60)}`;
  return `${Math.floor(hours / 24)} d ${two(hours % 24)}:${two(minutes % 60)}`;
}

/** A duration that ticks: no tenths, so that it does not flicker. */
export function uptime(seconds: number): string {
  return seconds < 60 ? `${Math.max(0, Math.floor(seconds))} s` : duration(seconds);
}

export function since(iso: string | null | undefined, now: number): number | null {
  if (!iso) return null;
  const at = Date.parse(iso);
  return Number.isNaN(at) ? null : (now - at) / 1000;
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const units = ["B", "KB", "MB", "GB", "TB"];
  let left = value;
  let unit = 0;
  while (left >= 1000 && unit < units.length - 1) {
    left /= 1000;
    unit++;
  }
  return `${left >= 100 || unit === 0 ? Math.round(left) : left.toFixed(1)} ${units[unit]}`;
}

/** 2/5, or 2/∞; nothing for a task that is never retried. */
export function retries(row: Pick<Row, "retryCount" | "maxRetry">): string {
  if (!row.maxRetry) return row.retryCount ? String(row.retryCount) : ""; // of what is over, only the count is known
  return `${row.retryCount}/${row.maxRetry < 0 ? "∞" : row.maxRetry}`;
}

/** The name of a task: what its author calls it, and its key if that says more than the id. */
export function nameOf(row: Pick<Row, "ownerType" | "key" | "id">): string {
  return row.key && row.key !== String(row.id) ? `${row.ownerType} ${row.key}` : row.ownerType;
}

/** The first line of a reason, without end. */
export function firstLine(text: string | null | undefined): string {
  return (text ?? "").split("\n", 1)[0] ?? "";
}

/** As much of a text as fits. */
export function cutTo(text: string, fits: (text: string) => boolean): string {
  if (fits(text)) return text;
  let cut = text;
  while (cut.length > 1 && !fits(`${cut}…`)) cut = cut.slice(0, -1);
  return `${cut.trimEnd()}…`;
}

/** As much of a name as fits: cut before its end, because that is where the keys of siblings differ. */
export function cutName(name: string, fits: (text: string) => boolean): string {
  for (let kept = name.length; kept > 3; kept--) {
    const cut = kept === name.length ? name : `${name.slice(0, Math.ceil(kept / 3))}…${name.slice(Math.ceil(kept / 3) - kept)}`;
    if (fits(cut)) return cut;
  }
  return cutTo(name, fits);
}

/** A line of a stack without the long way to an installed package: asyncio/tasks.py:649 in sleep. */
export function shortPlace(text: string): string {
  const installed = text.replace(/\S*site-packages[\\/]/g, "");
  return installed.replace(/(^|[\s"'(])(?:[A-Za-z]:)?[\\/](?:[^\\/\s]+[\\/])+([^\\/\s]+[\\/][^\\/\s]+)/g, "$1$2");
}

/** The file and line at the end of a path: decode.py:88. */
export function place(text: string | null | undefined): string {
  if (!text) return "";
  return text.split(/[\\/]/).pop() ?? "";
}
