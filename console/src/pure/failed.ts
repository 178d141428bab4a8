// The records behind a delivery stream's errors, as its objects of errors have them, and how they are put in again. Pure.
import { md5 } from "./md5";

/** A record that failed. */
export interface Failed {
  /** Base64. */
  data: string;
  /** Of what it stands for. */
  bytes: number;
  code: string;
  message: string;
  attempts: number;
  /** Milliseconds since the epoch. */
  arrivedMs: number;
}

/** The records of an object's lines, and how many lines are none. */
export function failures(text: string): { records: Failed[]; torn: number } {
  const records: Failed[] = [];
  let torn = 0;
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const record = failure(line);
    if (record) records.push(record);
    else torn++;
  }
  return { records, torn };
}

function failure(line: string): Failed | undefined {
  let said: Record<string, unknown>;
  try {
    said = Object(JSON.parse(line)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const text = (...names: string[]) => names.map((name) => said[name]).find((value) => typeof value === "string") ?? "";
  const number = (name: string) => (typeof said[name] === "number" ? said[name] : 0);
  const data = said["rawData"];
  if (typeof data !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(data) || data.length % 4 !== 0) return undefined;
  const bytes = (data.length / 4) * 3 - (data.endsWith("==") ? 2 : data.endsWith("=") ? 1 : 0);
  return {
    data, bytes, code: String(text("errorCode", "lastErrorCode")), message: String(text("errorMessage", "lastErrorMessage")),
    attempts: number("attemptsMade"), arrivedMs: number("arrivalTimestamp"),
  };
}

/** What a request of either service takes. */
const MOST_RECORDS = 500;
const MOST_BYTES = 4 << 20;
/** Of a record's partition key. */
const KEY_BYTES = 32;

/** The records in order, in parts that a request takes; one that is larger than any goes alone. */
export function batches(records: Failed[]): Failed[][] {
  const all: Failed[][] = [];
  let held = 0;
  for (const record of records) {
    const last = all[all.length - 1];
    const size = record.bytes + KEY_BYTES;
    if (last !== undefined && last.length < MOST_RECORDS && held + size <= MOST_BYTES) {
      last.push(record);
      held += size;
    } else {
      all.push([record]);
      held = size;
    }
  }
  return all;
}

/** A partition key for a record whose own is not told: the same for the same data. */
export function partitionKey({ data }: Failed): string {
  return [...md5(new TextEncoder().encode(data))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** How often records that were refused are sent once more. */
const MOST_TRIES = 5;

/** What came of putting records in again. */
export interface Replayed {
  put: number;
  refused: number;
  /** Why some were refused. */
  fault?: string;
}

/**
 * Puts records in, part by part. `send` says of each record of a part why it was refused, or nothing; those that were are
 * sent again, later each time. What throws ends it.
 */
export async function replay(
  records: Failed[], send: (part: Failed[]) => Promise<(string | undefined)[]>, wait: (ms: number) => Promise<void>, progress: (done: Replayed) => void,
): Promise<Replayed> {
  const done: Replayed = { put: 0, refused: 0 };
  for (const part of batches(records)) {
    let rest = part;
    for (let nth = 1; rest.length > 0; nth++) {
      try {
        const said = await send(rest);
        const left = rest.filter((_, at) => said[at] !== undefined);
        done.put += rest.length - left.length;
        rest = left;
        if (rest.length > 0) done.fault = said.find((why) => why !== undefined)!;
      } catch (error) {
        done.fault = error instanceof Error ? error.message : String(error);
        return { ...done, refused: records.length - done.put };
      }
      progress({ ...done });
      if (nth === MOST_TRIES) break;
      if (rest.length > 0) await wait(100 * 2 ** nth);
    }
    done.refused += rest.length;
  }
  if (done.refused === 0) delete done.fault;
  return done;
}
