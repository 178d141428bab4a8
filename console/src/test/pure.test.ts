import { describe, expect, it } from "vitest";
import { type Item, fromPlain, same, toPlain } from "../pure/attribute";
import { asText, fromBase64, hex, prettyJson, preview, show, toBase64 } from "../pure/decode";
import { type Failed, batches, failures, partitionKey, replay } from "../pure/failed";
import { bytes, count, cut, duration, shard, short, visible } from "../pure/format";
import { deaggregate } from "../pure/kpl";
import { md5 } from "../pure/md5";
import { parse, rate, sum } from "../pure/metrics";
import { type Described, EMPTY, edit, fresh, request } from "../pure/query";
import { type Shard, at, layout, middle, neighbours, ring, sameShards, share } from "../pure/ring";
import { BEGUN, Lines, type Run, type Told, after } from "../pure/run";
import { type Counted, shardRates } from "../pure/shards";
import { MAX_BATCH, MAX_HELD, Rows } from "../tail/rows";

const utf8 = (text: string) => new TextEncoder().encode(text);
const RING = 2n ** 128n;

describe("formats", () => {
  it("give three digits and the right unit", () => {
    expect([0, 0.5, 12.34, 999, 1234, 56_789, 2_500_000].map(short)).toEqual(["0", "0.5", "12.3", "999", "1,234", "56.8k", "2.5M"]);
    expect([0, 1023, 1536, 10 << 20].map(bytes)).toEqual(["0 B", "1023 B", "1.5 KiB", "10 MiB"]);
    expect([5, 1500, 61_000, 3_600_000, 90_000_000].map(duration)).toEqual(["5 ms", "1.5 s", "1 min 1 s", "1 h", "1 d 1 h"]);
    expect([count(undefined), short(NaN), count(1234567)]).toEqual(["–", "–", "1,234,567"]);
  });
  it("make what would disturb a page visible", () => {
    expect(visible("a\u202eb\u0000\u001b[31m")).toBe("a\ufffdb␀␛[31m");
    expect([shard("shardId-000000000012"), shard("odd"), cut("abcdef", 4)]).toEqual(["#12", "odd", "abc…"]);
  });
});

describe("MD5", () => {
  it("is RFC 1321's", () => {
    const of = (text: string) => [...md5(utf8(text))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    expect(of("")).toBe("d41d8cd98f00b204e9800998ecf8427e");
    expect(of("message digest")).toBe("f96b697d7cb7938d525a2f31aaf161d0");
    expect(of("12345678901234567890123456789012345678901234567890123456789012345678901234567890")).toBe(
      "57edf4a22be3c955ac49da2e2107b67a",
    );
  });
});

/** An aggregate of records, as the producer library writes it. */
function aggregate(records: [string, string][]): Uint8Array {
  const field = (number: number, bytes: Uint8Array | number[]) => [number * 8 + 2, bytes.length, ...bytes];
  const keys = records.flatMap(([key]) => field(1, utf8(key)));
  const bodies = records.flatMap(([, data], at) => field(3, [8, at, ...field(3, utf8(data))]));
  const message = Uint8Array.from([...keys, ...bodies]);
  return Uint8Array.from([0xf3, 0x89, 0x9a, 0xc2, ...message, ...md5(message)]);
}

describe("records", () => {
  it("that were aggregated come apart, and damaged ones stay whole", async () => {
    const whole = aggregate([["a", "one"], ["b", "two"]]);
    expect(deaggregate(whole)?.map(({ partitionKey, data }) => [partitionKey, new TextDecoder().decode(data)])).toEqual([
      ["a", "one"],
      ["b", "two"],
    ]);
    for (let place = 0; place < whole.length; place++) {
      const damaged = whole.slice();
      damaged[place]! ^= 1;
      expect(deaggregate(damaged)).toBeUndefined();
    }
    expect(deaggregate(whole.slice(0, -1))).toBeUndefined();
    expect((await show(whole, "auto")).as).toBe("kpl");
  });
  it("are shown as what they are", async () => {
    expect(await show(utf8('{"a":[1.10,{}],"b":"x,}"}'), "auto")).toEqual({
      as: "json",
      text: '{\n  "a": [\n    1.10,\n    {}\n  ],\n  "b": "x,}"\n}',
    });
    expect((await show(utf8("{broken"), "json")).note).toBe("not JSON");
    expect((await show(Uint8Array.of(0xff, 0), "auto")).as).toBe("hex");
    expect((await show(utf8("a\u001b[0m"), "text")).text).toBe("a␛[0m");
    expect((await show(new Uint8Array(), "auto")).text).toBe("");
    const packed = new Blob(["hello"]).stream().pipeThrough(new CompressionStream("gzip"));
    const gzip = new Uint8Array(await new Response(packed).arrayBuffer());
    expect(await show(gzip, "auto")).toMatchObject({ as: "gzip", text: "hello" });
    expect((await show(gzip.slice(0, 20), "gzip")).note).toContain("damaged");
  });
  it("that unfold to very much are cut", async () => {
    const packed = new Blob([new Uint8Array(40 << 20)]).stream().pipeThrough(new CompressionStream("gzip"));
    const shown = await show(new Uint8Array(await new Response(packed).arrayBuffer()), "gzip");
    expect(shown.note).toContain("the rest is left out");
  });
  it("that are cut are shown as far as they go", async () => {
    const text = utf8("größer");
    expect([asText(text.slice(0, 3)), asText(text.slice(0, 3), true)]).toEqual([undefined, "gr"]);
    const noise = crypto.getRandomValues(new Uint8Array(60_000)).map((byte) => 97 + (byte % 26));
    const packed = new Blob([noise]).stream().pipeThrough(new CompressionStream("gzip"));
    const part = new Uint8Array(await new Response(packed).arrayBuffer()).slice(0, 20_000);
    const shown = await show(part, "auto", true);
    expect([shown.as, shown.text.length > 1000, new TextDecoder().decode(noise).startsWith(shown.text)]).toEqual(["gzip", true, true]);
    expect((await show(part, "auto")).as).toBe("hex");
  });
  it("have a first line whatever is in them", () => {
    expect(preview(utf8("a\n  b"), 10)).toBe("a b");
    expect(preview(utf8("äöü".repeat(100)), 10)).toBe("äöüäöüäöü…");
    expect(preview(Uint8Array.of(0, 1, 2, 255, 254), 10)).toBe("00 01 02 ff fe");
    expect(hex(utf8("ab"))).toBe(`000000  61 62${" ".repeat(42)}  ab`);
    expect(fromBase64(toBase64(Uint8Array.of(0, 128, 255)))).toEqual(Uint8Array.of(0, 128, 255));
    expect(prettyJson("12")).toBeUndefined();
  });
});

const table: Described = {
  TableName: "t",
  KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }, { AttributeName: "sk", KeyType: "RANGE" }],
  AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }, { AttributeName: "sk", AttributeType: "N" }],
  GlobalSecondaryIndexes: [{ IndexName: "by-n", KeySchema: [{ AttributeName: "sk", KeyType: "HASH" }] }],
};

describe("items", () => {
  const item: Item = {
    pk: { S: 'a"b' }, sk: { N: "12345678901234567890123456789012345678" }, b: { B: "AAE=" }, ss: { SS: ["x", "y"] },
    ns: { NS: ["1", "2.50"] }, bs: { BS: ["AA=="] }, l: { L: [{ NULL: true }, { BOOL: false }] },
    m: { M: { $binary: { S: "no bytes" } } }, e: { M: {} }, el: { L: [] }, $map: { M: { a: { N: "1" } } },
  };
  it("keep their types through plain JSON", () => {
    expect(fromPlain(toPlain(item))).toEqual(item);
    expect(toPlain(item, ["sk"]).startsWith('{\n  "sk": 12345678901234567890123456789012345678,')).toBe(true);
  });
  it("that are no JSON are refused with the line", () => {
    for (const [text, why] of [
      ['{\n"a": 01}', "line 2"], ['{"a" 1}', "colon"], ["[1]", "an item is an object"], ['{"a":1,"a":2}', "twice"],
      ['{"a":1} x', "follows"], ['{"a":', "too soon"], ['{"a":{"$numberSet":["1"]}}', "numbers"], ["[".repeat(100), "too deep"],
    ] as const) {
      expect(() => fromPlain(text), text).toThrow(why);
    }
  });
  it("are the same whatever the order of sets and names", () => {
    expect(same({ SS: ["a", "b"] }, { SS: ["b", "a"] })).toBe(true);
    expect(same({ L: [{ S: "a" }] }, { L: [{ S: "b" }] })).toBe(false);
    expect(same({ S: "1" }, { N: "1" })).toBe(false);
  });
  it("are edited only where they differ and only as they were", () => {
    const before: Item = { pk: { S: "a" }, sk: { N: "1" }, x: { S: "old" }, y: { S: "gone" } };
    expect(edit(table, before, { pk: { S: "a" }, sk: { N: "1" }, x: { S: "new" }, z: { N: "2" } })).toEqual({
      TableName: "t",
      Key: { pk: { S: "a" }, sk: { N: "1" } },
      UpdateExpression: "SET #n0 = :n0, #n2 = :n2 REMOVE #n1",
      ConditionExpression: "attribute_exists(#k) AND #n0 = :o0 AND #n1 = :o1 AND attribute_not_exists(#n2)",
      ExpressionAttributeNames: { "#k": "pk", "#n0": "x", "#n1": "y", "#n2": "z" },
      ExpressionAttributeValues: { ":o0": { S: "old" }, ":n0": { S: "new" }, ":o1": { S: "gone" }, ":n2": { N: "2" } },
    });
    expect(edit(table, before, before)).toBeUndefined();
    expect(() => edit(table, before, { ...before, sk: { N: "2" } })).toThrow("sk is part of the key");
    expect(fresh(table, before)["ConditionExpression"]).toBe("attribute_not_exists(#k)");
  });
});

describe("queries", () => {
  it("use the keys' own types", () => {
    const form = { ...EMPTY, partition: "a", sort: "1", sortOperator: "between" as const, sortEnd: "9", descending: true };
    expect(request(table, form)).toEqual({
      operation: "Query",
      input: {
        TableName: "t", Limit: 50, ScanIndexForward: false,
        KeyConditionExpression: "#n0 = :v0 AND #n1 BETWEEN :v1 AND :v2",
        ExpressionAttributeNames: { "#n0": "pk", "#n1": "sk" },
        ExpressionAttributeValues: { ":v0": { S: "a" }, ":v1": { N: "1" }, ":v2": { N: "9" } },
      },
    });
  });
  it("without a partition are scans, and filters take plain JSON or text", () => {
    const conditions = [
      { name: "total", operator: ">=", value: "12" }, { name: "who", operator: "begins with", value: "a b" },
      { name: "total", operator: "exists", value: "" }, { name: "", operator: "=", value: "x" },
    ] as const;
    expect(request(table, { ...EMPTY, index: "by-n", conditions: [...conditions] })).toEqual({
      operation: "Scan",
      input: {
        TableName: "t", Limit: 50, IndexName: "by-n",
        FilterExpression: "#n0 >= :v0 AND begins_with(#n1, :v1) AND attribute_exists(#n0)",
        ExpressionAttributeNames: { "#n0": "total", "#n1": "who" },
        ExpressionAttributeValues: { ":v0": { N: "12" }, ":v1": { S: "a b" } },
      },
    });
    expect(request(table, EMPTY).input).toEqual({ TableName: "t", Limit: 50 });
  });
});

/** A shard over a part of the ring, in sixteenths. */
function part(id: string, from: bigint, to: bigint, parents: string[] = [], closed = false): Shard {
  const key = (sixteenths: bigint) => (RING * sixteenths) / 16n;
  return {
    ShardId: id,
    ...(parents[0] !== undefined && { ParentShardId: parents[0] }),
    ...(parents[1] !== undefined && { AdjacentParentShardId: parents[1] }),
    HashKeyRange: { StartingHashKey: String(key(from)), EndingHashKey: String(key(to) - 1n) },
    SequenceNumberRange: { StartingSequenceNumber: "1", ...(closed && { EndingSequenceNumber: "2" }) },
  };
}

describe("the map of shards", () => {
  const placed = layout([
    part("merged", 4n, 12n, ["right", "left"]), part("a", 0n, 8n, [], true), part("b", 8n, 16n, [], true),
    part("a1", 0n, 4n, ["a"]), part("left", 4n, 8n, ["a"], true), part("right", 8n, 12n, ["b"], true),
    part("b2", 12n, 16n, ["b"]), part("orphan", 0n, 16n, ["trimmed"], true),
  ]);
  it("has a row for each generation", () => {
    expect(placed.map(({ row }) => row)).toEqual([2, 0, 0, 1, 1, 1, 1, 0]);
    expect([placed[0]!.from, placed[0]!.to, share(RING - 1n)]).toEqual([0.25, 0.75, 1 - 2 ** -53]);
    expect([placed[1]!.children, placed[0]!.parents]).toEqual([[3, 4], [5, 4]]);
    expect([at(placed, 1, 0.1), at(placed, 2, 0.1)]).toEqual([3, undefined]);
  });
  it("knows what can be merged and where to split", () => {
    expect(ring(placed)).toEqual([3, 0, 6]);
    expect([neighbours(placed, 0), neighbours(placed, 3), neighbours(placed, 1)]).toEqual([[3, 6], [0], []]);
    expect(middle(placed[3]!.shard)).toBe(String(RING / 8n));
    expect(middle({ ...placed[3]!.shard, HashKeyRange: { StartingHashKey: "7", EndingHashKey: "7" } })).toBeUndefined();
  });
  it("is drawn anew only when a shard came or was closed", () => {
    const open = [part("a", 0n, 8n), part("b", 8n, 16n)];
    expect(sameShards(open, structuredClone(open))).toBe(true);
    expect(sameShards(open, [part("a", 0n, 8n, [], true), part("b", 8n, 16n)])).toBe(false);
    expect(sameShards(open, open.slice(1))).toBe(false);
  });
  it("is laid out for five thousand shards in no time", () => {
    const many = Array.from({ length: 5000 }, (_, nth) => part(`s${nth}`, 0n, 16n, nth > 0 ? [`s${nth - 1}`] : []));
    const begin = performance.now();
    expect(layout(many.reverse())[0]!.row).toBe(4999);
    expect(performance.now() - begin).toBeLessThan(2000);
  });
});

describe("metrics", () => {
  it("are read with their labels", () => {
    const points = parse('# TYPE x counter\nx_total{a="1",b="q\\"\\n}"} 5\nx_total{a="2",b=""} 2.5\nx_seconds 1e3\n# EOF\n');
    expect(points).toHaveLength(3);
    expect(points[0]).toEqual({ name: "x_total", labels: { a: "1", b: 'q"\n}' }, value: 5 });
    expect(sum(points, "x_total", ({ b }) => b === "")).toBe(2.5);
    expect([rate(1, 5, 2), rate(5, 1, 2), rate(1, 2, 0)]).toEqual([2, null, null]);
  });
});

describe("a tail", () => {
  const raw = (nth: number, text = `record ${nth}`) => ({
    SequenceNumber: String(nth), ApproximateArrivalTimestamp: nth, Data: toBase64(utf8(text)), PartitionKey: `k${nth}`,
  });
  const some = (from: number, to: number) => Array.from({ length: to - from }, (_, nth) => raw(from + nth));
  it("shows the newest and counts the rest", () => {
    const rows = new Rows();
    rows.take("s", some(0, 3));
    expect(rows.fresh().map(({ line }) => line)).toEqual(["record 2", "record 1", "record 0"]);
    rows.take("s", some(3, 3 + MAX_BATCH + 7));
    expect([rows.fresh().length, rows.skipped]).toEqual([MAX_BATCH, 7]);
    rows.take("s", some(1000, 1000 + MAX_HELD + 50));
    expect([rows.fresh().length, rows.skipped]).toEqual([MAX_BATCH, 7 + MAX_HELD + 50 - MAX_BATCH]);
  });
  it("finds what it holds by key or by text", () => {
    const rows = new Rows();
    rows.take("s", some(0, 50));
    expect(rows.filter("RECORD 4").map(({ sequence }) => sequence)).toEqual(["49", "48", "47", "46", "45", "44", "43", "42", "41", "40", "4"]);
    rows.take("s", [raw(60, "x"), raw(61, "record 4")]);
    expect(rows.fresh().map(({ sequence }) => sequence)).toEqual(["61"]);
    expect(rows.filter("k60")).toHaveLength(1);
  });
  it("hands on no data that is too large", () => {
    const rows = new Rows();
    rows.take("s", [raw(1, "x".repeat(1 << 20))]);
    const [row] = rows.fresh();
    expect([row!.bytes, row!.data, row!.line.length]).toEqual([1 << 20, undefined, 160]);
  });
});

describe("records behind errors", () => {
  const failed = (data: string): Failed => ({ data: toBase64(utf8(data)), bytes: data.length, code: "C", message: "m", attempts: 1, arrivedMs: 0 });
  it("are read from lines of every kind, and what is no record is counted", () => {
    const lines = [
      '{"rawData":"YWI=","errorCode":"Lambda.FunctionError","errorMessage":"<b>m</b>","attemptsMade":4,"arrivalTimestamp":7}',
      '{"lastErrorCode":"DataFormatConversion.X","lastErrorMessage":"w","rawData":"YQ==","attemptsMade":1,"arrivalTimestamp":8}',
      "", "{", "null", "[1]", '"text"', '{"rawData": 1}', '{"rawData": "<script>"}', '{"rawData": "YQ"}', "\u0000\u001b[31m",
      '{"rawData":"","errorCode":{"not":"text"},"attemptsMade":"4"}',
    ];
    const { records, torn } = failures(lines.join("\n"));
    expect(records).toEqual([
      { data: "YWI=", bytes: 2, code: "Lambda.FunctionError", message: "<b>m</b>", attempts: 4, arrivedMs: 7 },
      { data: "YQ==", bytes: 1, code: "DataFormatConversion.X", message: "w", attempts: 1, arrivedMs: 8 },
      { data: "", bytes: 0, code: "", message: "", attempts: 0, arrivedMs: 0 },
    ]);
    expect(torn).toBe(8);
  });
  it("go in parts that a request takes, in order", () => {
    const many = Array.from({ length: 1001 }, (_, nth) => failed(String(nth)));
    expect(batches(many).map((part) => part.length)).toEqual([500, 500, 1]);
    expect(batches(many).flat()).toEqual(many);
    const large = [3 << 20, 2 << 20, 10 << 20, 1].map((size) => ({ ...failed(""), bytes: size }));
    expect(batches(large).map((part) => part.map(({ bytes }) => bytes))).toEqual([[3 << 20], [2 << 20], [10 << 20], [1]]);
    expect(batches([])).toEqual([]);
  });
  it("have keys that follow from their data", () => {
    expect(partitionKey(failed("a"))).toMatch(/^[0-9a-f]{32}$/);
    expect([partitionKey(failed("a")) === partitionKey(failed("a")), partitionKey(failed("a")) === partitionKey(failed("b"))]).toEqual([true, false]);
  });
  it("that are refused are sent again, and what stays refused is told", async () => {
    const waits: number[] = [];
    const wait = async (ms: number) => void waits.push(ms);
    const sent: string[][] = [];
    const send = async (part: Failed[]) => {
      sent.push(part.map(({ data }) => data));
      return part.map(({ data }) => (data === failed("never").data || (data === failed("later").data && sent.length === 1) ? "Slow down." : undefined));
    };
    const done = await replay(["now", "later", "never"].map(failed), send, wait, () => {});
    expect(done).toEqual({ put: 2, refused: 1, fault: "Slow down." });
    expect([sent.map((part) => part.length), waits]).toEqual([[3, 2, 1, 1, 1], [200, 400, 800, 1600]]);
    expect(await replay(["now"].map(failed), send, wait, () => {})).toEqual({ put: 1, refused: 0 });
  });
  it("stay where they are when the service does not take the request at all", async () => {
    const send = async (part: Failed[]) => {
      if (part[0]!.data === failed("500").data) throw new Error("You may not.");
      return part.map(() => undefined);
    };
    const many = Array.from({ length: 700 }, (_, nth) => failed(String(nth)));
    expect(await replay(many, send, async () => {}, () => {})).toEqual({ put: 500, refused: 200, fault: "You may not." });
  });
});

describe("a run", () => {
  const went = (told: Told[]) => told.reduce<Run>(after, BEGUN);
  const step = (name: string, depth = 0): Told => ({ event: "step", depth, step: name });
  const done = (name: string, failure: string | null, attempt = 1, depth = 0): Told => ({
    event: "done", depth, workflow: "w", step: name, attempt, called: "POST here", status: failure === null ? 200 : 400, failure, outputs: { a: 1 }, tookMs: 5,
  });
  it("comes in pieces that are cut anywhere", () => {
    const text = [step("a"), done("a", null)].map((told) => JSON.stringify(told)).join("\n") + "\nno JSON\n{}\n";
    for (const size of [1, 7, 1000]) {
      const lines = new Lines();
      const told = Array.from({ length: Math.ceil(text.length / size) }, (_, nth) => lines.push(text.slice(nth * size, (nth + 1) * size))).flat();
      expect(went(told).lines.map(({ name, state }) => [name, state])).toEqual([["a", "done"]]);
    }
  });
  it("shows each step as it goes, nested and repeated ones too", () => {
    const run = went([
      { event: "workflow", depth: 0, workflow: "w", summary: "s" }, step("a"), done("a", "no"), { event: "turn", depth: 0, action: "retry", to: "a", pauseMs: 200 },
      step("a"), { event: "workflow", depth: 1, workflow: "v", summary: "" }, step("a", 1), done("a", null, 1, 1), { event: "over", depth: 1, workflow: "v", failure: null },
      done("a", null, 2), { event: "over", depth: 0, workflow: "w", failure: null }, { event: "end", succeeded: true, failure: null, outputs: { b: 2 } },
    ]);
    expect(run.lines.map(({ depth, name, state, note }) => `${depth} ${name} ${state} ${note}`)).toEqual([
      "0 w done s", "0 a failed no", "0 retry plain on to a, after 200 ms", "0 a done attempt 2", "1 v done ", "1 a done ",
    ]);
    expect(run.end).toEqual({ succeeded: true, failure: null, outputs: { b: 2 } });
  });
  it("that was stopped has nothing under way", () => {
    const run = went([step("a"), { event: "end", succeeded: false, failure: "It was stopped.", outputs: null }]);
    expect(run.lines.map(({ state }) => state)).toEqual(["failed"]);
    expect(after(run, done("never", null))).toEqual(run);
  });
});

describe("rates of shards", () => {
  const shard = (shardId: string, incomingRecords: number, outgoingBytes: number, behindMs: number | null = null): Counted => ({
    shardId, incomingRecords, incomingBytes: incomingRecords * 10, outgoingRecords: 0, outgoingBytes, behindMs,
  });
  it("are what rose in a second, from nothing for one that is new", () => {
    const rates = shardRates({ at: 10, shards: [shard("a", 4, 100)] }, { at: 12, shards: [shard("a", 8, 100, 70), shard("b", 2, 0)] });
    expect(rates.get("a")).toEqual({ putRecords: 2, putBytes: 20, readRecords: 0, readBytes: 0, behindMs: 70 });
    expect(rates.get("b")).toEqual({ putRecords: 1, putBytes: 10, readRecords: 0, readBytes: 0, behindMs: undefined });
  });
  it("are none where the counts began anew, or no time has passed", () => {
    expect(shardRates({ at: 10, shards: [shard("a", 4, 100)] }, { at: 12, shards: [shard("a", 1, 0)] }).size).toBe(0);
    expect(shardRates({ at: 10, shards: [] }, { at: 10, shards: [shard("a", 1, 0)] }).size).toBe(0);
  });
});
