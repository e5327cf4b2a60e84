import type { Writer } from "./statements.js";
import type { Column } from "./tables.js";
import { plain } from "./values.js";

const numbers = new Set(["int", "bigint", "smallint", "tinyint", "varint", "decimal", "double", "float", "counter"]);
const isNumber = ({ type }: Column): boolean => type.kind === "plain" && numbers.has(type.name);

/** A SELECT: most have an answer, some ask for what cannot be. */
export function select(writer: Writer): string {
  const { random, table } = writer;
  const columns = writer.columns("partition", "clustering", "static", "regular");
  const distinct = random.chance(0.06);
  const grouped = !distinct && random.chance(0.08);
  const what = distinct
    ? random
        .pick([writer.columns("partition"), writer.columns("partition", "static"), columns])
        .map(({ name }) => name)
        .join(", ")
    : random.chance(0.45)
      ? "*"
      : random.some(4, () => selector(writer, random.pick(columns))).join(", ");
  const where = relations(writer);
  const keys = writer.columns("partition", "clustering").map(({ name }) => name);
  return [
    `SELECT ${distinct ? "DISTINCT " : ""}${what} FROM ${table.name}`,
    where.length === 0 ? "" : ` WHERE ${where.join(" AND ")}`,
    grouped ? ` GROUP BY ${keys.slice(0, 1 + random.int(keys.length)).join(", ")}` : "",
    random.chance(0.15) ? ` ORDER BY ${order(writer)}` : "",
    random.chance(0.08) ? ` PER PARTITION LIMIT ${1 + random.int(3)}` : "",
    random.chance(0.2) ? ` LIMIT ${writer.value(plain("int"))}` : "",
    random.chance(0.6) ? " ALLOW FILTERING" : "",
  ].join("");
}

function order(writer: Writer): string {
  const { random } = writer;
  const turned = random.chance(0.5);
  return (
    writer
      .columns("clustering")
      .slice(0, 1 + random.int(2))
      .map(({ name }) => {
        const descends = writer.table.options.includes(`${name} DESC`) !== turned;
        return `${name} ${random.chance(0.05) !== descends ? "DESC" : "ASC"}`;
      })
      .join(", ") || "p ASC"
  );
}

function selector(writer: Writer, column: Column): string {
  const { random } = writer;
  const { name, type, kind } = column;
  if (random.chance(0.4)) return name;
  const keys = writer
    .columns("partition")
    .map((each) => each.name)
    .join(", ");
  const choices: (() => string)[] = [
    () => "count(*)",
    () => `count(${name})`,
    () => `min(${name})`,
    () => `max(${name})`,
    () => `token(${keys})`,
    () => `${name} AS other`,
    () => `CAST(${name} AS ${random.pick(["text", "int", "bigint", "double", "decimal", "varint", "float", "ascii"])})`,
  ];
  if (writer.isTimed && (kind === "regular" || kind === "static")) choices.push(() => `writetime(${name})`);
  if (isNumber(column))
    choices.push(
      () => `sum(${name})`,
      () => `avg(${name})`,
      () => `${name} ${random.pick(["+", "-", "*", "/", "%"])} ${1 + random.int(3)}`,
      // Without the space, the lexer of 5.0 takes the n for the beginning of NaN.
      () => `- ${name}`,
      () => `abs(${name})`,
    );
  if (type.kind === "map")
    choices.push(
      () => `${name}[${writer.value(type.key)}]`,
      () => `map_keys(${name})`,
      () => `map_values(${name})`,
    );
  if (type.kind === "set") choices.push(() => `${name}[${writer.value(type.element)}]`);
  if (type.kind === "set" || type.kind === "list" || type.kind === "map")
    choices.push(
      () => `collection_count(${name})`,
      () => `collection_min(${name})`,
      () => `collection_max(${name})`,
    );
  if (type.kind === "udt") choices.push(() => `${name}.${random.pick(Object.keys(type.fields))}`);
  if (type.kind === "plain" && (type.name === "timestamp" || type.name === "timeuuid"))
    choices.push(
      () => `to_date(${name})`,
      () => `to_unix_timestamp(${name})`,
    );
  if (type.kind === "plain" && type.name !== "counter")
    choices.push(() => `blob_as_${type.name}(${type.name}_as_blob(${name}))`);
  return random.pick(choices)();
}

function relations(writer: Writer): string[] {
  const { random } = writer;
  const partition = writer.columns("partition");
  const clustering = writer.columns("clustering");
  const out: string[] = [];
  const equal = ({ name, type }: Column) => `${name} = ${writer.value(type)}`;
  const slice = ({ name, type }: Column) => `${name} ${random.pick([">", ">=", "<", "<="])} ${writer.value(type)}`;
  const among = ({ name, type }: Column) => `${name} IN (${random.some(3, () => writer.value(type)).join(", ")})`;
  const shape = random.int(10);
  if (shape < 6) out.push(...partition.map((column) => (random.chance(0.15) ? among(column) : equal(column))));
  else if (shape === 6) {
    const names = partition.map(({ name }) => name).join(", ");
    const values = partition.map(({ type }) => writer.value(type)).join(", ");
    out.push(`token(${names}) ${random.pick([">", ">=", "<", "<="])} token(${values})`);
  } else if (shape === 7) out.push(random.pick([equal, slice, among])(random.pick(partition)));
  if (clustering.length > 0 && random.chance(0.5)) {
    if (clustering.length > 1 && random.chance(0.25)) {
      const names = clustering.map(({ name }) => name).join(", ");
      const tuple = () => `(${clustering.map(({ type }) => writer.value(type)).join(", ")})`;
      out.push(
        random.chance(0.3)
          ? `(${names}) IN (${random.some(2, tuple).join(", ")})`
          : `(${names}) ${random.pick([">", ">=", "<", "<=", "="])} ${tuple()}`,
      );
    } else {
      const given = random.int(clustering.length + 1);
      out.push(...clustering.slice(0, given).map((column) => (random.chance(0.2) ? among(column) : equal(column))));
      const next = clustering[given];
      if (next !== undefined && random.chance(0.7)) {
        out.push(slice(next));
        if (random.chance(0.3)) out.push(slice(next));
      }
    }
  }
  if (random.chance(0.3)) out.push(...random.some(2, () => filter(writer)));
  return out;
}

/** A relation on a column that is no key. */
function filter(writer: Writer): string {
  const { random } = writer;
  const { name, type } = random.pick(writer.columns("static", "regular"));
  if (type.kind === "map" && random.chance(0.8))
    return random.pick([
      () => `${name} CONTAINS ${writer.value(type.value)}`,
      () => `${name} CONTAINS KEY ${writer.value(type.key)}`,
      () => `${name}[${writer.value(type.key)}] = ${writer.value(type.value)}`,
    ])();
  if ((type.kind === "set" || type.kind === "list") && random.chance(0.8))
    return `${name} CONTAINS ${writer.value(type.element)}`;
  return random.chance(0.1)
    ? `${name} IN (${random.some(2, () => writer.value(type)).join(", ")})`
    : `${name} ${random.pick(["=", "=", ">", ">=", "<", "<="])} ${writer.value(type)}`;
}
