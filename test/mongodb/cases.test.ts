import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { accumulatorOperators } from "../../src/engines/mongodb/aggregation/accumulators/table.js";
import { expressionOperators } from "../../src/engines/mongodb/aggregation/expressions/table.js";
import { pipelineStages } from "../../src/engines/mongodb/aggregation/stages/table.js";
import { queryOperators } from "../../src/engines/mongodb/query/filter.js";
import { updateOperators } from "../../src/engines/mongodb/update/operators.js";
import { readCaseFiles, runCase } from "./case-files.js";
import { openTarget } from "./embedded.js";
import type { Target } from "./targets.js";

let target: Target;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(() => target?.close());

/** Every name that begins with a dollar sign and stands as a field in a value: `{$set: {a: {$add: […]}}}` has two. */
function operatorsIn(value: unknown, found = new Set<string>()): Set<string> {
  if (Array.isArray(value)) for (const each of value) operatorsIn(each, found);
  else if (value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    for (const [name, each] of Object.entries(value)) {
      if (name.startsWith("$")) found.add(name);
      operatorsIn(each, found);
    }
  }
  return found;
}

/** What cannot be asked five times with one answer: chance, and a stage that takes no collection. */
const exempt = new Set(["$sampleRate", "$documents"]);

test("there are at least five cases of each operator and stage, and each names its page of the manual", () => {
  const all = readCaseFiles().flatMap(({ cases }) => cases);
  expect(all.filter(({ manual }) => !/^(reference|tutorial|meta)\/[\w/.-]+$/.test(manual))).toEqual([]);
  const asked = { query: new Map(), update: new Map(), pipeline: new Map() };
  const count = (counts: Map<string, number>, names: Iterable<string>): void => {
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  };
  for (const { find, update, aggregate } of all) {
    count(asked.query, operatorsIn([find, update?.filter, aggregate]));
    count(asked.update, operatorsIn(update?.update));
    count(asked.pipeline, operatorsIn([find, aggregate, update?.update]));
  }
  const few = (operators: readonly { name: string; supported: boolean }[], counts: Map<string, number>): string[] =>
    operators
      .filter(({ name, supported }) => supported && !exempt.has(name) && (counts.get(name) ?? 0) < 5)
      .map(({ name }) => `${name}: ${counts.get(name) ?? 0}`);
  expect([
    ...few(queryOperators, asked.query),
    ...few(updateOperators, asked.update),
    ...few(pipelineStages, asked.pipeline),
    ...few(accumulatorOperators, asked.pipeline),
    ...few(expressionOperators, asked.pipeline),
  ]).toEqual([]);
});

describe.each(readCaseFiles())("$file", ({ cases }) => {
  it.each(cases)("$manual: $name", async (each) => {
    const { got, want } = await runCase(target, each);
    expect(got).toEqual(want);
  });
});
