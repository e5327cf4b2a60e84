import { expect, it } from "vitest";
import { MovableClock } from "./clock.js";

it("runs with the machine, moves, stops and goes on from where it is", () => {
  let machine = 1_000;
  const clock = new MovableClock(() => machine);
  expect(clock.now()).toBe(1_000);
  clock.advance(500);
  machine += 1;
  expect(clock.now()).toBe(1_501);
  clock.freeze();
  machine += 100;
  expect(clock.now()).toBe(1_501);
  clock.advance(10);
  expect(clock.now()).toBe(1_511);
  clock.set(5_000);
  machine += 1;
  expect(clock.now()).toBe(5_000);
  clock.resume();
  machine += 7;
  expect(clock.now()).toBe(5_007);
  clock.set(100);
  machine += 1;
  expect(clock.now()).toBe(101);
  clock.reset();
  expect(clock.now()).toBe(machine);
});

it("does not take what is no time", () => {
  const clock = new MovableClock();
  expect(() => clock.advance(-1)).toThrow("advanced by -1 ms");
  expect(() => clock.advance(Number.NaN)).toThrow("advanced by NaN ms");
  expect(() => clock.set(Number.NaN)).toThrow("no date");
});
