import { expect, test } from "vitest";
import { keyName } from "./key-name.js";

test("two keys have one name only where they are equal", () => {
  const keys = [
    ["a\0b", "c"],
    ["a", "b\0c"],
    ["a", "bc"],
    ["ab", "c"],
    ["1:a", ""],
    ["", "1:a"],
    [Buffer.from([0xff]), "x"],
    [Buffer.from([0xfe]), "x"],
    [new Date(5), 7n],
    [new Date(7), 5n],
  ];
  expect(new Set(keys.map(keyName)).size).toBe(keys.length);
  expect(keyName([Buffer.from([0xff]), new Date(1)])).toBe(keyName([new Uint8Array([0xff]), new Date(1)]));
});
