import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Entries, isShort } from "./entries.js";
import { Entry, TYPE_STRING } from "./entry.js";
import { NOWHERE } from "./string-index.js";

/** What a database does to set a key's string. */
function set(entries: Entries, key: string, value: string, access = 0): void {
  if (isShort(key, value)) entries.setText(entries.find(key), key, value, access);
  else {
    const entry = entries.get(key);
    if (entry === undefined) entries.insert(new Entry(key, TYPE_STRING, value, access));
    else entry.value = value;
  }
}

function contents(entries: Entries): Map<string, unknown> {
  const out = new Map<string, unknown>();
  for (let place = 0; place < entries.size; place++) {
    const entry = entries.at(place);
    expect(entry.index).toBe(place);
    expect(entries.keyAt(place)).toBe(entry.key);
    out.set(entry.key, entry.value);
  }
  return out;
}

describe("the entries of a database", () => {
  it("hold what a Map holds, as compact strings and as entries", () => {
    const key = fc.integer({ min: 0, max: 60 }).map((n) => (n % 7 === 0 ? `${n}`.padEnd(300, "k") : `key:${n}`));
    const value = fc.tuple(fc.integer({ min: 0, max: 1100 }), fc.integer({ min: 0, max: 255 }));
    const steps = fc.array(fc.tuple(fc.constantFrom("set", "set", "set", "get", "delete", "pin"), key, value), {
      maxLength: 400,
    });
    fc.assert(
      fc.property(steps, (changes) => {
        const entries = new Entries();
        const model = new Map<string, string>();
        for (const [what, key, [length, code]] of changes) {
          if (what === "set") {
            const text = String.fromCharCode(code).repeat(length);
            set(entries, key, text);
            model.set(key, text);
          } else if (what === "get") expect(entries.get(key)?.value).toBe(model.get(key));
          else if (what === "pin" && entries.size > 0) {
            const entry = entries.unpackedAt(code % entries.size);
            expect(entries.get(entry.key)).toBe(entry);
          } else if (what === "delete" && model.delete(key)) {
            const ref = entries.find(key);
            // The copy that a walk gives will do as well as the entry itself.
            const place = Array.from({ length: entries.size }, (_, i) => i).find((i) => entries.keyAt(i) === key)!;
            entries.delete(ref >= 0 ? entries.entry(ref) : entries.at(place));
          }
          expect(entries.size).toBe(model.size);
        }
        expect(contents(entries)).toEqual(model);
        for (let n = 0; n <= 60; n++) expect(entries.has(`key:${n}`)).toBe(model.has(`key:${n}`));
      }),
      { numRuns: 100 },
    );
  });

  it("give an access mark and counted bytes back as they took them", () => {
    const entries = new Entries();
    const grown = entries.setText(NOWHERE, "key", "value", 77);
    const ref = entries.find("key");
    expect(entries.access(ref)).toBe(77);
    entries.setAccess(ref, 2 ** 31 - 1);
    expect(entries.setText(ref, "key", "a value of another size", 2 ** 31 - 1)).toBe(18);
    const entry = entries.get("key")!;
    expect(entry).toMatchObject({ access: 2 ** 31 - 1, bytes: grown + 18, expireAt: 0 });
    expect(entries.setText(entries.find("key"), "key", "v", 1)).toBe(-22);
    expect(entry.bytes).toBe(0);
  });

  it("move what is left together when most is gone", () => {
    const entries = new Entries();
    const count = 60_000;
    for (let i = 0; i < count; i++) set(entries, `key:${i}`, `${i}`.padEnd(200, "."));
    for (let i = 0; i < count; i++) if (i % 20 !== 0) entries.delete(entries.get(`key:${i}`)!);
    expect(entries.size).toBe(count / 20);
    for (let i = 0; i < count; i += 20) {
      // Not as an entry: it stays compact.
      const ref = entries.find(`key:${i}`);
      expect(ref).toBeLessThan(NOWHERE);
      expect(entries.text(ref)).toBe(`${i}`.padEnd(200, "."));
    }
    expect(entries.heldBytes).toBeLessThan(count * 200 * 0.2);
    for (let i = 0; i < count; i += 20) entries.delete(entries.get(`key:${i}`)!);
    expect(entries.heldBytes).toBe(0);
  });
});
