// A record's bytes as something to read. Pure, but for the browser's own gzip.
import { visible } from "./format";
import { deaggregate } from "./kpl";

export type View = "auto" | "text" | "json" | "hex" | "gzip" | "kpl";
export const VIEWS: View[] = ["auto", "text", "json", "hex", "gzip", "kpl"];

/** Bytes unpacked at most: a small record can unfold to very much. */
const MAX_UNPACKED_BYTES = 4 << 20;
/** Bytes shown as hex. */
const MAX_HEX_BYTES = 64 << 10;

/** The bytes that base64 stands for. */
export function fromBase64(text: string): Uint8Array {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at++) bytes[at] = raw.charCodeAt(at);
  return bytes;
}

export function toBase64(bytes: Uint8Array): string {
  let raw = "";
  for (let at = 0; at < bytes.length; at += 8192) raw += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(raw);
}

/** The text in UTF-8, or nothing if the bytes are none or hold control characters that no text has. */
export function asText(bytes: Uint8Array, isCut = false): string | undefined {
  try {
    // A cut may go through a character; the rest of it is then awaited, not missed.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: isCut });
    return /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Offsets, bytes and characters, sixteen a line. */
export function hex(bytes: Uint8Array): string {
  const lines: string[] = [];
  const end = Math.min(bytes.length, MAX_HEX_BYTES);
  for (let at = 0; at < end; at += 16) {
    const row = [...bytes.subarray(at, Math.min(at + 16, end))];
    const digits = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ").padEnd(47);
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${digits}  ${text}`);
  }
  if (end < bytes.length) lines.push(`… ${bytes.length - end} more bytes`);
  return lines.join("\n");
}

export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length > 18 && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

/** What gzip packed, as far as there is room for it. Throws if it is damaged; of what is cut, gives what can be unpacked. */
export async function gunzip(bytes: Uint8Array, isCut = false): Promise<{ bytes: Uint8Array; cut: boolean }> {
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream("gzip"));
  const reader = stream.getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      if (isCut && length > 0) return { done: true as const, value: undefined };
      throw error;
    });
    if (done) break;
    pieces.push(value);
    length += value.length;
    if (length > MAX_UNPACKED_BYTES) {
      await reader.cancel();
      break;
    }
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return { bytes: all, cut: isCut || length > MAX_UNPACKED_BYTES };
}

/** What is shown of a record, and as what. */
export interface Shown {
  as: Exclude<View, "auto">;
  text: string;
  /** What is wrong with it, or left out. */
  note?: string;
}

/** Indented, if it is JSON. Numbers stay as they are written. */
export function prettyJson(text: string): string | undefined {
  const start = text.trimStart()[0];
  if (start !== "{" && start !== "[") return undefined;
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  return indent(text);
}

/** JSON laid out anew, token by token. */
function indent(text: string): string {
  let [out, depth, at] = ["", 0, 0];
  const line = () => `\n${"  ".repeat(depth)}`;
  while (at < text.length) {
    const character = text[at]!;
    if (character === '"') {
      const begin = at++;
      while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
      out += text.slice(begin, ++at);
      continue;
    }
    at++;
    if (/\s/.test(character)) continue;
    if (character === "{" || character === "[") {
      const close = character === "{" ? "}" : "]";
      while (/\s/.test(text[at] ?? "")) at++;
      if (text[at] === close) {
        out += character + close;
        at++;
      } else {
        depth++;
        out += character + line();
      }
    } else if (character === "}" || character === "]") {
      depth--;
      out += line() + character;
    } else {
      out += character === "," ? `,${line()}` : character === ":" ? ": " : character;
    }
  }
  return out;
}

/** A record's bytes – or the first of them – in the form asked for, or in the one that fits. */
export async function show(bytes: Uint8Array, view: View, isCut = false): Promise<Shown> {
  if (view === "hex") return { as: "hex", text: hex(bytes) };
  const records = view === "auto" || view === "kpl" ? deaggregate(bytes) : undefined;
  if (records) {
    const parts = await Promise.all(
      records.slice(0, 200).map(async ({ partitionKey, data }, at) => {
        const inner = await show(data, "auto");
        return `── ${at + 1} of ${records.length} · ${visible(partitionKey)} · ${data.length} B\n${inner.text}`;
      }),
    );
    const note = `${records.length} records in one${records.length > 200 ? "; the first 200 are shown" : ""}`;
    return { as: "kpl", text: parts.join("\n"), note };
  }
  if (view === "kpl") return { as: "hex", text: hex(bytes), note: "no aggregated record" };
  if (view === "gzip" || (view === "auto" && isGzip(bytes))) {
    try {
      const unpacked = await gunzip(bytes, isCut);
      const inner = await show(unpacked.bytes, "auto", unpacked.cut);
      const note = `${bytes.length} B unpacked to ${unpacked.bytes.length} B${unpacked.cut ? ", the rest is left out" : ""}`;
      return { as: "gzip", text: inner.text, note };
    } catch {
      return { as: "hex", text: hex(bytes), note: "no gzip, or damaged" };
    }
  }
  const text = asText(bytes, isCut);
  if (text === undefined) {
    const note = view === "auto" ? "binary" : "not UTF-8 text";
    return { as: "hex", text: hex(bytes), note };
  }
  const json = view === "text" ? undefined : prettyJson(text);
  if (json !== undefined) return { as: "json", text: json };
  const shown = text.replace(/[^\n\t]+/g, visible);
  return view === "json" ? { as: "text", text: shown, note: "not JSON" } : { as: "text", text: shown };
}

/** One line of a record, for lists: quick, and never long. */
export function preview(bytes: Uint8Array, length: number): string {
  if (bytes.length === 0) return "(empty)";
  if (isGzip(bytes)) return `gzip, ${bytes.length} B`;
  const start = bytes.subarray(0, length * 4);
  // A cut may go through a character; the decoder then ends in a replacement, which is cut too.
  const text = new TextDecoder().decode(start);
  const strange = (text.match(/[\ufffd\u0000-\u0008\u000e-\u001f]/g) ?? []).length;
  if (strange > 1 + text.length / 20) {
    return [...start.subarray(0, 24)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ") + (bytes.length > 24 ? " …" : "");
  }
  const line = text.slice(0, length + 1).replace(/\s+/g, " ");
  return visible(line.length > length || start.length < bytes.length ? `${line.slice(0, length - 1)}…` : line);
}
