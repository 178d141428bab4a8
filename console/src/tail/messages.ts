// What the page and the tail's worker say to each other.
import type { Row } from "./rows";

/** Where reading a shard begins. */
export interface Start {
  shard: string;
  type: "LATEST" | "TRIM_HORIZON" | "AT_TIMESTAMP" | "AT_SEQUENCE_NUMBER" | "AFTER_SEQUENCE_NUMBER";
  sequence?: string;
  /** Seconds since the epoch. */
  timestamp?: number;
}

export type Order =
  | { type: "start"; stream: string; region: string; shards: Start[]; filter: string }
  | { type: "pause" }
  | { type: "resume" }
  | { type: "filter"; text: string };

/** What a shard gave since the tail began. */
export interface ShardNews {
  records: number;
  bytes: number;
  behindMs: number;
  ended: boolean;
}

export interface News {
  /** The rows stand in the place of all there were. */
  anew: boolean;
  rows: Row[];
  received: number;
  bytes: number;
  skipped: number;
  shards: [string, ShardNews][];
  fault?: string;
}
