// What is asked of a table, built from what is filled in; and an edit as an update that never overwrites what changed
// meanwhile. Pure.
import { type Attribute, type Item, same, valueFromPlain } from "./attribute";

export interface Key {
  AttributeName: string;
  KeyType: "HASH" | "RANGE";
}

export interface Described {
  TableName: string;
  KeySchema: Key[];
  AttributeDefinitions: { AttributeName: string; AttributeType: "S" | "N" | "B" }[];
  GlobalSecondaryIndexes?: { IndexName: string; KeySchema: Key[] }[];
  LocalSecondaryIndexes?: { IndexName: string; KeySchema: Key[] }[];
}

export const SORT_OPERATORS = ["=", "<", "<=", ">", ">=", "between", "begins with"] as const;
export const FILTER_OPERATORS = ["=", "<>", "<", "<=", ">", ">=", "begins with", "contains", "exists", "does not exist"] as const;

/** A condition on an attribute; its value is plain JSON, or text that is none. */
export interface Condition {
  name: string;
  operator: (typeof FILTER_OPERATORS)[number];
  value: string;
}

/** What is filled in. */
export interface Form {
  /** An index, or nothing for the table. */
  index: string;
  /** The partition key's value; without one the table or index is scanned. */
  partition: string;
  sortOperator: (typeof SORT_OPERATORS)[number];
  sort: string;
  sortEnd: string;
  descending: boolean;
  conditions: Condition[];
  limit: number;
}

export const EMPTY: Form = {
  index: "", partition: "", sortOperator: "=", sort: "", sortEnd: "", descending: false, conditions: [], limit: 50,
};

/** The names of the keys of the table or one of its indexes. */
export function keys(table: Described, index: string): { hash: string; range?: string } {
  const indexes = [...(table.GlobalSecondaryIndexes ?? []), ...(table.LocalSecondaryIndexes ?? [])];
  const schema = indexes.find(({ IndexName }) => IndexName === index)?.KeySchema ?? table.KeySchema;
  const hash = schema.find(({ KeyType }) => KeyType === "HASH")?.AttributeName ?? "";
  const range = schema.find(({ KeyType }) => KeyType === "RANGE")?.AttributeName;
  return range === undefined ? { hash } : { hash, range };
}

/** What is typed for a key, as the type it is defined with. */
function keyValue(table: Described, name: string, text: string): Attribute {
  const type = table.AttributeDefinitions.find(({ AttributeName }) => AttributeName === name)?.AttributeType ?? "S";
  return { [type]: type === "N" ? text.trim() : text } as Attribute;
}

/** What is typed for another attribute: plain JSON if it is that, else text. */
export function looseValue(text: string): Attribute {
  try {
    return valueFromPlain(text);
  } catch {
    return { S: text };
  }
}

export interface Asked {
  operation: "Query" | "Scan";
  input: Record<string, unknown>;
}

/** The request that a form stands for. */
export function request(table: Described, form: Form): Asked {
  const names: Record<string, string> = {};
  const values: Record<string, Attribute> = {};
  const name = (attribute: string): string => {
    const known = Object.keys(names).find((short) => names[short] === attribute);
    const short = known ?? `#n${Object.keys(names).length}`;
    names[short] = attribute;
    return short;
  };
  const value = (held: Attribute): string => {
    const short = `:v${Object.keys(values).length}`;
    values[short] = held;
    return short;
  };
  const input: Record<string, unknown> = { TableName: table.TableName, Limit: form.limit };
  if (form.index !== "") input["IndexName"] = form.index;
  const { hash, range } = keys(table, form.index);
  const isQuery = form.partition !== "";
  if (isQuery) {
    let condition = `${name(hash)} = ${value(keyValue(table, hash, form.partition))}`;
    if (range !== undefined && form.sort !== "") {
      const sort = value(keyValue(table, range, form.sort));
      condition += ` AND ${comparison(name(range), form.sortOperator, sort, () => value(keyValue(table, range, form.sortEnd)))}`;
    }
    input["KeyConditionExpression"] = condition;
    if (form.descending) input["ScanIndexForward"] = false;
  }
  const filters = form.conditions.filter((condition) => condition.name !== "");
  const filter = filters.map((condition) => {
    const attribute = name(condition.name);
    if (condition.operator === "exists") return `attribute_exists(${attribute})`;
    if (condition.operator === "does not exist") return `attribute_not_exists(${attribute})`;
    return comparison(attribute, condition.operator, value(looseValue(condition.value)), () => "");
  });
  if (filter.length > 0) input["FilterExpression"] = filter.join(" AND ");
  if (Object.keys(names).length > 0) input["ExpressionAttributeNames"] = names;
  if (Object.keys(values).length > 0) input["ExpressionAttributeValues"] = values;
  return { operation: isQuery ? "Query" : "Scan", input };
}

function comparison(name: string, operator: string, value: string, end: () => string): string {
  if (operator === "between") return `${name} BETWEEN ${value} AND ${end()}`;
  if (operator === "begins with") return `begins_with(${name}, ${value})`;
  if (operator === "contains") return `contains(${name}, ${value})`;
  return `${name} ${operator} ${value}`;
}

/** The key of an item. */
export function keyOf(table: Described, item: Item): Item {
  return Object.fromEntries(table.KeySchema.map(({ AttributeName }) => [AttributeName, item[AttributeName]!]));
}

/**
 * The update that makes `before` into `after`: it sets and removes what differs, on condition that this is still as it
 * was. What somebody else changed elsewhere in the item stays. Nothing, if there is no difference.
 */
export function edit(table: Described, before: Item, after: Item): Record<string, unknown> | undefined {
  for (const { AttributeName } of table.KeySchema) {
    if (!same(before[AttributeName], after[AttributeName])) {
      throw new Error(`${AttributeName} is part of the key: with another one it is another item. Put that as a new item.`);
    }
  }
  const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => !same(before[name], after[name]),
  );
  if (changed.length === 0) return undefined;
  const names: Record<string, string> = { "#k": table.KeySchema[0]!.AttributeName };
  const values: Record<string, Attribute> = {};
  const [sets, removes, conditions]: [string[], string[], string[]] = [[], [], ["attribute_exists(#k)"]];
  changed.forEach((name, at) => {
    names[`#n${at}`] = name;
    const [old, now] = [before[name], after[name]];
    if (old !== undefined) {
      values[`:o${at}`] = old;
      conditions.push(`#n${at} = :o${at}`);
    } else {
      conditions.push(`attribute_not_exists(#n${at})`);
    }
    if (now !== undefined) {
      values[`:n${at}`] = now;
      sets.push(`#n${at} = :n${at}`);
    } else {
      removes.push(`#n${at}`);
    }
  });
  const update = [sets.length > 0 && `SET ${sets.join(", ")}`, removes.length > 0 && `REMOVE ${removes.join(", ")}`];
  return {
    TableName: table.TableName,
    Key: keyOf(table, before),
    UpdateExpression: update.filter(Boolean).join(" "),
    ConditionExpression: conditions.join(" AND "),
    ExpressionAttributeNames: names,
    ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
  };
}

/** The put of an item that must not be there yet. */
export function fresh(table: Described, item: Item): Record<string, unknown> {
  return {
    TableName: table.TableName,
    Item: item,
    ConditionExpression: "attribute_not_exists(#k)",
    ExpressionAttributeNames: { "#k": table.KeySchema[0]!.AttributeName },
  };
}
