import fc from "fast-check";
import { expect, test } from "vitest";
import { CursorSigner, type CursorValue } from "./cursor.js";

const value: fc.Arbitrary<CursorValue> = fc.oneof(
  fc.string(),
  fc.double(),
  fc.bigInt(),
  fc.boolean(),
  fc.constant(null),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array(),
);

test("every position comes back as it went in", () => {
  const signer = new CursorSigner("a secret of sixteen");
  fc.assert(
    fc.property(fc.string(), fc.array(value), (context, position) => {
      expect(signer.read(context, signer.sign(context, position))).toEqual(position);
    }),
  );
});

test("no altered cursor is read, and none under another context or secret", () => {
  const signer = new CursorSigner("a secret of sixteen");
  const cursor = signer.sign("q", ["x", 1]);
  fc.assert(
    fc.property(fc.nat(cursor.length - 1), fc.constantFrom(..."ABCDEFGHabcdefgh0123456789-_"), (at, letter) => {
      fc.pre(cursor[at] !== letter);
      const altered = cursor.slice(0, at) + letter + cursor.slice(at + 1);
      expect(() => signer.read("q", altered)).toThrow(expect.objectContaining({ code: "CURSOR_INVALID" }));
    }),
    { numRuns: 500 },
  );
  for (const text of ["", "x", cursor.slice(1), `${cursor}A`, cursor.slice(0, 20)]) {
    expect(() => signer.read("q", text)).toThrow(expect.objectContaining({ code: "CURSOR_INVALID" }));
  }
  expect(() => signer.read("r", cursor)).toThrow(expect.objectContaining({ code: "CURSOR_INVALID" }));
  expect(() => new CursorSigner("another secret 16").read("q", cursor)).toThrow(
    expect.objectContaining({ code: "CURSOR_INVALID" }),
  );
  expect(new CursorSigner("a secret of sixteen").read("q", cursor)).toEqual(["x", 1]);
});
