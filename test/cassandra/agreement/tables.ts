import { plain, plainNames, type Type, typeText } from "./values.js";

export interface Column {
  readonly name: string;
  readonly type: Type;
  readonly kind: "partition" | "clustering" | "static" | "regular";
}

export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  /** What comes after the columns in CREATE TABLE. */
  readonly options: string;
  readonly indexes: readonly string[];
}

const int = plain("int");
const text = plain("text");
const list = (element: Type, frozen = false): Type => ({ kind: "list", element, frozen });
const set = (element: Type, frozen = false): Type => ({ kind: "set", element, frozen });
const map = (key: Type, value: Type, frozen = false): Type => ({ kind: "map", key, value, frozen });
const place: Type = { kind: "udt", name: "place", fields: { street: text, floor: int, tags: set(text, true) } };

const column =
  (kind: Column["kind"]) =>
  (name: string, type: Type): Column => ({ name, type, kind });
const partition = column("partition");
const clustering = column("clustering");
const statics = column("static");
const regular = column("regular");

/** The types that the tables need. */
export const udts = ["CREATE TYPE place (street text, floor int, tags frozen<set<text>>)"];

export const tables: readonly Table[] = [
  {
    name: "wide",
    columns: [
      ...[partition("p", int), clustering("c", text), clustering("d", int)],
      ...[statics("s", int), statics("sm", map(text, int))],
      ...[regular("v", text), regular("n", int), regular("m", map(text, int)), regular("l", list(int))],
      regular("st", set(text)),
    ],
    options: "CLUSTERING ORDER BY (c ASC, d DESC)",
    indexes: [],
  },
  {
    name: "every",
    columns: [partition("p", int), ...plainNames.map((name) => regular(`x_${name}`, plain(name)))],
    options: "",
    indexes: [],
  },
  {
    name: "nested",
    columns: [
      ...[partition("a", int), partition("b", text)],
      ...[clustering("t", { kind: "tuple", parts: [int, text] }), clustering("k", set(int, true))],
      ...[regular("u", place), regular("f", { ...place, frozen: true }), regular("fl", list(list(int, true), true))],
      regular("mm", map(int, set(text, true))),
    ],
    options: "CLUSTERING ORDER BY (t DESC, k ASC)",
    indexes: [],
  },
  {
    name: "counts",
    columns: [
      ...[partition("p", int), clustering("c", int), statics("s", plain("counter"))],
      ...[regular("n", plain("counter")), regular("o", plain("counter"))],
    ],
    options: "",
    indexes: [],
  },
  {
    name: "found",
    columns: [
      ...[partition("p", int), clustering("c", int), statics("s", text)],
      ...[regular("v", int), regular("w", text), regular("m", map(text, int)), regular("st", set(int))],
    ],
    options: "",
    indexes: ["v", "w", "keys(m)", "st", "c"].map((target) => `CREATE INDEX ON found (${target})`),
  },
  {
    name: "attached",
    columns: [
      ...[partition("p", int), clustering("c", int), regular("v", int), regular("w", text)],
      ...[regular("d", plain("double")), regular("m", map(text, int))],
    ],
    options: "",
    indexes: ["v", "w", "d", "entries(m)"].map((target) => `CREATE INDEX ON attached (${target}) USING 'sai'`),
  },
  {
    name: "keyed",
    columns: [
      ...[partition("a", text), partition("b", plain("bigint")), clustering("ts", plain("timestamp"))],
      ...[clustering("u", plain("timeuuid")), regular("v", plain("decimal")), regular("x", plain("double"))],
    ],
    options: "CLUSTERING ORDER BY (ts DESC, u DESC)",
    indexes: [],
  },
];

export function createTable({ name, columns, options }: Table): string {
  const of = (kind: Column["kind"]) => columns.filter((each) => each.kind === kind).map((each) => each.name);
  const definitions = columns.map(
    (each) => `${each.name} ${typeText(each.type)}${each.kind === "static" ? " static" : ""}`,
  );
  const key = [`(${of("partition").join(", ")})`, ...of("clustering")].join(", ");
  return `CREATE TABLE ${name} (${definitions.join(", ")}, PRIMARY KEY (${key}))${options === "" ? "" : ` WITH ${options}`}`;
}
