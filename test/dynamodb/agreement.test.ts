import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startDynamodb } from "../../src/engines/dynamodb/server.js";
import type { RunningEngine } from "../../src/engines/engine.js";
import { freshName } from "../client/shop.js";
import { compare, type ModelName, Side, steps } from "./agreement-workload.js";
import { hasStatements, hasTransactions, knownDifference } from "./known-differences.js";
import { tableUrl } from "./table-url.js";

/** Another server: `dynamodb://…` as keyfold's `open` takes it, or `http://host:port`. */
const url = process.env["KEYFOLD_TEST_DYNAMODB_ORACLE_URL"];
/** Which server it is: its known differences are left out. */
const flavour = process.env["KEYFOLD_TEST_DYNAMODB_FLAVOUR"];
/** How many steps; a new seed each time unless one is given (a failure prints its own). */
const count = Number(process.env["KEYFOLD_TEST_DYNAMODB_STEPS"] ?? 300);
const seed = Number(process.env["KEYFOLD_TEST_DYNAMODB_SEED"] ?? Date.now() % 1_000_000);

let engine: RunningEngine;
beforeAll(async () => {
  engine = await startDynamodb();
});
afterAll(() => engine.close());

async function agree(ours: string, theirs: string, model: ModelName, known?: Parameters<typeof compare>[3]) {
  const left = await Side.open(tableUrl(ours, freshName()), model);
  const right = await Side.open(tableUrl(theirs, freshName()), model, theirs !== url || hasStatements(flavour));
  const differences = await compare(left, right, steps(model, count, seed), known);
  await Promise.all([left.close(), right.close()]);
  expect(differences.slice(0, 5), `${differences.length} differences, KEYFOLD_TEST_DYNAMODB_SEED=${seed}`).toEqual([]);
}

describe("a seeded workload through the adapter", () => {
  it.each<ModelName>(["items", "transactions"])("has the same answers in memory and on disk: %s", async (model) => {
    const dataDir = await mkdtemp(join(tmpdir(), "keyfold-agreement-"));
    const onDisk = await startDynamodb({ dataDir });
    await agree(engine.url, onDisk.url, model);
    await onDisk.close();
    await rm(dataDir, { recursive: true });
  });

  const asked: ModelName[] = hasTransactions(flavour) ? ["items", "transactions"] : ["items"];
  it.skipIf(url === undefined).each(asked)(
    "has the same answers on another server (needs KEYFOLD_TEST_DYNAMODB_ORACLE_URL): %s",
    (model) => agree(engine.url, url!, model, (...about) => knownDifference(flavour, ...about)),
    600_000,
  );
});
