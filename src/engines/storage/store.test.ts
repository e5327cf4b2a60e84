import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { LmdbStore } from "./lmdb-store.js";
import { MemoryStore } from "./memory-store.js";
import type { Range, Store } from "./store.js";

const folders: string[] = [];
const stores: Store[] = [];

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function openLmdb(): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), "keyfold-store-"));
  folders.push(folder);
  return LmdbStore.open(folder);
}

const kinds: readonly [string, () => Promise<Store>][] = [
  ["memory", async () => new MemoryStore()],
  ["lmdb", openLmdb],
];

// Few different bytes, so that keys share prefixes and hit each other; 0x00 and 0xff are the dangerous ones.
const key = fc
  .array(fc.constantFrom("\x00", "\x01", "a", "b", "\xfe", "\xff"), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.join(""));
const value = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));

type Step =
  | { kind: "put"; key: string; value: Buffer }
  | { kind: "delete"; key: string }
  | { kind: "fail"; key: string; value: Buffer };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("put" as const), key, value }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("delete" as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("fail" as const), key, value }) },
);

function walk(store: Store, tree: number, range: Range): [string, string][] {
  const cursor = store.tree(tree).scan(range);
  const all: [string, string][] = [];
  while (cursor.next()) all.push([cursor.key, cursor.value.toString("hex")]);
  return all;
}

function expected(model: Map<string, Buffer>, range: Range): [string, string][] {
  const all = [...model]
    .filter(([k]) => (range.from === undefined || k >= range.from) && (range.to === undefined || k < range.to))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]): [string, string] => [k, v.toString("hex")]);
  return range.reverse === true ? all.reverse() : all;
}

describe.each(kinds)("the store port: %s", (_name, open) => {
  it("holds what a sorted map would hold, whatever is written, undone and walked", async () => {
    const store = await open();
    stores.push(store);
    let next = 1;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.option(key, { nil: undefined }),
        fc.option(key, { nil: undefined }),
        fc.boolean(),
        async (steps, from, to, reverse) => {
          const id = next++;
          const other = next++;
          const model = new Map<string, Buffer>();
          await store.write(() => store.tree(other).put("z", Buffer.from("neighbour")));
          for (const each of steps) {
            if (each.kind === "put") {
              const fresh = await store.write(() => store.tree(id).put(each.key, each.value));
              expect(fresh).toBe(!model.has(each.key));
              model.set(each.key, each.value);
            } else if (each.kind === "delete") {
              expect(await store.write(() => store.tree(id).delete(each.key))).toBe(model.delete(each.key));
            } else {
              await expect(
                (async () =>
                  store.write(() => {
                    store.tree(id).put(each.key, each.value);
                    for (const k of model.keys()) store.tree(id).delete(k);
                    throw new Error("no");
                  }))(),
              ).rejects.toThrow("no");
            }
          }
          const range: Range = {
            ...(from === undefined ? {} : { from }),
            ...(to === undefined ? {} : { to }),
            reverse,
          };
          expect(walk(store, id, range)).toEqual(expected(model, range));
          expect(store.tree(id).size).toBe(model.size);
          const whole = expected(model, {});
          expect(store.tree(id).last()).toBe(whole.at(-1)?.[0]);
          expect(store.tree(id).first(from, to)).toBe(expected(model, { ...range, reverse: false })[0]?.[0]);
          const inRange = expected(model, range).length;
          expect(store.tree(id).count(range, 1000)).toBe(inRange);
          expect(store.tree(id).count(range, 2)).toBe(Math.min(2, inRange));
          for (const [k, v] of model) {
            expect(store.tree(id).get(k)?.equals(v)).toBe(true);
            expect(store.tree(id).has(k)).toBe(true);
          }
          let bytes = 0;
          for (const [k, v] of model) bytes += k.length + v.length;
          expect(store.tree(id).bytes).toBe(bytes);
          await store.write(() => store.dropTree(id));
          expect(walk(store, id, {})).toEqual([]);
          expect(store.tree(other).get("z")?.toString()).toBe("neighbour");
        },
      ),
      { numRuns: _name === "lmdb" ? 25 : 200 },
    );
  });

  it.each([false, true])("walks soundly while the tree is written (reverse: %s)", async (reverse) => {
    const store = await open();
    stores.push(store);
    const name = (i: number): string => `k${String(i).padStart(6, "0")}`;
    await store.write(() => {
      for (let i = 0; i < 3000; i += 2) store.tree(1).put(name(i), Buffer.from([1]));
    });
    const cursor = store.tree(1).scan({ reverse });
    const seen: string[] = [];
    for (let round = 0; cursor.next(); round++) {
      seen.push(cursor.key);
      if (round % 50 !== 0) continue;
      await store.write(() => {
        const at = Number(cursor.key.slice(1));
        // New keys on both sides, the current one gone, and one far behind gone.
        store.tree(1).put(name(at + 1), Buffer.from([2]));
        store.tree(1).put(name(Math.max(0, at - 1)), Buffer.from([2]));
        store.tree(1).delete(cursor.key);
      });
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect([...seen].sort((a, b) => (a < b === !reverse ? -1 : 1))).toEqual(seen);
    for (let i = 0; i < 3000; i += 2) expect(seen).toContain(name(i));
  });

  it("refuses changes outside of a write", async () => {
    const store = await open();
    stores.push(store);
    expect(() => store.tree(1).put("a", Buffer.from("b"))).toThrow(/outside/);
    expect(() => store.tree(1).delete("a")).toThrow(/outside/);
  });

  it("drops everything when it is cleared", async () => {
    const store = await open();
    stores.push(store);
    await store.write(() => store.tree(1).put("a", Buffer.from("b")));
    await store.clear();
    expect(store.tree(1).get("a")).toBeUndefined();
    expect(store.tree(1).size).toBe(0);
  });
});

describe("the store in a folder", () => {
  it("has everything after it was opened again", async () => {
    const folder = mkdtempSync(join(tmpdir(), "keyfold-store-"));
    folders.push(folder);
    const before = await LmdbStore.open(folder);
    await Promise.all(
      Array.from({ length: 500 }, (_, i) =>
        before.write(() => before.tree(i % 3).put(`k${i}`, Buffer.from(String(i)))),
      ),
    );
    await before.close();
    const after = await LmdbStore.open(folder);
    stores.push(after);
    for (let i = 0; i < 500; i++)
      expect(
        after
          .tree(i % 3)
          .get(`k${i}`)
          ?.toString(),
      ).toBe(String(i));
    expect(after.tree(0).size).toBe(167);
  });

  it("refuses a key that no page can hold, and keeps the write out as a whole", async () => {
    const store = await openLmdb();
    stores.push(store);
    const write = (async () =>
      store.write(() => {
        store.tree(1).put("a", Buffer.from("b"));
        store.tree(1).put("x".repeat(3000), Buffer.from("b"));
      }))();
    await expect(write).rejects.toThrow(/3000 bytes/);
    expect(store.tree(1).get("a")).toBeUndefined();
  });
});
