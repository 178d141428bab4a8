// What goes in and out of shards in a second, from what the server has counted at two moments. Pure.

/** What was counted of a shard since the server was started. */
export interface Counted {
  shardId: string;
  incomingRecords: number;
  incomingBytes: number;
  outgoingRecords: number;
  outgoingBytes: number;
  behindMs: number | null;
}

/** Counts, and when they were taken, in seconds. */
export interface CountedAt {
  at: number;
  shards: Counted[];
}

/** By the second. */
export interface Rates {
  putRecords: number;
  putBytes: number;
  readRecords: number;
  readBytes: number;
  /** How far its slowest reader is behind; nothing if nobody reads it. */
  behindMs: number | undefined;
}

/** The rates of the shards that anything was done with; none where the server began anew in between. */
export function shardRates(before: CountedAt, after: CountedAt): Map<string, Rates> {
  const seconds = after.at - before.at;
  const held = new Map(before.shards.map((shard) => [shard.shardId, shard]));
  const rates = new Map<string, Rates>();
  if (seconds <= 0) return rates;
  for (const shard of after.shards) {
    // One that was not there has begun since.
    const rose = (name: "incomingRecords" | "incomingBytes" | "outgoingRecords" | "outgoingBytes") => shard[name] - (held.get(shard.shardId)?.[name] ?? 0);
    const all = [rose("incomingRecords"), rose("incomingBytes"), rose("outgoingRecords"), rose("outgoingBytes")].map((count) => count / seconds);
    if (all.some((rate) => rate < 0)) return new Map();
    const [putRecords, putBytes, readRecords, readBytes] = all as [number, number, number, number];
    rates.set(shard.shardId, { putRecords, putBytes, readRecords, readBytes, behindMs: shard.behindMs ?? undefined });
  }
  return rates;
}
