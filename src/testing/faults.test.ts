import { describe, expect, it } from "vitest";
import type { RequestInfo } from "../engines/engine.js";
import { type FaultRule, FaultTable } from "./faults.js";

const request = (command: string, target?: string): RequestInfo => ({
  engine: "mongodb",
  command,
  target,
  connectionId: 1,
});
const drop: FaultRule["fault"] = { kind: "close-before" };

describe("a table of faults", () => {
  it("applies a rule once, unless told how often", () => {
    const table = new FaultTable();
    const once = table.add({ command: "insert", fault: drop });
    expect([1, 2].map(() => table.intercept(request("insert")))).toEqual([drop, undefined]);
    expect(table.hits(once)).toBe(1);

    const twice = table.add({ command: "insert", fault: drop, times: 2 });
    expect([1, 2, 3].map(() => table.intercept(request("insert")))).toEqual([drop, drop, undefined]);
    expect(table.hits(twice)).toBe(2);

    table.add({ command: "insert", fault: drop, times: "always" });
    expect([1, 2, 3, 4].map(() => table.intercept(request("insert")))).toEqual([drop, drop, drop, drop]);
  });

  it("matches commands in any case and nothing else", () => {
    const table = new FaultTable();
    table.add({ command: ["findAndModify", "update"], fault: drop, times: "always" });
    expect(table.intercept(request("FINDANDMODIFY"))).toBe(drop);
    expect(table.intercept(request("update"))).toBe(drop);
    expect(table.intercept(request("updateMany"))).toBeUndefined();
  });

  it("matches a collection with its database or without", () => {
    const table = new FaultTable();
    table.add({ target: "line", fault: drop, times: "always" });
    table.add({ target: "shop.order", fault: drop, times: "always" });
    expect(table.intercept(request("find", "shop.line"))).toBe(drop);
    expect(table.intercept(request("find", "shop.online"))).toBeUndefined();
    expect(table.intercept(request("find", "shop.order"))).toBe(drop);
    expect(table.intercept(request("find", "other.order"))).toBeUndefined();
    expect(table.intercept(request("ping"))).toBeUndefined();
  });

  it("lets the first requests pass when told to skip them", () => {
    const table = new FaultTable();
    table.add({ fault: drop, skip: 2 });
    expect([1, 2, 3, 4].map(() => table.intercept(request("find")))).toEqual([undefined, undefined, drop, undefined]);
  });

  it("hits the same requests again for the same seed, others for another", () => {
    const run = (seed: number) => {
      const table = new FaultTable();
      table.add({ fault: drop, times: "always", probability: 0.3, seed });
      return Array.from({ length: 1000 }, () => (table.intercept(request("find")) === undefined ? "." : "x")).join("");
    };
    expect(run(7)).toBe(run(7));
    expect(run(7)).not.toBe(run(8));
    const share = run(7).split("x").length - 1;
    expect(share).toBeGreaterThan(250);
    expect(share).toBeLessThan(350);
  });

  it("goes on to the next rule when one is spent, and stops when removed or cleared", () => {
    const table = new FaultTable();
    const slow: FaultRule["fault"] = { kind: "delay", ms: 5 };
    table.add({ fault: drop });
    const id = table.add({ fault: slow, times: "always" });
    expect([1, 2].map(() => table.intercept(request("find")))).toEqual([drop, slow]);
    table.remove(id);
    expect(table.intercept(request("find"))).toBeUndefined();
    table.add({ fault: slow });
    table.clear();
    expect(table.intercept(request("find"))).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ["a kind that is none", { fault: { kind: "explode" } }],
    ["a negative delay", { fault: { kind: "delay", ms: -1 } }],
    ["an engine that is not there", { fault: drop, engine: "oracle" }],
    ["no times at all", { fault: drop, times: 0 }],
    ["a part of a time", { fault: drop, times: 1.5 }],
    ["a negative skip", { fault: drop, skip: -1 }],
    ["a probability that never hits", { fault: drop, probability: 0 }],
    ["a probability over 1", { fault: drop, probability: 1.5 }],
  ])("refuses %s", (_, rule) => {
    expect(() => new FaultTable().add(rule as FaultRule)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  });
});
