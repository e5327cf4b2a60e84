import { expect, it } from "vitest";
import { addLongDouble, formatLongDouble, parseLongDouble } from "./long-double.js";

// Replies of Redis 8.2 on x86-64.
it.each([
  ["0.1", "0.2", "0.3"],
  ["0x25144074814116", "0.2", "10436841203384598.2001953125"],
  ["0x1.8p1", "-1", "2"],
  ["1e3", "5.0e3", "6000"],
])("%s and %s are %s, as INCRBYFLOAT counts", (a, b, sum) => {
  expect(formatLongDouble(addLongDouble(parseLongDouble(a)!, parseLongDouble(b)!))).toBe(sum);
});

it.each(["", "x", "0x", "1 ", "0x1g", "--1"])("%j is no number", (text) => {
  expect(parseLongDouble(text)).toBeUndefined();
});
