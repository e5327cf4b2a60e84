import { types } from "cassandra-driver";
import type { Random } from "./random.js";

/** A value as CQL writes it, and as the driver takes it. */
export interface Value {
  readonly text: string;
  readonly bound: unknown;
}

/** A CQL type with what values of it are like: few, so that they meet each other. */
export type Type =
  | { readonly kind: "plain"; readonly name: string }
  | { readonly kind: "list" | "set"; readonly element: Type; readonly frozen?: boolean }
  | { readonly kind: "map"; readonly key: Type; readonly value: Type; readonly frozen?: boolean }
  | { readonly kind: "tuple"; readonly parts: readonly Type[] }
  | { readonly kind: "udt"; readonly name: string; readonly fields: Readonly<Record<string, Type>>; frozen?: boolean };

export const plain = (name: string): Type => ({ kind: "plain", name });

export function typeText(type: Type): string {
  const frozen = (text: string) => ("frozen" in type && type.frozen === true ? `frozen<${text}>` : text);
  switch (type.kind) {
    case "plain":
      return type.name;
    case "list":
    case "set":
      return frozen(`${type.kind}<${typeText(type.element)}>`);
    case "map":
      return frozen(`map<${typeText(type.key)}, ${typeText(type.value)}>`);
    case "tuple":
      return `frozen<tuple<${type.parts.map(typeText).join(", ")}>>`;
    case "udt":
      return frozen(type.name);
  }
}

const of = (text: string, bound: unknown): Value => ({ text, bound });
const quoted = (text: string): Value => of(`'${text.replaceAll("'", "''")}'`, text);
const long = (text: string): Value => of(text, types.Long.fromString(text));

const plainValues: Readonly<Record<string, readonly Value[]>> = {
  int: [...[0, 1, 2, 3, -1, 7].map((n) => of(String(n), n)), of("2147483647", 2147483647)],
  bigint: ["0", "1", "-5", "9007199254740993", "-9223372036854775808"].map(long),
  smallint: [0, 1, -2, 32767].map((n) => of(String(n), n)),
  tinyint: [0, 1, -2, 127].map((n) => of(String(n), n)),
  varint: ["0", "1", "-128", "340282366920938463463374607431768211456"].map((text) =>
    of(text, types.Integer.fromString(text)),
  ),
  decimal: ["0", "1.5", "1.50", "-0.001", "12345678901234567890.5"].map((text) =>
    of(text, types.BigDecimal.fromString(text)),
  ),
  double: [
    ...[0, 1.5, -2.25, 1e300].map((n) => of(String(n), n)),
    of("NaN", Number.NaN),
    of("Infinity", Number.POSITIVE_INFINITY),
  ],
  float: [0, 1.5, -2.25].map((n) => of(String(n), n)),
  text: ["", "a", "b", "ab", "é", "it's"].map(quoted),
  ascii: ["", "a", "b", "~"].map(quoted),
  blob: ["", "00", "ff01"].map((hex) => of(`0x${hex}`, Buffer.from(hex, "hex"))),
  boolean: [of("true", true), of("false", false)],
  uuid: ["00000000-0000-4000-8000-000000000001", "ffffffff-ffff-4fff-bfff-ffffffffffff"].map((text) =>
    of(text, types.Uuid.fromString(text)),
  ),
  timeuuid: ["00000000-0000-1000-8000-000000000001", "50554d6e-29bb-11e5-b345-feff819cdc9f"].map((text) =>
    of(text, types.TimeUuid.fromString(text)),
  ),
  inet: ["127.0.0.1", "10.0.0.200", "::1"].map((text) => of(`'${text}'`, types.InetAddress.fromString(text))),
  timestamp: [
    of("'2026-01-02T03:04:05.678Z'", new Date("2026-01-02T03:04:05.678Z")),
    of("0", new Date(0)),
    of("-1", new Date(-1)),
    of("'2024-02-29'", new Date("2024-02-29T00:00:00Z")),
  ],
  date: ["2026-01-02", "1969-12-31", "2024-02-29"].map((text) => of(`'${text}'`, types.LocalDate.fromString(text))),
  time: ["00:00:00", "12:34:56.789", "23:59:59.999999999"].map((text) =>
    of(`'${text}'`, types.LocalTime.fromString(text)),
  ),
  duration: [
    of("1mo2d3ns", new types.Duration(1, 2, types.Long.fromNumber(3))),
    of("P1Y", new types.Duration(12, 0, types.Long.ZERO)),
    of("-5h", new types.Duration(0, 0, types.Long.fromString("-18000000000000"))),
  ],
  counter: [of("1", types.Long.ONE), of("-3", types.Long.fromNumber(-3)), of("10", types.Long.fromNumber(10))],
};

export const plainNames = Object.keys(plainValues).filter((name) => name !== "counter");

/** Each once, and in order: Cassandra keeps a set that is within another bound value as it comes. */
function ordered(items: readonly Value[]): Value[] {
  const distinct = [...new Map(items.map((item) => [item.text, item])).values()];
  return distinct.sort(({ bound: a }, { bound: b }) =>
    typeof a === "number" ? a - (b as number) : Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b))),
  );
}

/** A value of a type; whole collections may be empty. */
export function anyOf(type: Type, random: Random, isNested = false): Value {
  switch (type.kind) {
    case "plain":
      return random.pick(plainValues[type.name]!);
    case "list":
    case "set": {
      const any = random.chance(0.1) ? [] : random.some(3, () => anyOf(type.element, random, true));
      const items = isNested && type.kind === "set" ? ordered(any) : any;
      const [open, close] = type.kind === "list" ? ["[", "]"] : ["{", "}"];
      return of(
        open + items.map(({ text }) => text).join(", ") + close,
        items.map(({ bound }) => bound),
      );
    }
    case "map": {
      // Of two entries with one key, Cassandra takes either, as its hash table has them.
      const keys = random.chance(0.1) ? [] : ordered(random.some(3, () => anyOf(type.key, random, true)));
      const entries = random.shuffled(keys).map((key) => [key, anyOf(type.value, random, true)] as const);
      return of(
        `{${entries.map(([key, value]) => `${key.text}: ${value.text}`).join(", ")}}`,
        new Map(entries.map(([key, value]) => [key.bound, value.bound])),
      );
    }
    case "tuple": {
      const parts = type.parts.map((part) => (random.chance(0.1) ? of("null", null) : anyOf(part, random, true)));
      return of(`(${parts.map(({ text }) => text).join(", ")})`, new types.Tuple(...parts.map(({ bound }) => bound)));
    }
    case "udt": {
      const fields = Object.entries(type.fields)
        .filter(() => random.chance(0.8))
        .map(([name, field]) => [name, anyOf(field, random, true)] as const);
      if (fields.length === 0) return of("null", null);
      return of(
        `{${fields.map(([name, { text }]) => `${name}: ${text}`).join(", ")}}`,
        Object.fromEntries(fields.map(([name, { bound }]) => [name, bound])),
      );
    }
  }
}
