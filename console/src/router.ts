// Where one is: `#/streams/orders/tail?from=…`. The hash alone, so that every page is one file of the server's.
import { computed, signal } from "@preact/signals";

function read(): string {
  return location.hash.replace(/^#/, "") || "/";
}

const hash = signal(read());
addEventListener("hashchange", () => (hash.value = read()));

export interface Place {
  parts: string[];
  query: URLSearchParams;
}

export function place(text: string): Place {
  const [path, query] = text.split("?", 2);
  const parts = (path ?? "").split("/").filter((part) => part !== "");
  return { parts: parts.map(decode), query: new URLSearchParams(query ?? "") };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const here = computed(() => place(hash.value));

/** The link to a place. */
export function to(...parts: string[]): string {
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

export function go(...parts: string[]): void {
  location.hash = to(...parts);
}

/** Keeps something of a page in its address, without a step in the history. */
export function keep(query: Record<string, string>): void {
  const [path] = read().split("?", 1);
  const entries = Object.entries(query).filter(([, value]) => value !== "");
  const text = new URLSearchParams(entries).toString();
  history.replaceState(null, "", `#${path}${text === "" ? "" : `?${text}`}`);
}
