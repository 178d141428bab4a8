// A table: its items, its changes as they happen, its keys, indexes and settings.
import { useEffect, useMemo, useState } from "preact/hooks";
import { call } from "../api";
import { Awaited, Badge, Empty, Facts, Problem, Section, Tabs, Dialog, Field, useLoad } from "../parts/basic";
import { bytes, clock, count, moment } from "../pure/format";
import { type Item, cell, same } from "../pure/attribute";
import type { Described, Key } from "../pure/query";
import { refresh } from "../catalog";
import { go, here, to } from "../router";
import { Items } from "./items";

const EVERY_MS = 5000;

interface Index {
  IndexName: string;
  KeySchema: Key[];
  IndexStatus?: string;
  ItemCount?: number;
  IndexSizeBytes?: number;
  Projection?: { ProjectionType?: string };
}
export interface Table extends Described {
  TableArn: string;
  TableStatus: string;
  ItemCount: number;
  TableSizeBytes: number;
  CreationDateTime: number;
  BillingModeSummary?: { BillingMode?: string };
  ProvisionedThroughput?: { ReadCapacityUnits: number; WriteCapacityUnits: number };
  GlobalSecondaryIndexes?: Index[];
  LocalSecondaryIndexes?: Index[];
  LatestStreamArn?: string;
  StreamSpecification?: { StreamEnabled: boolean; StreamViewType?: string };
  DeletionProtectionEnabled?: boolean;
}

export function TablePage({ name }: { name: string }) {
  const view = here.value.parts[2] ?? "items";
  const [deleting, remove] = useState(false);
  const found = useLoad(`table ${name}`, async (abort) =>
    (await call<{ Table: Table }>("dynamodb", "DescribeTable", { TableName: name }, abort)).Table, EVERY_MS);
  if (found.value === undefined) return <Awaited name={name} fault={found.fault} />;
  const table = found.value;
  return (
    <>
      <header class="page-head">
        <div><p class="kind">Table</p><h1>{name}</h1></div>
        <Badge state={table.TableStatus} />
        <p class="page-facts"><b>{count(table.ItemCount)}</b> items · <b>{bytes(table.TableSizeBytes)}</b></p>
        <div class="page-actions">
          <button type="button" class="danger" onClick={() => remove(true)}>Delete</button>
        </div>
      </header>
      <Problem text={found.fault} />
      <Tabs current={view} tabs={[
        ["items", "Items", to("tables", name)], ["changes", "Changes", to("tables", name, "changes")], ["settings", "Keys and settings", to("tables", name, "settings")],
      ]} />
      {view === "items" && <Items key={here.value.query.toString()} table={table} changed={found.reload} />}
      {view === "changes" && <Changes key={table.LatestStreamArn ?? ""} table={table} />}
      {view === "settings" && <Settings table={table} done={found.reload} />}
      {deleting && <Delete name={name} close={() => remove(false)} />}
    </>
  );
}

function Settings({ table, done }: { table: Table; done: () => void }) {
  const [attribute, setAttribute] = useState<string | undefined>(undefined);
  const ttl = useLoad(`ttl ${table.TableName}`, async (abort) =>
    (await call<{ TimeToLiveDescription: { TimeToLiveStatus: string; AttributeName?: string } }>(
      "dynamodb", "DescribeTimeToLive", { TableName: table.TableName }, abort)).TimeToLiveDescription);
  const type = (name: string) => table.AttributeDefinitions.find(({ AttributeName }) => AttributeName === name)?.AttributeType ?? "?";
  const schema = (keys: Key[]) => keys.map(({ AttributeName, KeyType }) => `${AttributeName} (${type(AttributeName)}, ${KeyType === "HASH" ? "partition" : "sort"})`).join(", ");
  const all = [...(table.GlobalSecondaryIndexes ?? []).map((index) => ({ ...index, kind: "global" })), ...(table.LocalSecondaryIndexes ?? []).map((index) => ({ ...index, kind: "local" }))];
  const isOn = ttl.value?.TimeToLiveStatus === "ENABLED";
  const turn = async () => {
    const specification = { AttributeName: isOn ? ttl.value?.AttributeName : attribute, Enabled: !isOn };
    await call("dynamodb", "UpdateTimeToLive", { TableName: table.TableName, TimeToLiveSpecification: specification });
    ttl.reload();
  };
  const stream = async () => {
    const specification = table.StreamSpecification?.StreamEnabled ? { StreamEnabled: false } : { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" };
    await call("dynamodb", "UpdateTable", { TableName: table.TableName, StreamSpecification: specification });
    done();
  };
  const [streaming, ask] = useState(false);
  return (
    <>
      <div class="columns">
        <Section title="Table">
          <Facts rows={[
            ["Key", <span class="mono">{schema(table.KeySchema)}</span>],
            ["ARN", <span class="mono">{table.TableArn}</span>],
            ["Since", moment(table.CreationDateTime)],
            ["Items", <span class="figure">{count(table.ItemCount)}</span>],
            ["Size", <span class="figure">{bytes(table.TableSizeBytes)}</span>],
            ["Capacity", table.BillingModeSummary?.BillingMode === "PAY_PER_REQUEST" ? "on demand" : `${count(table.ProvisionedThroughput?.ReadCapacityUnits)} read, ${count(table.ProvisionedThroughput?.WriteCapacityUnits)} write`],
            ["Protected from deletion", table.DeletionProtectionEnabled ? "yes" : "no"],
          ]} />
        </Section>
        <div>
          <Section title="Time to live" aside={ttl.value && <button type="button" onClick={() => setAttribute("")}>{isOn ? "Turn off" : "Turn on"}</button>}>
            <Problem text={ttl.fault} />
            {ttl.value && <Facts rows={[["State", <Badge state={ttl.value.TimeToLiveStatus} />], ["Attribute", <span class="mono">{ttl.value.AttributeName ?? "–"}</span>]]} />}
          </Section>
          <Section title="Stream of changes" aside={<button type="button" onClick={() => ask(true)}>{table.StreamSpecification?.StreamEnabled ? "Turn off" : "Turn on"}</button>}>
            <Facts rows={[
              ["State", <Badge state={table.StreamSpecification?.StreamEnabled ? "ENABLED" : "DISABLED"} />],
              ["Shows", table.StreamSpecification?.StreamViewType?.toLowerCase().replaceAll("_", " ") ?? "–"],
            ]} />
          </Section>
        </div>
      </div>
      <Section title="Indexes" aside={<span class="muted">{count(all.length)}</span>}>
        {all.length === 0
          ? <Empty title="No secondary index"><p>Each lets items be queried by other attributes than the table's key; UpdateTable adds one to a table that has items already.</p></Empty>
          : (
            <div class="scroll" role="group" aria-label="Indexes" tabIndex={0}>
              <table>
                <thead><tr><th>Name</th><th>Kind</th><th>Key</th><th>Holds</th><th>State</th><th class="number">Items</th><th class="number">Size</th></tr></thead>
                <tbody>
                  {all.map((index) => (
                    <tr key={index.IndexName}>
                      <td>{index.IndexName}</td><td>{index.kind}</td><td class="mono">{schema(index.KeySchema)}</td>
                      <td>{index.Projection?.ProjectionType?.toLowerCase().replaceAll("_", " ") ?? "–"}</td>
                      <td><Badge state={index.IndexStatus ?? "ACTIVE"} /></td>
                      <td class="number">{count(index.ItemCount)}</td><td class="number">{bytes(index.IndexSizeBytes)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
      </Section>
      {attribute !== undefined && (
        <Dialog title={isOn ? "Keep items for ever?" : "Let items expire?"} verb={isOn ? "Turn off" : "Turn on"} close={() => setAttribute(undefined)} act={turn}>
          {isOn ? <p>Items stay, whatever {ttl.value?.AttributeName} says.</p>
            : <Field label="Attribute with the time of expiry" value={attribute} set={setAttribute} required autofocus hint="A number: seconds since 1970. Items without it stay." />}
        </Dialog>
      )}
      {streaming && (
        <Dialog title={table.StreamSpecification?.StreamEnabled ? "Turn the stream of changes off?" : "Turn a stream of changes on?"} verb={table.StreamSpecification?.StreamEnabled ? "Turn off" : "Turn on"} danger={table.StreamSpecification?.StreamEnabled ?? false} close={() => ask(false)} act={stream}>
          <p>{table.StreamSpecification?.StreamEnabled ? "Changes from now on are not recorded; readers come to its end." : "Every change is kept for 24 hours, with the item before and after it."}</p>
        </Dialog>
      )}
    </>
  );
}

interface Change {
  eventID: string;
  eventName: "INSERT" | "MODIFY" | "REMOVE";
  userIdentity?: { principalId?: string };
  dynamodb: { ApproximateCreationDateTime: number; Keys: Item; NewImage?: Item; OldImage?: Item; SequenceNumber: string };
}

const POLL_MS = 700;
const MOST_CHANGES = 300;

interface DescribedStream {
  StreamDescription: { Shards: { ShardId: string; SequenceNumberRange: { EndingSequenceNumber?: string } }[]; LastEvaluatedShardId?: string };
}

/** Reads a stream's open shards from now on, or from as far back as it goes, until aborted. */
async function follow(StreamArn: string, from: "LATEST" | "TRIM_HORIZON", take: (changes: Change[]) => void, abort: AbortSignal): Promise<void> {
  const known = new Map<string, string | undefined>();
  let isFirst = true;
  const find = async () => {
    let last: string | undefined;
    do {
      const input = { StreamArn, ...(last !== undefined && { ExclusiveStartShardId: last }) };
      const { StreamDescription } = await call<DescribedStream>("streams", "DescribeStream", input, abort);
      for (const { ShardId, SequenceNumberRange } of StreamDescription.Shards) {
        if (known.has(ShardId) || (isFirst && from === "LATEST" && SequenceNumberRange.EndingSequenceNumber !== undefined)) continue;
        const start = { StreamArn, ShardId, ShardIteratorType: isFirst ? from : "TRIM_HORIZON" };
        known.set(ShardId, (await call<{ ShardIterator?: string }>("streams", "GetShardIterator", start, abort)).ShardIterator);
      }
      last = StreamDescription.LastEvaluatedShardId;
    } while (last !== undefined);
    isFirst = false;
  };
  await find();
  while (!abort.aborted) {
    let ended = false;
    for (const [shard, iterator] of known) {
      if (iterator === undefined) continue;
      const page = await call<{ Records: Change[]; NextShardIterator?: string }>("streams", "GetRecords", { ShardIterator: iterator }, abort);
      known.set(shard, page.NextShardIterator);
      ended ||= page.NextShardIterator === undefined;
      if (page.Records.length > 0) take(page.Records);
    }
    if (ended) await find();
    await new Promise((resolve) => setTimeout(resolve, document.hidden ? 10 * POLL_MS : POLL_MS));
  }
}

/** What an event did, attribute by attribute. */
function difference({ dynamodb: { OldImage, NewImage } }: Change): string {
  if (OldImage === undefined || NewImage === undefined) return cell({ M: NewImage ?? OldImage ?? {} });
  const names = [...new Set([...Object.keys(OldImage), ...Object.keys(NewImage)])].filter((name) => !same(OldImage[name], NewImage[name]));
  return names.map((name) => `${name}: ${cell(OldImage[name]) || "–"} → ${cell(NewImage[name]) || "–"}`).join("   ");
}

function Changes({ table }: { table: Table }) {
  const [changes, set] = useState<Change[]>([]);
  const [fault, setFault] = useState<string | undefined>(undefined);
  const [back, setBack] = useState(false);
  const arn = table.StreamSpecification?.StreamEnabled ? table.LatestStreamArn : undefined;
  useEffect(() => {
    if (arn === undefined) return undefined;
    const abort = new AbortController();
    set([]);
    follow(arn, back ? "TRIM_HORIZON" : "LATEST", (found) => set((held) => [...found.reverse(), ...held].slice(0, MOST_CHANGES)), abort.signal).catch(
      (error: unknown) => !abort.signal.aborted && setFault(error instanceof Error ? error.message : String(error)),
    );
    return () => abort.abort();
  }, [arn, back]);
  const keys = useMemo(() => table.KeySchema.map(({ AttributeName }) => AttributeName), [table]);
  if (arn === undefined) {
    return (
      <Empty title="This table has no stream of changes">
        <p>With one, every change to an item is kept for 24 hours, and shown here as it happens.</p>
        <a class="button" href={to("tables", table.TableName, "settings")}>Turn it on in the settings</a>
      </Empty>
    );
  }
  return (
    <Section title="Changes, newest first" aside={
      <label class="check"><input type="checkbox" checked={back} onChange={(event) => setBack(event.currentTarget.checked)} /> from as far back as there is</label>
    }>
      <Problem text={fault} />
      {changes.length === 0 ? <Empty title="No change yet"><p>What is put, updated or deleted from now on appears here.</p></Empty> : (
        <div class="scroll" role="group" aria-label="Changes" tabIndex={0}>
          <table class="fixed">
            <thead><tr><th class="w-time">Time</th><th class="w-kind">Change</th><th class="w-key">Key</th><th>What</th></tr></thead>
            <tbody>
              {changes.map((change) => (
                <tr key={change.eventID}>
                  <td class="mono">{clock(change.dynamodb.ApproximateCreationDateTime).slice(0, 8)}</td>
                  <td><span class={`badge ${change.eventName === "INSERT" ? "good" : change.eventName === "REMOVE" ? "bad" : "busy"}`}>{change.userIdentity?.principalId === "dynamodb.amazonaws.com" ? "expired" : change.eventName.toLowerCase()}</span></td>
                  <td class="mono clip">{keys.map((name) => cell(change.dynamodb.Keys[name])).join(" / ")}</td>
                  <td class="mono clip">{difference(change)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  );
}

function Delete({ name, close }: { name: string; close: () => void }) {
  const [typed, setTyped] = useState("");
  const act = async () => {
    if (typed !== name) throw new Error("That is not the table's name.");
    await call("dynamodb", "DeleteTable", { TableName: name });
    await refresh();
    go();
  };
  return (
    <Dialog title={`Delete ${name} and all its items?`} verb="Delete for ever" danger close={close} act={act}>
      <p>Its items and indexes are gone then, and nothing brings them back.</p>
      <Field label="The table's name, to be sure" value={typed} set={setTyped} autofocus />
    </Dialog>
  );
}
