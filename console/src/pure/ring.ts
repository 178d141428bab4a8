// Where shards lie: across, their share of the hash keys; down, the generation that splits and merges brought them into.
// Pure.

export interface Shard {
  ShardId: string;
  ParentShardId?: string;
  AdjacentParentShardId?: string;
  HashKeyRange: { StartingHashKey: string; EndingHashKey: string };
  SequenceNumberRange: { StartingSequenceNumber: string; EndingSequenceNumber?: string };
}

/** A shard in the map. `from` and `to` are shares of the ring, 0 to 1; `row` counts generations from the oldest listed. */
export interface Placed {
  shard: Shard;
  from: number;
  to: number;
  row: number;
  isOpen: boolean;
  parents: number[];
  children: number[];
}

const RING_BITS = 128n;
const EXACT_BITS = 53n;

/** A hash key as a share of the ring. */
export function share(hashKey: bigint): number {
  return Number(hashKey >> (RING_BITS - EXACT_BITS)) / 2 ** Number(EXACT_BITS);
}

/** Whether two lists of shards are the same: a shard changes but once, when it is closed. */
export function sameShards(one: Shard[], other: Shard[]): boolean {
  const isSame = (a: Shard, b: Shard | undefined) =>
    a.ShardId === b?.ShardId && a.SequenceNumberRange.EndingSequenceNumber === b.SequenceNumberRange.EndingSequenceNumber;
  return one.length === other.length && one.every((shard, at) => isSame(shard, other[at]));
}

/** The hash key that halves a shard; nothing if it holds but one. */
export function middle({ HashKeyRange: { StartingHashKey, EndingHashKey } }: Shard): string | undefined {
  const [start, end] = [BigInt(StartingHashKey), BigInt(EndingHashKey)];
  return end > start ? String(start + (end - start + 1n) / 2n) : undefined;
}

/** All shards in their places, in the order of the list. */
export function layout(shards: Shard[]): Placed[] {
  const index = new Map(shards.map((shard, at) => [shard.ShardId, at]));
  const placed: Placed[] = shards.map((shard) => {
    const parents = [shard.ParentShardId, shard.AdjacentParentShardId].flatMap((id) => {
      const at = id === undefined ? undefined : index.get(id);
      return at === undefined ? [] : [at];
    });
    const from = share(BigInt(shard.HashKeyRange.StartingHashKey));
    const to = share(BigInt(shard.HashKeyRange.EndingHashKey) + 1n);
    const isOpen = shard.SequenceNumberRange.EndingSequenceNumber === undefined;
    return { shard, from, to, row: -1, isOpen, parents, children: [] };
  });
  placed.forEach(({ parents }, at) => parents.forEach((parent) => placed[parent]!.children.push(at)));
  // Parents are not always listed before their children: a stack, not recursion, as lineages can be long.
  for (let first = 0; first < placed.length; first++) {
    const stack = [first];
    while (stack.length > 0) {
      const one = placed[stack[stack.length - 1]!]!;
      const waiting = one.parents.filter((parent) => placed[parent]!.row < 0 && !stack.includes(parent));
      if (one.row < 0 && waiting.length > 0) {
        stack.push(...waiting);
        continue;
      }
      if (one.row < 0) one.row = Math.max(-1, ...one.parents.map((parent) => placed[parent]!.row)) + 1;
      stack.pop();
    }
  }
  return placed;
}

/** The open shards in the order of their hash keys, by place in `placed`. */
export function ring(placed: Placed[]): number[] {
  const open = placed.flatMap(({ isOpen }, at) => (isOpen ? [at] : []));
  return open.sort((one, other) => placed[one]!.from - placed[other]!.from);
}

/** The open shards beside an open one: what it can be merged with. */
export function neighbours(placed: Placed[], at: number): number[] {
  const order = ring(placed);
  const here = order.indexOf(at);
  if (here < 0) return [];
  return [order[here - 1], order[here + 1]].filter((beside): beside is number => beside !== undefined);
}

/** The shard at a point of the map: the row's, at that share of the ring. */
export function at(placed: Placed[], row: number, where: number): number | undefined {
  const found = placed.findIndex((one) => one.row === row && one.from <= where && where < one.to);
  return found < 0 ? undefined : found;
}
