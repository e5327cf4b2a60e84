import { describe, expect, it } from "vitest";
import { seeded } from "../../../../test/redis/random-commands.js";
import { commands } from "../commands/table.js";
import type { Database } from "../data/database.js";
import { TYPE_STRING } from "../data/entry.js";
import { RedisServer } from "../state.js";
import { KeyWalk } from "./key-walk.js";

function serverWith(count: number): { server: RedisServer; db: Database } {
  const server = new RedisServer({
    clock: { now: () => 1 },
    random: Math.random,
    intercept: undefined,
    auth: undefined,
    commands: commands(),
    settings: {},
  });
  const db = server.dbs[0]!;
  for (let i = 0; i < count; i++) db.add(`k${i}`, TYPE_STRING, `v${i}`);
  return { server, db };
}

describe("a walk over all keys", () => {
  it.each(Array.from({ length: 20 }, (_, seed) => seed))("sees each key once as it was (seed %i)", (seed) => {
    const { server, db } = serverWith(400);
    const random = seeded(seed);
    const before = Object.fromEntries([...db.entries()].map(({ key, value }) => [key, value]));
    const seen: [string, unknown][] = [];
    const walk = new KeyWalk(server, (_, { key, value }) => void seen.push([key, value]));
    for (let round = 0; !walk.step(-1); round++) {
      for (let i = 0; i < 12; i++) {
        const what = random();
        const entry = db.size === 0 ? undefined : db.entryAt(Math.floor(random() * db.size));
        if (entry === undefined || what < 0.3) db.add(`new${seed}-${round}-${i}`, TYPE_STRING, "new");
        else if (what < 0.65) db.delete(entry);
        else if (what < 0.85) db.replace(entry, TYPE_STRING, "changed");
        else db.set(entry.key, TYPE_STRING, "set");
      }
    }
    expect(seen).toHaveLength(400);
    expect(Object.fromEntries(seen)).toEqual(before);
    expect(db.walks.size + server.walks.size).toBe(0);
  });

  it("lets two go on at once", () => {
    const { server, db } = serverWith(100);
    const first: string[] = [];
    const second: string[] = [];
    const one = new KeyWalk(server, (_, { key }) => void first.push(key));
    one.step(-1);
    db.delete(db.entryAt(0));
    const two = new KeyWalk(server, (_, { key }) => void second.push(key));
    two.step(-1);
    db.delete(db.entryAt(0));
    one.finish();
    two.finish();
    expect([new Set(first).size, first.length]).toEqual([100, 100]);
    expect([new Set(second).size, second.length]).toEqual([99, 99]);
  });
});
