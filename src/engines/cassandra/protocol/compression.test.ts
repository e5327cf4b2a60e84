import { expect, it } from "vitest";
import { compressionNames, compressorOf, lastMatch } from "./compression.js";

it.each(compressionNames)("%s gives back what it took", (name) => {
  const compressor = compressorOf(name)!;
  const random = Buffer.from(Array.from({ length: 3000 }, (_, at) => (at * at * 7919 + (at % 13) * 104_729) % 251));
  for (const body of [
    Buffer.from("x"),
    Buffer.alloc(5000, "ab"),
    random,
    Buffer.from("short text, a little longer than one run"),
  ])
    expect(compressor.decompress(compressor.compress(body)).equals(body)).toBe(true);
});

it("lz4 ends its blocks as other decoders demand", () => {
  const lz4 = compressorOf("lz4")!;
  for (let length = 13; length < 400; length++)
    for (const period of [2, 7, 30]) {
      const body = Buffer.from(Array.from({ length }, (_, at) => (at % period) * 31 + (at % 97 === 0 ? at : 0)));
      const block = lz4.compress(body).subarray(4);
      expect(lastMatch(block).at).toBeLessThanOrEqual(length - 12);
      expect(lz4.decompress(lz4.compress(body)).equals(body)).toBe(true);
    }
});

it("refuses bodies that are broken or too large", () => {
  const lz4 = compressorOf("lz4")!;
  expect(() => lz4.decompress(Buffer.from([1]))).toThrow("Truncated");
  expect(() => lz4.decompress(Buffer.from([0x7f, 0xff, 0xff, 0xff, 0]))).toThrow("too large");
  expect(compressorOf("zstd")).toBeUndefined();
});
