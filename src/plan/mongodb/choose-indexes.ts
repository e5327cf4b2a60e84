import type { KeyPart, Need } from "./needs.js";

/** Whether an index serves a need: equal fields first, then the tail forwards or wholly backwards. */
export function serves(keys: readonly KeyPart[], need: Need): boolean {
  const head = keys.slice(0, need.equal.length);
  if (head.length < need.equal.length || !head.every(([path]) => need.equal.includes(path))) return false;
  const rest = keys.slice(need.equal.length);
  if (rest.length < need.tail.length) return false;
  const inDirection = (sign: 1 | -1): boolean =>
    need.tail.every(([path, direction], index) => {
      const key = rest[index];
      return key !== undefined && key[0] === path && key[1] === direction * sign;
    });
  return inDirection(1) || inDirection(-1);
}

/** Search steps after which the best set found so far is taken; a model of twenty patterns needs some hundred. */
const stepLimit = 50_000;

/**
 * The fewest indexes that serve all needs; among those the ones with the fewest keys; among those the first in the
 * order of the needs. Exact: each need is tried with every candidate that serves it (set cover by depth-first search,
 * bounded by the best so far). Deterministic.
 */
export function chooseIndexes(
  needs: readonly Need[],
  given: readonly (readonly KeyPart[])[],
): readonly (readonly KeyPart[])[] {
  const open = needs.filter((need) => !given.some((keys) => serves(keys, need)));
  const candidates = distinct(open.flatMap(candidatesFor));
  const choices = open
    .map((need) => candidates.flatMap((keys, index) => (serves(keys, need) ? [index] : [])))
    .map((indexes, need) => ({ need, indexes }))
    .sort((a, b) => a.indexes.length - b.indexes.length || a.need - b.need);

  let best: { readonly chosen: readonly number[]; readonly keys: number } | undefined;
  let steps = 0;
  const search = (at: number, chosen: readonly number[], keys: number): void => {
    steps++;
    if (best !== undefined && (steps > stepLimit || chosen.length > best.chosen.length)) return;
    if (best !== undefined && chosen.length === best.chosen.length && keys >= best.keys) return;
    const choice = choices[at];
    if (choice === undefined) {
      best = { chosen, keys };
      return;
    }
    if (choice.indexes.some((index) => chosen.includes(index))) {
      search(at + 1, chosen, keys);
      return;
    }
    for (const index of choice.indexes) {
      search(at + 1, [...chosen, index], keys + (candidates[index]?.length ?? 0));
    }
  };
  search(0, [], 0);
  const chosen = new Set(best?.chosen ?? []);
  return candidates.filter((_, index) => chosen.has(index));
}

/** Every order of the equal fields, each followed by the tail. */
function candidatesFor(need: Need): (readonly KeyPart[])[] {
  // Seven equal fields have 5,040 orders: beyond six only the declared one is tried.
  const orders = need.equal.length > 6 ? [need.equal] : permutations(need.equal);
  return orders.map((order) => [...order.map((path): KeyPart => [path, 1]), ...need.tail]);
}

function permutations(items: readonly string[]): readonly (readonly string[])[] {
  if (items.length < 2) return [items];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}

function distinct(all: readonly (readonly KeyPart[])[]): readonly (readonly KeyPart[])[] {
  return [...new Map(all.map((keys) => [JSON.stringify(keys), keys])).values()];
}
