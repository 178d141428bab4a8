// What there is: streams, tables and delivery streams by name, looked up anew while somebody looks.
import { signal } from "@preact/signals";
import { call, words } from "./api";

export interface StreamSummary {
  StreamName: string;
  StreamARN: string;
  StreamStatus: string;
  StreamModeDetails?: { StreamMode: string };
}

/** A list, or why it cannot be had. */
export interface Listed<T> {
  items: T[];
  fault?: string;
  /** There are more than are listed. */
  more: boolean;
}

/** Names listed of each kind. */
const MOST = 1000;

export const streams = signal<Listed<StreamSummary> | undefined>(undefined);
export const tables = signal<Listed<string> | undefined>(undefined);
export const deliveries = signal<Listed<string> | undefined>(undefined);

interface Streams {
  StreamSummaries: StreamSummary[];
  HasMoreStreams: boolean;
  NextToken?: string;
}
interface Tables {
  TableNames: string[];
  LastEvaluatedTableName?: string;
}
interface Deliveries {
  DeliveryStreamNames: string[];
  HasMoreDeliveryStreams: boolean;
}

/** Collects pages until there are no more, or enough. */
async function collect<T>(page: (token?: string) => Promise<{ items: T[]; next: string | undefined }>): Promise<Listed<T>> {
  const items: T[] = [];
  let token: string | undefined;
  try {
    do {
      const found = await page(token);
      items.push(...found.items);
      token = found.next;
    } while (token !== undefined && items.length < MOST);
    return { items, more: token !== undefined };
  } catch (error) {
    return { items: [], more: false, fault: words(error) };
  }
}

export async function refresh(): Promise<void> {
  const [streamed, tabled, delivered] = await Promise.all([
    collect<StreamSummary>(async (token) => {
      const page = await call<Streams>("kinesis", "ListStreams", { Limit: 1000, ...(token && { NextToken: token }) });
      return { items: page.StreamSummaries, next: page.HasMoreStreams ? page.NextToken : undefined };
    }),
    collect<string>(async (token) => {
      const page = await call<Tables>("dynamodb", "ListTables", token ? { ExclusiveStartTableName: token } : {});
      return { items: page.TableNames, next: page.LastEvaluatedTableName };
    }),
    collect<string>(async (token) => {
      const input = { Limit: 100, ...(token && { ExclusiveStartDeliveryStreamName: token }) };
      const page = await call<Deliveries>("firehose", "ListDeliveryStreams", input);
      const last = page.DeliveryStreamNames[page.DeliveryStreamNames.length - 1];
      return { items: page.DeliveryStreamNames, next: page.HasMoreDeliveryStreams ? last : undefined };
    }),
  ]);
  keepIfNew(streams, streamed);
  keepIfNew(tables, tabled);
  keepIfNew(deliveries, delivered);
}

/** What did not change draws nothing anew. */
function keepIfNew<T>(held: { value: T }, found: T): void {
  if (JSON.stringify(held.value) !== JSON.stringify(found)) held.value = found;
}
