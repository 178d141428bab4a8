// A table's items: asked for by a form or by a request one writes oneself, shown as a grid, looked at and edited.
import { useEffect, useMemo, useState } from "preact/hooks";
import { call, words } from "../api";
import { Area, Choice, Dialog, Empty, Field, Problem } from "../parts/basic";
import { type Attribute, type Item, cell, fromPlain, kind, toPlain } from "../pure/attribute";
import { count, cut, visible } from "../pure/format";
import { type Asked, type Condition, type Described, EMPTY, FILTER_OPERATORS, type Form, SORT_OPERATORS, edit, fresh, keyOf, keys, request } from "../pure/query";
import { here, keep } from "../router";
import type { Table } from "./table";

/** Columns of the grid; an item shows all of its attributes when it is opened. */
const MOST_COLUMNS = 16;
const CELL_CHARACTERS = 80;

interface Page {
  Items: Item[];
  Count: number;
  ScannedCount: number;
  LastEvaluatedKey?: Item;
}

interface Found extends Page {
  asked: Asked;
  ms: number;
}

/** The form in the page's address, so that a search can be passed on. */
function kept(): Form {
  const text = here.value.query.get("q");
  if (text === null) return EMPTY;
  try {
    const held = JSON.parse(text) as Partial<Form>;
    return { ...EMPTY, ...held, conditions: Array.isArray(held.conditions) ? held.conditions : [] };
  } catch {
    return EMPTY;
  }
}

export function Items({ table, changed }: { table: Table; changed: () => void }) {
  const [form, setForm] = useState<Form>(kept);
  const [own, setOwn] = useState<string | undefined>(undefined);
  const [found, setFound] = useState<Found | undefined>(undefined);
  const [trail, setTrail] = useState<(Item | undefined)[]>([undefined]);
  const [fault, setFault] = useState<string | undefined>(undefined);
  const [open, setOpen] = useState<Item | "new" | undefined>(undefined);
  const built = request(table, form);

  const ask = async (start: Item | undefined, way: (Item | undefined)[]) => {
    setFault(undefined);
    try {
      const asked = own === undefined ? built : written(own, table.TableName);
      const begin = performance.now();
      const input = start === undefined ? asked.input : { ...asked.input, ExclusiveStartKey: start };
      const page = await call<Page>("dynamodb", asked.operation, input);
      setFound({ ...page, Items: page.Items ?? [], asked, ms: performance.now() - begin });
      setTrail(way);
      keep({ q: own === undefined && JSON.stringify(form) !== JSON.stringify(EMPTY) ? JSON.stringify(form) : "" });
    } catch (error) {
      setFault(words(error));
    }
  };
  useEffect(() => void ask(undefined, [undefined]), []);
  const again = () => {
    changed();
    void ask(trail[trail.length - 1], trail);
  };
  const columns = useMemo(() => columnsOf(table, found?.Items ?? []), [found]);
  return (
    <>
      <form class="query" onSubmit={(event) => { event.preventDefault(); void ask(undefined, [undefined]); }}>
        {own === undefined ? <Builder table={table} form={form} set={setForm} /> : (
          <Area label="Request, as DynamoDB takes it" value={own} set={setOwn} rows={10} hint='A Query if it has a KeyConditionExpression, else a Scan.' />
        )}
        <div class="actions">
          <button type="button" onClick={() => setOwn(own === undefined ? JSON.stringify(built.input, null, 2) : undefined)}>{own === undefined ? "Write the request yourself" : "Back to the form"}</button>
          {own === undefined && JSON.stringify(form) !== JSON.stringify(EMPTY) && <button type="button" onClick={() => setForm(EMPTY)}>Clear</button>}
          <button type="submit" class="primary">{own === undefined ? built.operation : "Ask"}</button>
          <button type="button" onClick={() => setOpen("new")}>New item</button>
        </div>
      </form>
      <Problem text={fault} />
      {found && (
        <>
          <div class="grid-head">
            <p class="muted">{found.asked.operation} gave <b>{count(found.Count)}</b> of {count(found.ScannedCount)} items read, in {Math.round(found.ms)} ms</p>
            <span>
              <button type="button" disabled={trail.length < 2} onClick={() => void ask(trail[trail.length - 2], trail.slice(0, -1))}>Previous page</button>
              <button type="button" disabled={found.LastEvaluatedKey === undefined} onClick={() => void ask(found.LastEvaluatedKey, [...trail, found.LastEvaluatedKey])}>Next page</button>
            </span>
          </div>
          {found.Items.length === 0 ? (
            <Empty title={found.LastEvaluatedKey ? "Nothing on this page fits" : table.ItemCount === 0 ? "The table is empty" : "Nothing fits"}>
              <p>{found.LastEvaluatedKey ? "There is more to read: go to the next page." : table.ItemCount === 0 ? "Put its first item here, or from any AWS SDK." : "Ask for something else, or for everything by clearing the form."}</p>
            </Empty>
          ) : (
            <div class="scroll grid" role="group" aria-label="Items" tabIndex={0}>
              <table>
                <thead><tr>{columns.shown.map((name) => <th key={name} class={columns.numeric.has(name) ? "number" : ""}>{visible(cut(name, 40))}</th>)}{columns.hidden > 0 && <th>{count(columns.hidden)} more</th>}</tr></thead>
                <tbody>
                  {found.Items.map((item, at) => (
                    <tr key={at}>
                      {columns.shown.map((name, nth) => (
                        <td key={name} class={columns.numeric.has(name) ? "number mono" : "mono"}>
                          {nth === 0 ? <button type="button" class="link mono" onClick={() => setOpen(item)}>{text(item[name])}</button> : text(item[name])}
                        </td>
                      ))}
                      {columns.hidden > 0 && <td class="muted">…</td>}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </>
      )}
      {open !== undefined && <Editor table={table} item={open === "new" ? undefined : open} isPart={found?.asked.input["IndexName"] !== undefined || found?.asked.input["ProjectionExpression"] !== undefined} close={() => setOpen(undefined)} done={again} />}
    </>
  );
}

function text(value: Attribute | undefined) {
  return value === undefined ? <span class="muted">–</span> : <span title={kind(value)}>{visible(cut(cell(value), CELL_CHARACTERS))}</span>;
}

/** The request somebody wrote. */
function written(text: string, TableName: string): Asked {
  const input = JSON.parse(text) as Record<string, unknown>;
  const isQuery = "KeyConditionExpression" in input || "KeyConditions" in input;
  return { operation: isQuery ? "Query" : "Scan", input: { ...input, TableName } };
}

/** Keys first, then what most items have. */
function columnsOf(table: Described, items: Item[]): { shown: string[]; hidden: number; numeric: Set<string> } {
  const often = new Map<string, number>();
  for (const item of items) for (const name of Object.keys(item)) often.set(name, (often.get(name) ?? 0) + 1);
  const first = table.KeySchema.map(({ AttributeName }) => AttributeName);
  const rest = [...often.keys()].filter((name) => !first.includes(name)).sort((one, other) => often.get(other)! - often.get(one)!);
  const all = [...first, ...rest];
  const numeric = new Set(all.filter((name) => items.every((item) => item[name] === undefined || "N" in item[name]!)));
  return { shown: all.slice(0, MOST_COLUMNS), hidden: Math.max(0, all.length - MOST_COLUMNS), numeric };
}

function Builder({ table, form, set }: { table: Described; form: Form; set: (form: Form) => void }) {
  const indexes = [...(table.GlobalSecondaryIndexes ?? []), ...(table.LocalSecondaryIndexes ?? [])].map(({ IndexName }) => IndexName);
  const { hash, range } = keys(table, form.index);
  const change = (part: Partial<Form>) => set({ ...form, ...part });
  const condition = (at: number, part: Partial<Condition>) => change({ conditions: form.conditions.map((held, nth) => (nth === at ? { ...held, ...part } : held)) });
  return (
    <>
      <div class="bar">
        {indexes.length > 0 && <Choice label="Of" value={form.index} set={(index) => change({ index })} options={[["", "the table"], ...indexes.map((name) => [name, `index ${name}`] as const)]} />}
        <Field label={hash} value={form.partition} set={(partition) => change({ partition })} placeholder="any: scans everything" />
        {range !== undefined && form.partition !== "" && (
          <>
            <Choice label={range} value={form.sortOperator} set={(sortOperator) => change({ sortOperator })} options={SORT_OPERATORS.map((name) => [name, name] as const)} />
            <Field label="Value" value={form.sort} set={(sort) => change({ sort })} placeholder="any" />
            {form.sortOperator === "between" && <Field label="and" value={form.sortEnd} set={(sortEnd) => change({ sortEnd })} />}
            <label class="check"><input type="checkbox" checked={form.descending} onChange={(event) => change({ descending: event.currentTarget.checked })} /> last first</label>
          </>
        )}
        <Choice label="A page" value={String(form.limit)} set={(limit) => change({ limit: Number(limit) })} options={["25", "50", "100", "200"].map((limit) => [limit, `${limit} items`] as const)} />
        <button type="button" onClick={() => change({ conditions: [...form.conditions, { name: "", operator: "=", value: "" }] })}>Add a filter</button>
      </div>
      {form.conditions.map((held, at) => (
        <div class="bar" key={at}>
          <Field label="Attribute" value={held.name} set={(name) => condition(at, { name })} />
          <Choice label="Is" value={held.operator} set={(operator) => condition(at, { operator })} options={FILTER_OPERATORS.map((name) => [name, name] as const)} />
          {!held.operator.includes("exist") && <Field label="Value" value={held.value} set={(value) => condition(at, { value })} placeholder='text, 12, true, "12"' />}
          <button type="button" onClick={() => change({ conditions: form.conditions.filter((_, nth) => nth !== at) })} aria-label={`Remove the filter on ${held.name || "nothing"}`}>✕</button>
        </div>
      ))}
    </>
  );
}

/** A new item, to begin with. */
function skeleton(table: Described): Item {
  return Object.fromEntries(table.KeySchema.map(({ AttributeName }) => {
    const type = table.AttributeDefinitions.find((one) => one.AttributeName === AttributeName)?.AttributeType ?? "S";
    return [AttributeName, { [type]: type === "N" ? "0" : "" } as Attribute];
  }));
}

function Editor(props: { table: Described; item: Item | undefined; isPart: boolean; close: () => void; done: () => void }) {
  const { table, item, isPart, close, done } = props;
  const names = table.KeySchema.map(({ AttributeName }) => AttributeName);
  const [before, setBefore] = useState<Item | undefined>(isPart && item ? undefined : item);
  const [typed, setTyped] = useState(false);
  const write = (held: Item, isTyped: boolean) => (isTyped ? JSON.stringify(held, null, 2) : toPlain(held, names));
  const [draft, setDraft] = useState(() => write(item ?? skeleton(table), false));
  const [fault, setFault] = useState<string | undefined>(undefined);
  const [removing, remove] = useState(false);
  useEffect(() => {
    // An index or a projection may not hold all of the item; what is edited is the whole of it.
    if (!isPart || !item) return;
    call<{ Item?: Item }>("dynamodb", "GetItem", { TableName: table.TableName, Key: keyOf(table, item), ConsistentRead: true }).then(
      ({ Item: whole }) => {
        setBefore(whole ?? item);
        setDraft(write(whole ?? item, false));
      },
      (error: unknown) => setFault(words(error)),
    );
  }, []);
  const read = (): Item => (typed ? (JSON.parse(draft) as Item) : fromPlain(draft));
  const turn = () => {
    try {
      setDraft(write(read(), !typed));
      setTyped(!typed);
      setFault(undefined);
    } catch (error) {
      setFault(words(error));
    }
  };
  const refused = (error: unknown): never => {
    const isStale = error instanceof Error && "code" in error && error.code === "ConditionalCheckFailedException";
    if (!isStale) throw error;
    throw new Error(item ? "Somebody changed this item meanwhile, so nothing was written. Close it, ask again, and edit what is there now." : "There is an item with this key already, so nothing was written.");
  };
  const save = async () => {
    const after = read();
    if (item === undefined) {
      await call("dynamodb", "PutItem", fresh(table, after)).catch(refused);
    } else if (before === undefined) {
      throw new Error("The item is not loaded yet.");
    } else {
      const update = edit(table, before, after);
      if (update !== undefined) await call("dynamodb", "UpdateItem", update).catch(refused);
    }
    done();
  };
  const erase = async () => {
    await call("dynamodb", "DeleteItem", { TableName: table.TableName, Key: keyOf(table, item!) });
    done();
    close();
  };
  if (removing) {
    return (
      <Dialog title="Delete this item?" verb="Delete" danger close={() => remove(false)} act={erase}>
        <pre>{toPlain(keyOf(table, item!), names)}</pre>
      </Dialog>
    );
  }
  return (
    <Dialog title={item ? "Item" : "New item"} verb="Save" wide close={close} act={save}>
      <Area label={typed ? "DynamoDB's JSON" : "JSON"} value={draft} set={setDraft} rows={18} hint={typed ? 'Each value with its type: {"S": "text"}, {"N": "12"}.' : 'Numbers keep every digit; {"$binary": "…"}, {"$stringSet": […]}, {"$numberSet": […]} and {"$binarySet": […]} stand for what JSON has not.'} />
      <Problem text={fault} />
      <p class="muted">{item ? "Only what you change is written, and only if it is still as shown here." : "Written only if there is no item with this key."}</p>
      <div class="actions start">
        <button type="button" onClick={turn}>{typed ? "As plain JSON" : "As DynamoDB's JSON"}</button>
        {item && <button type="button" class="danger" onClick={() => remove(true)}>Delete</button>}
      </div>
    </Dialog>
  );
}
