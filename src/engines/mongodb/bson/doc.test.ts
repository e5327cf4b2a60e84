import { BSON, type Document, Double, Long } from "bson";
import { describe, expect, it } from "vitest";
import { BsonWriter, Doc, decodeDoc, encodeDoc, int32 } from "./doc.js";
import { validateDoc } from "./validate.js";

const everyType: Document = {
  double: new Double(-0),
  string: "ünïcode 漢字 🙂 and longer than any fast path would like",
  ascii: "abc",
  doc: { z: 1, "1": 2, __proto__x: 3 },
  array: [1, "a", [new Double(2.5)], { a: 1 }],
  binary: new BSON.Binary(Buffer.from([1, 2, 3]), 0),
  uuid: new BSON.UUID("0189c8b4-5b7a-7000-8000-000000000001"),
  id: new BSON.ObjectId("0123456789abcdef01234567"),
  yes: true,
  no: false,
  date: new Date(-1),
  late: new Date(8.64e15),
  null: null,
  regex: new BSON.BSONRegExp("^a.*b$", "imsx"),
  code: new BSON.Code("function () {}"),
  scoped: new BSON.Code("x", { a: 1, b: { c: "d" } }),
  symbol: new BSON.BSONSymbol("s"),
  int: new BSON.Int32(-2147483648),
  timestamp: new BSON.Timestamp({ t: 4294967295, i: 7 }),
  long: Long.fromString("-9223372036854775808"),
  decimal: BSON.Decimal128.fromString("1.20E-6170"),
  max: new BSON.MaxKey(),
  min: new BSON.MinKey(),
};
const bytes = Buffer.from(BSON.serialize(everyType));

function decodeDeep(doc: Doc): Doc {
  const copy = decodeDoc(doc.toBytes());
  for (const [name, value] of copy.entries()) if (value instanceof Doc) copy.set(name, decodeDeep(value));
  return copy;
}

describe("Doc", () => {
  it("decodes and encodes every type without changing a byte", () => {
    expect(encodeDoc(decodeDeep(Doc.raw(bytes))).equals(bytes)).toBe(true);
  });

  it("gives the very bytes of a raw document, at any offset", () => {
    const padded = Buffer.concat([Buffer.from("abc"), bytes, Buffer.from("x")]);
    const doc = Doc.raw(padded, 3);
    expect(doc.toBytes().equals(bytes)).toBe(true);
    expect(doc.keys()).toEqual(Object.keys(everyType));
    expect(doc.size).toBe(Object.keys(everyType).length);
    expect(doc.get("ascii")).toBe("abc");
    expect(doc.get("asci")).toBeUndefined();
    expect(doc.get("asciii")).toBeUndefined();
    expect((doc.get("doc") as Doc).keys()).toEqual(["1", "z", "__proto__x"]);
  });

  it("keeps the order of integer-like names and has no prototype", () => {
    const doc = new Doc().set("2", int32(1)).set("1", int32(2)).set("__proto__", "p").set("constructor", true);
    expect(Doc.raw(encodeDoc(doc)).keys()).toEqual(["2", "1", "__proto__", "constructor"]);
    expect(new Doc().get("__proto__")).toBeUndefined();
    expect(new Doc().has("toString")).toBe(false);
  });

  it("replaces in place, appends, removes", () => {
    const doc = Doc.raw(bytes);
    doc.set("ascii", "xyz").set("new", null);
    expect(doc.delete("double")).toBe(true);
    expect(doc.delete("double")).toBe(false);
    expect(doc.keys()[0]).toBe("string");
    expect(doc.keys().at(-1)).toBe("new");
    expect(doc.get("ascii")).toBe("xyz");
    expect(Doc.raw(bytes).get("ascii")).toBe("abc");
  });

  it("finds fields of wide documents through its map after changes", () => {
    const doc = new Doc();
    for (let i = 0; i < 100; i++) doc.set(`k${i}`, int32(i));
    doc.delete("k3");
    doc.set("k3", int32(-3));
    expect(doc.get("k99")).toEqual(int32(99));
    expect(doc.get("k3")).toEqual(int32(-3));
    expect(doc.size).toBe(100);
  });

  it("clones what could be changed", () => {
    const doc = new Doc().set("a", new Doc().set("b", [new Doc().set("c", "old")]));
    const copy = doc.clone();
    (((copy.get("a") as Doc).get("b") as Doc[])[0] as Doc).set("c", "new");
    expect((((doc.get("a") as Doc).get("b") as Doc[])[0] as Doc).get("c")).toBe("old");
  });
});

describe("BsonWriter", () => {
  it("grows, nests and resets", () => {
    const writer = new BsonWriter(8);
    const top = writer.open();
    const array = writer.openArray("batch");
    writer.writeHead(3, "0");
    writer.writeDoc(Doc.raw(bytes));
    writer.close(array);
    writer.writeElement("ok", 1);
    writer.close(top);
    const written = Buffer.from(writer.buffer.subarray(0, writer.length));
    validateDoc(written);
    expect(BSON.deserialize(written, { promoteValues: false }).batch[0].ascii).toBe("abc");
    writer.reset();
    expect(writer.length).toBe(0);
  });
});

describe("validateDoc", () => {
  it("accepts what bson writes", () => {
    expect(() => validateDoc(bytes)).not.toThrow();
  });

  it("never lets a mutated document through that cannot be read", () => {
    let seed = 12345;
    const random = (n: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % n;
    };
    let refused = 0;
    for (let round = 0; round < 20_000; round++) {
      const mutated = Buffer.from(bytes);
      for (let i = 0; i <= random(3); i++) mutated[random(mutated.length)] = random(256);
      const cut = random(10) === 0 ? mutated.subarray(0, random(mutated.length)) : mutated;
      try {
        validateDoc(cut);
      } catch (error) {
        expect((error as { code: number }).code).toBeOneOf([15, 22]);
        refused++;
        continue;
      }
      const doc = decodeDeep(Doc.raw(Buffer.from(cut)));
      encodeDoc(doc);
    }
    expect(refused).toBeGreaterThan(1000);
  });

  it("bounds the nesting", () => {
    let nested: Document = {};
    for (let i = 0; i < 199; i++) nested = { a: nested };
    expect(() => validateDoc(Buffer.from(BSON.serialize(nested)))).not.toThrow();
    nested = { a: nested };
    expect(() => validateDoc(Buffer.from(BSON.serialize(nested)))).toThrow("nested object depth");
  });
});
