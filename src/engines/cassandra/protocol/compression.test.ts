import { expect, it } from "vitest";
import { compressionNames, compressorOf } from "./compression.js";

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

it("refuses bodies that are broken or too large", () => {
  const lz4 = compressorOf("lz4")!;
  expect(() => lz4.decompress(Buffer.from([1]))).toThrow("Truncated");
  expect(() => lz4.decompress(Buffer.from([0x7f, 0xff, 0xff, 0xff, 0]))).toThrow("too large");
  expect(compressorOf("zstd")).toBeUndefined();
});
