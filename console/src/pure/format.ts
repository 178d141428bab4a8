// Numbers, sizes, times and texts as people read them. Pure.

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A count: whole, with separators. */
export function count(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? "–" : grouped.format(value);
}

/** A rate or other magnitude, to three significant digits. */
export function short(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  for (const [unit, name] of [[1e9, "G"], [1e6, "M"], [1e4, "k"]] as const) {
    if (size >= unit) return digits(value / (name === "k" ? 1e3 : unit)) + name;
  }
  return size >= 1000 ? grouped.format(value) : digits(value);
}

function digits(value: number): string {
  const size = Math.abs(value);
  const places = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  const text = value.toFixed(places);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** Bytes in powers of 1024. */
export function bytes(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "–";
  let [size, unit] = [value, 0];
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  while (Math.abs(size) >= 1024 && unit < units.length - 1) [size, unit] = [size / 1024, unit + 1];
  return `${digits(size)} ${units[unit]}`;
}

/** How long, from milliseconds: the two largest units. */
export function duration(ms: number | undefined): string {
  if (ms === undefined || !Number.isFinite(ms)) return "–";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${digits(ms / 1000)} s`;
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return hours > 0 ? `${days} d ${hours} h` : `${days} d`;
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  return seconds % 60 > 0 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
}

const two = (value: number) => String(value).padStart(2, "0");

/** A moment in local time; `seconds` since the epoch, as the services give it. */
export function moment(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return "–";
  const at = new Date(seconds * 1000);
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** The time of day, to the millisecond. */
export function clock(seconds: number): string {
  const at = new Date(seconds * 1000);
  const ms = String(at.getMilliseconds()).padStart(3, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`;
}

/** `shardId-000000000012` without what all have in common. */
export function shard(id: string): string {
  const number = /^shardId-0*(\d+)$/.exec(id);
  return number ? `#${number[1]}` : id;
}

/** A text of at most `length` characters. */
export function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/** Text without what would move or colour anything: control and direction characters become visible. */
export function visible(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, (found) => {
    const code = found.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "␡" : "\ufffd";
  });
}
