// The metrics endpoint's text, read. Pure.

/** A measured value: its name, its labels, and how much. */
export interface Point {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** All points of an OpenMetrics text; lines that are none are passed over. */
export function parse(text: string): Point[] {
  return text.split("\n").flatMap((line) => {
    const found = line.startsWith("#") ? null : LINE.exec(line);
    if (!found) return [];
    const labels: Record<string, string> = {};
    for (const [, name, value] of (found[2] ?? "").matchAll(LABEL)) {
      labels[name!] = value!.replace(/\\(.)/g, (_, after: string) => (after === "n" ? "\n" : after));
    }
    return [{ name: found[1]!, labels, value: Number(found[3]) }];
  });
}

/** The sum of all points of a name whose labels fit. */
export function sum(points: Point[], name: string, fits: (labels: Record<string, string>) => boolean): number {
  return points.reduce((total, point) => (point.name === name && fits(point.labels) ? total + point.value : total), 0);
}

/** What a counter rose by in a second; nothing where the server began anew between two looks. */
export function rate(before: number, after: number, seconds: number): number | null {
  return seconds <= 0 || after < before ? null : (after - before) / seconds;
}
