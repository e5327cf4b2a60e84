import { deserialize, serialize } from "bson";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Field, Fields } from "../../model/field.js";
import type { MongoCollection } from "../../plan/mongodb/types.js";
import { sameRecord } from "../port/same-record.js";
import { bsonValues } from "./bson-values.js";
import { compileCodec } from "./codec.js";

const wellFormed = (each: string) => !/\p{Surrogate}/u.test(each);
const facts = { optional: false, nullable: false };
const fields: Fields = {
  id: { kind: "string", ...facts },
  part: { kind: "int", ...facts },
  text: { kind: "string", optional: true, nullable: true },
  whole: { kind: "int", ...facts },
  long: { kind: "int64", ...facts },
  double: { kind: "double", ...facts },
  price: { kind: "decimal", scale: 3, ...facts },
  flag: { kind: "boolean", ...facts },
  at: { kind: "date", ...facts },
  raw: { kind: "bytes", ...facts },
  uid: { kind: "uuid", ...facts },
  list: { kind: "array", element: { kind: "double", ...facts }, ...facts },
  nested: {
    kind: "object",
    fields: { a: { kind: "int", ...facts }, b: { kind: "string", optional: true, nullable: false } },
    ...facts,
  },
  map: { kind: "map", value: { kind: "int64", ...facts }, ...facts },
  json: { kind: "json", ...facts },
};

function collectionOf(key: readonly string[], all: Fields = fields): MongoCollection {
  const stored = Object.entries(all).map(([field, type]: [string, Field]) => ({
    field,
    path: !key.includes(field) ? field : key.length === 1 ? "_id" : `_id.${field}`,
    bson: "any" as const,
    type,
  }));
  const id =
    key.length === 1
      ? { kind: "value" as const, field: key[0]!, bson: "any" as const }
      : { kind: "document" as const, parts: key.map((field) => ({ field, bson: "any" as const })) };
  return {
    entity: "thing",
    name: "things",
    id,
    fields: stored,
    version: { path: "_v" },
    indexes: [],
    estimate: {} as never,
  };
}

const text = fc.string({ unit: "grapheme" }).filter((each) => wellFormed(each));
const name = fc.string({ unit: "grapheme", minLength: 1 }).filter((each) => wellFormed(each) && !each.includes("\0"));
const json = fc
  .jsonValue({ maxDepth: 3, noUnicodeString: false })
  .filter(
    (each) =>
      wellFormed(JSON.stringify(each)) &&
      !JSON.stringify(each).includes("\\u0000") &&
      !JSON.stringify(each).includes("\\ud"),
  );
const record = fc.record(
  {
    id: text.filter((each) => !each.includes("\0")),
    part: fc.maxSafeInteger(),
    text: fc.option(text),
    whole: fc.maxSafeInteger(),
    long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    double: fc.double({ noNaN: true, noDefaultInfinity: true }),
    price: fc
      .integer({ min: -(2 ** 45), max: 2 ** 45 })
      .map((n) => `${n < 0 ? "-" : ""}${Math.floor(Math.abs(n) / 1000)}.${String(Math.abs(n) % 1000).padStart(3, "0")}`)
      .map((each) => (/^-0\.000$/.test(each) ? "0.000" : each)),
    flag: fc.boolean(),
    at: fc.date({ noInvalidDate: true }),
    raw: fc.uint8Array(),
    uid: fc.uuid(),
    list: fc.array(fc.double({ noNaN: true, noDefaultInfinity: true })),
    nested: fc.record({ a: fc.maxSafeInteger(), b: text }, { requiredKeys: ["a"] }),
    map: fc.dictionary(name, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    json,
  },
  {
    requiredKeys: [
      "id",
      "part",
      "whole",
      "long",
      "double",
      "price",
      "flag",
      "at",
      "raw",
      "uid",
      "list",
      "nested",
      "map",
      "json",
    ],
  },
);

test.each([[["id"]], [["id", "part"]]])("every record comes back from its bytes, with key %j", (key) => {
  const codec = compileCodec(collectionOf(key), bsonValues(7));
  fc.assert(
    fc.property(record, (given) => {
      const document = codec.encode(given);
      const bytes = serialize(document);
      expect(bytes.length).toBeLessThanOrEqual(codec.lastSize() + 64);
      const read = codec.decode(bytes);
      expect(read).toEqual(given);
      expect(sameRecord(fields, given, read)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("numbers keep their BSON types, so that other programs read what was meant", () => {
  const codec = compileCodec(collectionOf(["id"]), bsonValues(7));
  const given = {
    id: "x",
    part: 1,
    whole: 2 ** 40,
    long: 5n,
    double: 3,
    price: "2.5",
    flag: true,
    at: new Date(0),
    raw: new Uint8Array(),
    uid: "00000000-0000-4000-8000-000000000000",
    list: [],
    nested: { a: -0 },
    map: {},
    json: null,
  };
  const stored = deserialize(serialize(codec.encode(given)), { promoteValues: false }) as Record<
    string,
    { _bsontype: string }
  >;
  expect(
    Object.fromEntries(
      ["part", "whole", "long", "double", "price", "uid"].map((each) => [each, stored[each]?._bsontype]),
    ),
  ).toEqual({
    part: "Int32",
    whole: "Long",
    long: "Long",
    double: "Double",
    price: "Decimal128",
    uid: expect.stringMatching(/^(UUID|Binary)$/),
  });
});

test("what does not fit names its place; members in another order, and unknown ones, are no trouble", () => {
  const all: Fields = {
    id: { kind: "int", ...facts },
    tags: { kind: "array", element: { kind: "string", ...facts }, ...facts },
  };
  const codec = compileCodec(collectionOf(["id"], all), bsonValues(7));
  expect(codec.decode(serialize({ other: { x: [1] }, tags: ["a"], more: 1n, _id: 7 }))).toEqual({ id: 7, tags: ["a"] });
  const bad = (document: object) => () => codec.decode(serialize(document));
  expect(bad({ _id: 7, tags: ["a", 1] })).toThrow(
    expect.objectContaining({
      code: "SCHEMA_MISMATCH",
      data: expect.objectContaining({ path: ["tags", 1], key: { id: 7 } }),
    }),
  );
  expect(bad({ _id: 7 })).toThrow("does not fit the schema at tags: expected a value of type array, found nothing");
  expect(bad({ _id: 7.5, tags: [] })).toThrow("at id: expected a whole number");
  expect(codec.decodeStored(serialize({ _id: 1, tags: [], _v: 12n, _w: [{ i: "w", v: 12n }] }))).toEqual({
    record: { id: 1, tags: [] },
    version: 12,
    writes: [{ id: "w", version: 12 }],
  });
});
