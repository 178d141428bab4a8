// DynamoDB's typed values as plain JSON and back, so that nothing is lost on the way. Pure.
//
// Strings, numbers, booleans, null, lists and maps are JSON's own; a number keeps every digit it has. The others are
// written as {"$binary": "base64"}, {"$stringSet": […]}, {"$numberSet": […]} and {"$binarySet": […]}; a map that would
// look like one of these is {"$map": {…}}.

export type Attribute =
  | { S: string }
  | { N: string }
  | { B: string }
  | { BOOL: boolean }
  | { NULL: true }
  | { SS: string[] }
  | { NS: string[] }
  | { BS: string[] }
  | { L: Attribute[] }
  | { M: Item };
export type Item = { [name: string]: Attribute };

const TAGS = ["$binary", "$stringSet", "$numberSet", "$binarySet", "$map"];

/** The type's short name. */
export function kind(value: Attribute): string {
  return Object.keys(value)[0] ?? "?";
}

/** Plain JSON of an item; the names in `first` come first. */
export function toPlain(item: Item, first: string[] = []): string {
  return write({ M: item }, "", first, true);
}

function write(value: Attribute, pad: string, first: string[], isItem = false): string {
  const block = (open: string, parts: string[], close: string) =>
    parts.length === 0 ? open + close : `${open}\n${parts.map((part) => `${pad}  ${part}`).join(",\n")}\n${pad}${close}`;
  const list = (texts: string[]) => `[${texts.join(", ")}]`;
  if ("S" in value) return JSON.stringify(value.S);
  if ("N" in value) return value.N;
  if ("BOOL" in value) return String(value.BOOL);
  if ("NULL" in value) return "null";
  if ("B" in value) return `{"$binary": ${JSON.stringify(value.B)}}`;
  if ("SS" in value) return `{"$stringSet": ${list(value.SS.map((text) => JSON.stringify(text)))}}`;
  if ("NS" in value) return `{"$numberSet": ${list(value.NS)}}`;
  if ("BS" in value) return `{"$binarySet": ${list(value.BS.map((text) => JSON.stringify(text)))}}`;
  if ("L" in value) return block("[", value.L.map((part) => write(part, `${pad}  `, [])), "]");
  const names = Object.keys(value.M);
  if (!isItem && names.length === 1 && TAGS.includes(names[0]!)) {
    return `{"$map": ${block("{", names.map((name) => `${JSON.stringify(name)}: ${write(value.M[name]!, `${pad}  `, [])}`), "}")}}`;
  }
  const order = [...first.filter((name) => names.includes(name)), ...names.filter((name) => !first.includes(name))];
  return block("{", order.map((name) => `${JSON.stringify(name)}: ${write(value.M[name]!, `${pad}  `, [])}`), "}");
}

/** The item that plain JSON stands for. Throws a sentence with the line if it is none. */
export function fromPlain(text: string): Item {
  const value = typed(parse(text), true);
  if (!("M" in value)) throw new Error("an item is an object");
  return value.M;
}

/** One value written as plain JSON. */
export function valueFromPlain(text: string): Attribute {
  return typed(parse(text), false);
}

/** JSON with numbers as they were written. */
type Raw = string | boolean | null | Raw[] | { number: string } | { map: Map<string, Raw> };

function typed(raw: Raw, isItem: boolean): Attribute {
  if (typeof raw === "string") return { S: raw };
  if (typeof raw === "boolean") return { BOOL: raw };
  if (raw === null) return { NULL: true };
  if (Array.isArray(raw)) return { L: raw.map((part) => typed(part, false)) };
  if ("number" in raw) return { N: raw.number };
  const entries = [...raw.map];
  const [name, inner] = entries[0] ?? [];
  if (!isItem && entries.length === 1 && name !== undefined && TAGS.includes(name)) return tagged(name, inner!);
  return { M: Object.fromEntries(entries.map(([key, value]) => [key, typed(value, false)])) };
}

function tagged(tag: string, raw: Raw): Attribute {
  const strings = (): string[] => {
    if (!Array.isArray(raw) || !raw.every((part) => typeof part === "string")) throw new Error(`${tag} takes a list of strings`);
    return raw as string[];
  };
  if (tag === "$stringSet") return { SS: strings() };
  if (tag === "$binarySet") return { BS: strings() };
  if (tag === "$binary") {
    if (typeof raw !== "string") throw new Error("$binary takes base64");
    return { B: raw };
  }
  if (tag === "$numberSet") {
    if (!Array.isArray(raw)) throw new Error("$numberSet takes a list of numbers");
    return { NS: raw.map((part) => (typeof part === "object" && part && "number" in part ? part.number : fail(tag))) };
  }
  if (raw === null || typeof raw !== "object" || Array.isArray(raw) || !("map" in raw)) throw new Error("$map takes an object");
  return { M: Object.fromEntries([...raw.map].map(([key, value]) => [key, typed(value, false)])) };
}

function fail(tag: string): never {
  throw new Error(`${tag} takes a list of numbers`);
}

const TOKEN = /\s*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\.)*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null))/y;
const BLANK = /\s*/y;
const MAX_DEPTH = 64;

function parse(text: string): Raw {
  let at = 0;
  const wrong = (what: string): never => {
    throw new Error(`line ${text.slice(0, at).split("\n").length}: ${what}`);
  };
  const next = (): RegExpExecArray => {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text);
    if (!found) return text.slice(at).trim() === "" ? wrong("the text ends too soon") : wrong("this is no JSON");
    at = TOKEN.lastIndex;
    return found;
  };
  const peek = (sign: string): boolean => {
    BLANK.lastIndex = at;
    BLANK.test(text);
    return text[BLANK.lastIndex] === sign;
  };
  const value = (depth: number): Raw => {
    if (depth > MAX_DEPTH) wrong("too deep");
    const [, sign, string, number, word] = next();
    if (string !== undefined) return JSON.parse(string) as string;
    if (number !== undefined) return { number };
    if (word !== undefined) return word === "null" ? null : word === "true";
    if (sign === "[") {
      const list: Raw[] = [];
      if (peek("]")) return next(), list;
      for (;;) {
        list.push(value(depth + 1));
        const end = next()[1];
        if (end === "]") return list;
        if (end !== ",") wrong("a comma or ] is missing");
      }
    }
    if (sign !== "{") wrong("a value is missing");
    const map = new Map<string, Raw>();
    if (peek("}")) return next(), { map };
    for (;;) {
      const name = next()[2];
      if (name === undefined) return wrong("a name in quotes is missing");
      const key = JSON.parse(name) as string;
      if (map.has(key)) wrong(`${name} stands there twice`);
      if (next()[1] !== ":") wrong("a colon is missing");
      map.set(key, value(depth + 1));
      const end = next()[1];
      if (end === "}") return { map };
      if (end !== ",") wrong("a comma or } is missing");
    }
  };
  const whole = value(0);
  if (text.slice(at).trim() !== "") wrong("something follows the end");
  return whole;
}

/** Whether two values are the same; the order of a set's members and of a map's names does not matter. */
export function same(one: Attribute | undefined, other: Attribute | undefined): boolean {
  return canonical(one) === canonical(other);
}

function canonical(value: Attribute | undefined): string {
  if (value === undefined) return "";
  const [type, held] = Object.entries(value)[0] as [string, unknown];
  if (type === "L") return `L[${(held as Attribute[]).map(canonical).join()}]`;
  if (type === "M") {
    const map = held as Item;
    return `M{${Object.keys(map).sort().map((name) => `${JSON.stringify(name)}:${canonical(map[name])}`).join()}}`;
  }
  return type + JSON.stringify(Array.isArray(held) ? [...held].sort() : held);
}

/** A value on one line, for a grid. */
export function cell(value: Attribute | undefined): string {
  if (value === undefined) return "";
  if ("S" in value) return value.S;
  if ("B" in value) return `base64 ${value.B}`;
  if ("SS" in value) return `{${value.SS.map((text) => JSON.stringify(text)).join(", ")}}`;
  if ("NS" in value) return `{${value.NS.join(", ")}}`;
  return write(value, "", []).replace(/\s*\n\s*/g, " ");
}
