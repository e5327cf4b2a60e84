import { Random } from "./random.js";
import { select } from "./selects.js";
import type { Column, Table } from "./tables.js";
import { anyOf, plain, type Type, type Value } from "./values.js";

export interface Statement {
  readonly text: string;
  /** For the markers of `text`, where it is to be prepared. */
  readonly bound: readonly unknown[] | undefined;
  /** Rows of a page of a SELECT. */
  readonly fetchSize: number;
}

/** Writes a statement: values go in as text, or as markers with what they are bound to. */
export class Writer {
  readonly random: Random;
  readonly table: Table;
  /** Whether writes carry small timestamps of their own, so that later ones may lose. */
  readonly isTimed: boolean;
  readonly #bound: unknown[] | undefined;

  constructor(random: Random, table: Table, isTimed: boolean) {
    this.random = random;
    this.table = table;
    this.isTimed = isTimed;
    this.#bound = random.chance(0.4) ? [] : undefined;
  }

  columns(...kinds: readonly Column["kind"][]): Column[] {
    return this.table.columns.filter(({ kind }) => kinds.includes(kind));
  }

  /** A value of a type; now and then null, or of another type. */
  value(type: Type, mayBeNull = false): string {
    const { random } = this;
    if (mayBeNull && random.chance(0.12)) return this.put({ text: "null", bound: null });
    if (this.#bound === undefined && random.chance(0.02))
      return anyOf(plain(random.pick(["int", "text", "uuid", "boolean", "double"])), random).text;
    return this.put(anyOf(type, random));
  }

  put({ text, bound }: Value): string {
    if (this.#bound === undefined || this.random.chance(0.2)) return text;
    this.#bound.push(bound);
    return "?";
  }

  done(text: string): Statement {
    const { random } = this;
    return { text, bound: this.#bound, fetchSize: random.chance(0.5) ? 1 + random.int(5) : 5000 };
  }
}

/** A statement that depends on its number alone, so that a failing sequence shrinks to the statements that matter. */
export function statementOf(number: number, table: Table, isTimed: boolean): Statement {
  const random = new Random(number);
  const writer = new Writer(random, table, isTimed);
  const kind = random.int(100);
  if (kind < 42) return writer.done(select(writer));
  if (kind < 92) return writer.done(modification(writer));
  return writer.done(batch(writer));
}

function modification(writer: Writer): string {
  const isCounter = writer.table.name === "counts";
  const kind = writer.random.int(10);
  if (kind < 4 && (!isCounter || kind === 0)) return insert(writer);
  return kind < 8 ? update(writer) : remove(writer);
}

function batch(writer: Writer): string {
  const { random } = writer;
  const kind = writer.table.name === "counts" && random.chance(0.8) ? "COUNTER " : random.pick(["", "UNLOGGED "]);
  const using = writer.isTimed && random.chance(0.2) ? ` USING TIMESTAMP ${1 + random.int(30)}` : "";
  return `BEGIN ${kind}BATCH${using} ${random.some(3, () => modification(writer)).join("; ")}; APPLY BATCH`;
}

function using(writer: Writer, mayHaveTtl: boolean): string {
  const { random } = writer;
  const parts: string[] = [];
  if (mayHaveTtl && random.chance(0.08)) parts.push("TTL 100000");
  if (writer.isTimed ? random.chance(0.9) : random.chance(0.02)) parts.push(`TIMESTAMP ${1 + random.int(30)}`);
  return parts.length === 0 ? "" : ` USING ${parts.join(" AND ")}`;
}

function insert(writer: Writer): string {
  const { random } = writer;
  const keys = writer.columns("partition", "clustering").filter(() => random.chance(0.99));
  const others = writer.columns("static", "regular").filter(() => random.chance(0.4));
  // With static columns alone, the clustering may be left out.
  const columns =
    others.length > 0 && others.every(({ kind }) => kind === "static") && random.chance(0.5)
      ? [...writer.columns("partition"), ...others]
      : [...keys, ...others];
  const values = columns.map(({ type, kind }) => writer.value(type, kind === "static" || kind === "regular"));
  const condition = random.chance(writer.isTimed ? 0.02 : 0.15) ? " IF NOT EXISTS" : "";
  const names = columns.map(({ name }) => name).join(", ");
  return `INSERT INTO ${writer.table.name} (${names}) VALUES (${values.join(", ")})${condition}${using(writer, true)}`;
}

function assignment(writer: Writer, { name, type }: Column): string {
  const { random } = writer;
  if (type.kind === "plain" && type.name === "counter")
    return `${name} = ${name} ${random.pick(["+", "-"])} ${writer.value(type)}`;
  const whole = () => `${name} = ${writer.value(type, true)}`;
  if (random.chance(0.35)) return whole();
  switch (type.kind) {
    case "list":
      return random.pick([
        () => `${name} = ${name} + ${writer.value(type, true)}`,
        () => `${name} = ${writer.value(type, true)} + ${name}`,
        () => `${name} = ${name} - ${writer.value(type)}`,
        () => `${name}[${random.int(3)}] = ${writer.value(type.element, true)}`,
      ])();
    case "set":
      return `${name} = ${name} ${random.pick(["+", "-"])} ${writer.value(type)}`;
    case "map":
      return random.pick([
        () => `${name} = ${name} + ${writer.value(type)}`,
        () => `${name} = ${name} - ${writer.value({ kind: "set", element: type.key })}`,
        () => `${name}[${writer.value(type.key)}] = ${writer.value(type.value, true)}`,
      ])();
    case "udt": {
      const [field, fieldType] = random.pick(Object.entries(type.fields));
      return `${name}.${field} = ${writer.value(fieldType, true)}`;
    }
    default:
      return whole();
  }
}

function equalities(writer: Writer, columns: readonly Column[]): string[] {
  const { random } = writer;
  return columns
    .filter(() => random.chance(0.99))
    .map(({ name, type }) =>
      random.chance(0.08)
        ? `${name} IN (${random.some(2, () => writer.value(type)).join(", ")})`
        : `${name} = ${writer.value(type)}`,
    );
}

function condition(writer: Writer): string {
  const { random } = writer;
  if (!random.chance(writer.isTimed ? 0.02 : 0.15)) return "";
  if (random.chance(0.3)) return " IF EXISTS";
  const clauses = random.some(2, () => {
    const { name, type } = random.pick(writer.columns("static", "regular"));
    if (type.kind === "map" && random.chance(0.6))
      return `${name}[${writer.value(type.key)}] ${random.pick(["=", "!=", "<"])} ${writer.value(type.value, true)}`;
    if (random.chance(0.1)) return `${name} IN (${random.some(2, () => writer.value(type, true)).join(", ")})`;
    return `${name} ${random.pick(["=", "=", "!=", "<", ">="])} ${writer.value(type, true)}`;
  });
  return ` IF ${clauses.join(" AND ")}`;
}

function update(writer: Writer): string {
  const { random } = writer;
  const kinds = random.chance(0.2) ? (["static"] as const) : (["regular"] as const);
  const from = writer.columns(...kinds).length > 0 ? writer.columns(...kinds) : writer.columns("regular");
  const columns = random.shuffled(from).slice(0, 1 + random.int(2));
  const keys = columns[0]!.kind === "static" ? writer.columns("partition") : writer.columns("partition", "clustering");
  // In the order of the text, since markers are.
  const before = `UPDATE ${writer.table.name}${using(writer, true)} SET `;
  const sets = columns.map((column) => assignment(writer, column)).join(", ");
  return `${before}${sets} WHERE ${equalities(writer, keys).join(" AND ")}${condition(writer)}`;
}

function remove(writer: Writer): string {
  const { random } = writer;
  const partition = writer.columns("partition");
  const clustering = writer.columns("clustering");
  const targets = random.chance(0.5) ? [] : random.shuffled(writer.columns("static", "regular")).slice(0, 2);
  const names = targets.map(({ name, type }) => {
    if (!random.chance(0.5)) return name;
    if (type.kind === "map") return `${name}[${writer.value(type.key)}]`;
    if (type.kind === "set") return `${name}[${writer.value(type.element)}]`;
    if (type.kind === "list") return `${name}[${random.int(3)}]`;
    if (type.kind === "udt") return `${name}.${random.pick(Object.keys(type.fields))}`;
    return name;
  });
  const before = `DELETE ${names.join(", ")} FROM ${writer.table.name}${using(writer, false)} WHERE `;
  const wanted = targets.length > 0 ? clustering.length : random.int(clustering.length + 1);
  const where = equalities(writer, [...partition, ...clustering.slice(0, wanted)]);
  const next = clustering[wanted];
  if (targets.length === 0 && next !== undefined && random.chance(0.4)) {
    where.push(`${next.name} ${random.pick([">", ">=", "<", "<="])} ${writer.value(next.type)}`);
    if (random.chance(0.3)) where.push(`${next.name} <= ${writer.value(next.type)}`);
  }
  return `${before}${where.join(" AND ")}${condition(writer)}`;
}
