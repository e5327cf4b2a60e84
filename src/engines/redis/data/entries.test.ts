import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Entries, isShort } from "./entries.js";
import { Entry, sizeOfEntry, TYPE_STRING } from "./entry.js";
import { NOWHERE } from "./string-index.js";

/** What a database does to set a key's string. */
function set(entries: Entries, key: string, value: string, access = 0): void {
  if (isShort(key, value)) entries.setText(entries.find(key), key, value, access);
  else {
    const entry = entries.get(key);
    if (entry === undefined) entries.insert(new Entry(key, TYPE_STRING, value, access));
    else entry.value = value;
    entries.account(entries.get(key)!);
  }
}

const megabyte = 2 ** 20;

function contents(entries: Entries): Map<string, unknown> {
  const out = new Map<string, unknown>();
  let bytes = 0;
  for (let place = 0; place < entries.size; place++) {
    const entry = entries.at(place);
    expect(entry.index).toBe(place);
    expect(entries.keyAt(place)).toBe(entry.key);
    bytes += entry.bytes;
    if (entries.find(entry.key) >= 0) expect(entry.bytes).toBe(sizeOfEntry(entry));
    out.set(entry.key, entry.value);
  }
  expect(entries.bytes).toBe(bytes);
  return out;
}

describe("the entries of a database", () => {
  it("hold what a Map holds, as compact strings and as entries", () => {
    const key = fc.integer({ min: 0, max: 60 }).map((n) => (n % 7 === 0 ? `${n}`.padEnd(300, "k") : `key:${n}`));
    const value = fc.tuple(fc.integer({ min: 0, max: 1100 }), fc.integer({ min: 0, max: 255 }));
    const kinds = ["set", "set", "set", "number", "count", "count", "get", "delete", "pin"] as const;
    const steps = fc.array(fc.tuple(fc.constantFrom(...kinds), key, value), { maxLength: 400 });
    fc.assert(
      fc.property(steps, (changes) => {
        const entries = new Entries();
        const model = new Map<string, string>();
        for (const [what, key, [length, code]] of changes) {
          if (what === "set") {
            const text = String.fromCharCode(code).repeat(length);
            set(entries, key, text);
            model.set(key, text);
          } else if (what === "number") {
            // Of any length up to what is exact, and beyond.
            const text = String((code % 2 === 0 ? 1 : -1) * (10 ** (code % 17) - (length % 3)));
            set(entries, key, text);
            model.set(key, text);
          } else if (what === "count") {
            const ref = entries.find(key);
            if (ref >= NOWHERE) continue;
            const by = (length % 23) * 10 ** (code % 9) - 5;
            const sum = entries.count(ref, by);
            if (Number.isNaN(sum)) continue;
            const old = model.get(key)!;
            expect(old).toMatch(/^(0|-?[1-9][0-9]{0,14})$/);
            expect(sum).toBe(Number(old) + by);
            model.set(key, String(sum));
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
    entries.setText(NOWHERE, "key", "value", 77);
    const small = entries.bytes;
    const ref = entries.find("key");
    expect(entries.access(ref)).toBe(77);
    entries.setAccess(ref, 2 ** 31 - 1);
    entries.setText(ref, "key", "a value of another size", 2 ** 31 - 1);
    expect(entries.bytes).toBe(small + 18);
    expect(entries.look("key")).toMatchObject({ access: 2 ** 31 - 1, bytes: small + 18, expireAt: 0 });
    const entry = entries.get("key")!;
    expect(entry.bytes).toBe(sizeOfEntry(entry));
    expect(entries.bytes).toBe(entry.bytes);
    entries.setText(entries.find("key"), "key", "v", 1);
    expect(entries.bytes).toBe(small - 4);
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
    expect(entries.heldBytes).toBe(megabyte);
    expect(entries.freeBytes).toBe(0);
  });

  it("hold what a Map holds while pages fill and are given back", () => {
    const entries = new Entries();
    const model = new Map<string, string>();
    let seed = 1;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return (seed >>> 8) % below;
    };
    let most = 0;
    // Waves of other keys and sizes, each ending with most of its strings gone.
    for (let wave = 0; wave < 6; wave++) {
      for (let step = 0; step < 50_000; step++) {
        const key = `key:${random(6000 + wave * 1000)}`;
        const what = random(10);
        most = Math.max(most, entries.heldBytes);
        if (what < (step < 24_000 ? 7 : 1)) {
          const value = String.fromCharCode(random(256)).repeat(random(1 + wave * 200));
          set(entries, key, value);
          model.set(key, value);
        } else if (what === 8) expect(entries.get(key)?.value).toBe(model.get(key));
        else if (model.delete(key)) {
          const ref = entries.find(key);
          entries.delete(ref >= 0 ? entries.entry(ref) : entries.look(key)!);
        }
      }
      expect(contents(entries)).toEqual(model);
      for (const [key, value] of model) expect(entries.look(key)?.value).toBe(value);
    }
    expect(most).toBeGreaterThan(3 * megabyte);
    expect(entries.heldBytes).toBeLessThan(most);
    for (const key of model.keys()) entries.delete(entries.get(key)!);
    expect(entries).toMatchObject({ size: 0, bytes: 0, heldBytes: megabyte, freeBytes: 0 });
  });

  it("hold at most twice what is in use, and a page, while values grow and shrink", () => {
    const entries = new Entries();
    const count = 6000;
    const sizes = Array.from({ length: 62 }, (_, i) => 8 + i * 16);
    for (const size of [...sizes, ...sizes.reverse()]) {
      for (let i = 0; i < count; i++) set(entries, `key:${i}`, "x".repeat(size));
      // Keys have at most 8 bytes, and each record a head of 12.
      expect(entries.heldBytes).toBeLessThan(2.01 * count * (size + 36) + 2 * megabyte);
      expect(entries.freeBytes).toBeLessThan(entries.heldBytes);
    }
    expect(entries.size).toBe(count);
  });

  it("give a page back that was mostly unused when it became full", () => {
    const entries = new Entries();
    for (let i = 0; i < 1000; i++) set(entries, `long:${i}`, "x".repeat(900));
    for (let i = 0; i < 1000; i++) entries.delete(entries.look(`long:${999 - i}`)!);
    set(entries, "stays", "x");
    for (let i = 0; i < 1000; i++) set(entries, `long:${i}`, "x".repeat(900));
    for (let i = 0; i < 1000; i++) entries.delete(entries.look(`long:${i}`)!);
    for (let i = 0; i < 300; i++) set(entries, `short:${i}`, "x".repeat(500));
    expect(entries.heldBytes).toBe(2 * megabyte);
    // One that lies in the second page.
    entries.delete(entries.look("short:299")!);
    expect(entries.heldBytes).toBe(megabyte);
    for (let i = 0; i < 299; i++) expect(entries.look(`short:${i}`)?.value).toBe("x".repeat(500));
    expect(entries.look("stays")?.value).toBe("x");
  });

  it("use the same page again when the only compact string goes or changes its size", () => {
    const allocate = vi.spyOn(Buffer, "allocUnsafeSlow");
    const entries = new Entries();
    for (let i = 0; i < 100_000; i++) {
      // As INCR and EXPIRE do it: the string becomes an entry.
      set(entries, `key:${i % 1000}`, "1");
      entries.get(`key:${i % 1000}`);
    }
    for (let i = 0; i < 1000; i++) set(entries, "lone", "x".repeat(i));
    expect(allocate).toHaveBeenCalledTimes(1);
    expect(entries.heldBytes).toBe(megabyte);
    allocate.mockRestore();
  });
});
