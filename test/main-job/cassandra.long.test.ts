/**
 * The whole Online Retail file on Cassandra: every line, and the answers of its answers file that sums and lists give,
 * before and after closed days are folded. On the embedded engine, or on the server that `KEYFOLD_TEST_CASSANDRA_URL`
 * names.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keyfold, MODEL } from "../cli/keyfold.js";
import { type LoadedShop, loadedShop } from "./answers.js";
import { type Answers, FILE, readAnswers, skipped, there } from "./retail-file.js";
import { checkSums, wholeFile } from "./whole-file.js";

describe.skipIf(!there)(`the Online Retail data set on Cassandra${skipped}`, () => {
  let loaded: LoadedShop;
  let answers: Answers;
  beforeAll(async () => {
    answers = readAnswers();
    loaded = await loadedShop("cassandra", FILE);
    console.log(`loaded ${loaded.counts.inserted} lines in ${Math.round(loaded.loadMs / 1_000)} s`);
  }, 1_800_000);
  afterAll(() => loaded?.[Symbol.asyncDispose](), 120_000);

  wholeFile(
    () => loaded,
    () => answers,
  );

  test("the same sums when closed days were folded, and sooner", { timeout: 900_000 }, async () => {
    const timed = async (work: () => Promise<unknown>): Promise<number> => {
      const from = performance.now();
      await work();
      return performance.now() - from;
    };
    const before = await timed(() => checkSums(loaded, answers));
    let stdout = "";
    const foldMs = await timed(async () => {
      const folded = await keyfold(["fold", MODEL, "--at", loaded.url, "--json"]);
      expect(folded.code, folded.stderr).toBe(0);
      ({ stdout } = folded);
    });
    const { buckets } = JSON.parse(stdout) as { buckets: { state: string }[] };
    expect(buckets.length).toBeGreaterThan(600);
    expect(buckets.filter(({ state }) => state !== "folded")).toEqual([]);
    const after = await timed(() => checkSums(loaded, answers));
    console.log(
      `${buckets.length} buckets folded in ${Math.round(foldMs / 1_000)} s; all sums: ${Math.round(before)} ms before, ${Math.round(after)} ms after`,
    );
    expect(after).toBeLessThan(before);
  });
});
