// What a tail holds and hands on: the newest records, bounded, and of them what fits a filter. Pure.
import { fromBase64, preview } from "../pure/decode";

/** A record as the service gives it. */
export interface Raw {
  SequenceNumber: string;
  ApproximateArrivalTimestamp: number;
  Data: string;
  PartitionKey: string;
}

/** A record as the list shows it. */
export interface Row {
  id: number;
  shard: string;
  sequence: string;
  key: string;
  at: number;
  bytes: number;
  line: string;
  /** Its data in base64, if it is not too large to hand on; else it is fetched when somebody looks. */
  data?: string;
}

/** Records held, and the base64 of all of them together. */
export const MAX_HELD = 20_000;
export const MAX_HELD_CHARACTERS = 24 << 20;
/** Rows handed on at once: more than anybody sees in that time. */
export const MAX_BATCH = 200;
/** Data handed on with a row. */
const MAX_DATA_CHARACTERS = 64 << 10;
const LINE_CHARACTERS = 160;

interface Held {
  id: number;
  shard: string;
  raw: Raw;
}

export class Rows {
  private held: Held[] = [];
  private first = 0;
  private characters = 0;
  private next = 0;
  /** Records up to this one were handed on or passed over. */
  private handed = 0;
  private wanted = "";
  skipped = 0;

  take(shard: string, records: Raw[]): void {
    for (const raw of records) {
      this.held.push({ id: this.next++, shard, raw });
      this.characters += raw.Data.length;
    }
    while (this.held.length - this.first > MAX_HELD || (this.characters > MAX_HELD_CHARACTERS && this.held.length - this.first > 1)) {
      this.characters -= this.held[this.first++]!.raw.Data.length;
    }
    if (this.first > MAX_HELD) {
      this.held = this.held.slice(this.first);
      this.first = 0;
    }
  }

  /** What arrived since the last time and fits: the newest of it, newest first. The rest counts as skipped. */
  fresh(): Row[] {
    const { rows, more } = this.newest(MAX_BATCH, this.handed);
    // Without a filter, also what was pushed out before anybody could look at it.
    this.skipped += this.wanted === "" ? this.next - this.handed - rows.length : more;
    this.handed = this.next;
    // Shards are read one after the other; what they gave together is shown in the order it arrived.
    return rows.sort((one, other) => other.at - one.at || other.id - one.id);
  }

  /** From now on only what has `text` in its key or its data; gives the newest that are held. */
  filter(text: string): Row[] {
    this.wanted = text.toLowerCase();
    this.handed = this.next;
    return this.newest(MAX_BATCH * 5, 0).rows.sort((one, other) => other.at - one.at || other.id - one.id);
  }

  private newest(most: number, from: number): { rows: Row[]; more: number } {
    const rows: Row[] = [];
    let more = 0;
    for (let at = this.held.length - 1; at >= this.first && this.held[at]!.id >= from; at--) {
      const one = this.held[at]!;
      if (rows.length >= most && this.wanted === "") break;
      if (!this.fits(one.raw)) continue;
      if (rows.length < most) rows.push(row(one));
      else more++;
    }
    return { rows, more };
  }

  private fits({ PartitionKey, Data }: Raw): boolean {
    if (this.wanted === "") return true;
    if (PartitionKey.toLowerCase().includes(this.wanted)) return true;
    return new TextDecoder().decode(fromBase64(Data)).toLowerCase().includes(this.wanted);
  }
}

function row({ id, shard, raw }: Held): Row {
  const { SequenceNumber, ApproximateArrivalTimestamp, Data, PartitionKey } = raw;
  const padding = Data.endsWith("==") ? 2 : Data.endsWith("=") ? 1 : 0;
  const common = {
    id, shard, sequence: SequenceNumber, key: PartitionKey.slice(0, LINE_CHARACTERS), at: ApproximateArrivalTimestamp,
    bytes: (Data.length / 4) * 3 - padding, line: preview(fromBase64(Data.slice(0, 1024)), LINE_CHARACTERS),
  };
  return Data.length <= MAX_DATA_CHARACTERS ? { ...common, data: Data } : common;
}
