// The metrics endpoint, looked at every two seconds while the page is visible, and what rose since.
import { signal } from "@preact/signals";
import { metrics, words } from "./api";
import { type Point, parse, rate, sum } from "./pure/metrics";

const EVERY_MS = 2000;
/** Five minutes. */
const KEPT = 150;

interface Look {
  /** Seconds since the epoch. */
  at: number;
  points: Point[];
}

/** The newest looks, oldest first. */
export const looks = signal<Look[]>([]);
export const lookFault = signal<string | undefined>(undefined);

let watchers = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

async function look(): Promise<void> {
  timer = undefined;
  if (!document.hidden) {
    try {
      const points = parse(await metrics());
      looks.value = [...looks.value.slice(1 - KEPT), { at: Date.now() / 1000, points }];
      lookFault.value = undefined;
    } catch (error) {
      lookFault.value = words(error);
    }
  }
  if (watchers > 0 && timer === undefined) timer = setTimeout(() => void look(), EVERY_MS);
}

/** Looks from now on, until what is returned is called. */
export function watch(): () => void {
  watchers++;
  if (timer === undefined) void look();
  return () => {
    watchers--;
    if (watchers === 0) {
      clearTimeout(timer);
      timer = undefined;
    }
  };
}

/** What a counter rose by in a second, at every look; nothing at the first and where none can be known. */
export function rates(name: string, fits: (labels: Record<string, string>) => boolean): (number | null)[] {
  const all = looks.value.map(({ at, points }) => ({ at, total: sum(points, name, fits) }));
  return all.map(({ at, total }, nth) => {
    const before = all[nth - 1];
    // Between looks that lie far apart – the page was hidden – a mean would show what never was.
    return before && at - before.at < 3 * (EVERY_MS / 1000) ? rate(before.total, total, at - before.at) : null;
  });
}
