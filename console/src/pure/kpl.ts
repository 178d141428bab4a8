// Records aggregated by the Kinesis Producer Library: magic, a protobuf message, its MD5. Pure. Whatever is not exactly
// that is a plain record.
import { md5 } from "./md5";

const MAGIC = [0xf3, 0x89, 0x9a, 0xc2];
const DIGEST_BYTES = 16;
/** Records shown of one aggregate. */
export const MAX_RECORDS = 10_000;

/** One of the records in an aggregate. */
export interface UserRecord {
  partitionKey: string;
  explicitHashKey?: string;
  data: Uint8Array;
}

/** Whether `data` begins as an aggregate does. */
export function looksAggregated(data: Uint8Array): boolean {
  return data.length > MAGIC.length + DIGEST_BYTES && MAGIC.every((byte, at) => data[at] === byte);
}

/** The records in `data`, or nothing if it is a plain record. */
export function deaggregate(data: Uint8Array): UserRecord[] | undefined {
  if (!looksAggregated(data)) return undefined;
  const message = data.subarray(MAGIC.length, data.length - DIGEST_BYTES);
  const digest = md5(message);
  if (!data.subarray(data.length - DIGEST_BYTES).every((byte, at) => byte === digest[at])) return undefined;
  const keys: string[] = [];
  const hashKeys: string[] = [];
  const records: Uint8Array[] = [];
  const text = new TextDecoder();
  for (const field of fields(message) ?? []) {
    if (field.number === 1 && field.bytes) keys.push(text.decode(field.bytes));
    if (field.number === 2 && field.bytes) hashKeys.push(text.decode(field.bytes));
    if (field.number === 3 && field.bytes && records.length < MAX_RECORDS) records.push(field.bytes);
  }
  const found = records.map((record) => userRecord(record, keys, hashKeys));
  return found.length > 0 && found.every((record) => record !== undefined) ? (found as UserRecord[]) : undefined;
}

function userRecord(message: Uint8Array, keys: string[], hashKeys: string[]): UserRecord | undefined {
  let [partitionKey, explicitHashKey, data]: [string?, string?, Uint8Array?] = [];
  for (const field of fields(message) ?? []) {
    if (field.number === 1) partitionKey = keys[field.value];
    if (field.number === 2) explicitHashKey = hashKeys[field.value];
    if (field.number === 3 && field.bytes) data = field.bytes;
  }
  if (partitionKey === undefined || data === undefined) return undefined;
  return explicitHashKey === undefined ? { partitionKey, data } : { partitionKey, explicitHashKey, data };
}

interface Field {
  number: number;
  /** Of a varint; the length of what has bytes. */
  value: number;
  bytes?: Uint8Array;
}

/** The fields of a protobuf message, or nothing if it is none. */
function fields(message: Uint8Array): Field[] | undefined {
  const found: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let [value, scale] = [0, 1];
    for (let byte = 0x80; byte >= 0x80; scale *= 128) {
      byte = message[at++] ?? -1;
      if (byte < 0 || scale > 2 ** 49) return NaN;
      value += (byte & 0x7f) * scale;
    }
    return value;
  };
  while (at < message.length) {
    const tag = varint();
    const [number, kind] = [Math.floor(tag / 8), tag % 8];
    if (kind === 0) {
      found.push({ number, value: varint() });
    } else if (kind === 2) {
      const length = varint();
      if (!(at + length <= message.length)) return undefined;
      found.push({ number, value: length, bytes: message.subarray(at, at + length) });
      at += length;
    } else if (kind === 1 || kind === 5) {
      at += kind === 1 ? 8 : 4;
    } else {
      return undefined;
    }
    if (found.length > 0 && Number.isNaN(found[found.length - 1]!.value)) return undefined;
  }
  return at === message.length ? found : undefined;
}
