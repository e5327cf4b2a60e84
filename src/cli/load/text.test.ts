import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LineText, NOT_UTF8 } from "./text.js";

function cut(
  chunks: readonly Buffer[],
  maxLineBytes?: number,
): { text: string; doubtful: boolean; tooLong: [number, string][] } {
  const lines = new LineText(maxLineBytes === undefined ? {} : { maxLineBytes });
  const found = { text: "", doubtful: false, tooLong: [] as [number, string][] };
  const sink = {
    text(text: string, doubtful: boolean) {
      found.text += text;
      found.doubtful ||= doubtful;
    },
    tooLong(bytes: number, beginning: string) {
      found.tooLong.push([bytes, beginning]);
    },
  };
  for (const chunk of chunks) lines.push(chunk, sink);
  lines.end(sink);
  return found;
}

describe("text of whole lines", () => {
  test("comes back as it was, wherever the bytes are cut", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "é", "€", "😀", "\n", "\r"), maxLength: 40 });
    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (whole, sizes) => {
        const bytes = Buffer.from(whole);
        const chunks: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] as number;
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(cut(chunks)).toEqual({ text: whole, doubtful: false, tooLong: [] });
      }),
    );
  });

  test("a byte order mark is no part of it", () => {
    expect(cut([Buffer.from("\ufeffa,b\n1,2\n")]).text).toBe("a,b\n1,2\n");
  });

  test("a line that is not UTF-8 is marked, and only that one", () => {
    const { text, doubtful } = cut([Buffer.from("a\n"), Buffer.from([0x63, 0xe9, 0x0a, 0x64, 0x0a])]);
    expect(doubtful).toBe(true);
    expect(text).toBe(`a\ncé${NOT_UTF8}\nd\n`);
  });

  test("a line too long to hold is told, and the rest goes on", () => {
    const { text, tooLong } = cut(
      [Buffer.from("a\n"), Buffer.alloc(50, "x"), Buffer.alloc(60, "y"), Buffer.from("z\nb\n")],
      100,
    );
    expect(text).toBe("a\nb\n");
    expect(tooLong).toEqual([[111, "x".repeat(50) + "y".repeat(60)]]);
  });
});
