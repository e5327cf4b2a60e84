import { reads } from "./lua/reads.js";
import { records } from "./lua/records.js";
import { values } from "./lua/values.js";
import { writes } from "./lua/writes.js";
import type {
  RedisCondition,
  RedisGroupPart,
  RedisListIndex,
  RedisTopIndex,
  RedisUnique,
  RedisValueSpec,
} from "./types.js";

/** Version of what client and library say to each other. A library of another version is not spoken to. */
export const PROTOCOL = 3;

/** An index as the library has it; `s`: the epoch of the entity in which it was added. */
export interface StoredList {
  readonly n: string;
  readonly s: number;
  readonly by: readonly RedisGroupPart[];
  readonly t: RedisListIndex["terms"];
  readonly w: readonly RedisCondition[];
}
export interface StoredTop {
  readonly n: string;
  readonly s: number;
  readonly by: RedisValueSpec;
  readonly m?: RedisValueSpec;
  readonly r?: RedisValueSpec;
  readonly l: RedisTopIndex["levels"];
  readonly w: readonly RedisCondition[];
}
export interface StoredUnique {
  readonly n: string;
  readonly s: number;
  readonly parts: RedisUnique["parts"];
}

/** When records end: the sorted set of it, and the member of the record that says it. */
export interface StoredExpiry {
  readonly n: string;
  readonly s: number;
  readonly f: string;
}

/** What the library knows of an entity. */
export interface StoredEntity {
  /** Grows when an index is added; a record remembers the epoch in which it was written. */
  readonly epoch: number;
  readonly storedAs: string;
  readonly partition: readonly string[];
  readonly lists: readonly StoredList[];
  readonly tops: readonly StoredTop[];
  readonly uniques: readonly StoredUnique[];
  /** Left out: records do not end. */
  readonly x?: StoredExpiry;
}

/** All that a library was made from; it carries this in a comment, by which a later `apply` knows it. */
export interface StoredDesign {
  readonly entities: { readonly [entity: string]: StoredEntity };
}

/**
 * Name of the library of a prefix: names of functions are shared by all of a server, and hold only letters, digits and
 * underscores.
 */
export function libraryName(prefix: string): string {
  return `keyfold_${prefix.replace(/[^A-Za-z0-9]/g, (c) => `_${c.charCodeAt(0).toString(16)}_`)}`;
}

/** The library as FUNCTION LOAD takes it. */
export function libraryCode(name: string, design: StoredDesign): string {
  const json = JSON.stringify(design);
  let level = "=";
  while (json.includes(`]${level}]`)) level += "=";
  return [
    `#!lua name=${name}`,
    `-- keyfold ${PROTOCOL} ${json}`,
    `local json=[${level}[${json}]${level}]`,
    values,
    records,
    writes,
    reads,
    ...functions.map(
      ([suffix, callback, reads]) =>
        `redis.register_function{function_name='${name}_${suffix}',callback=${callback}${reads ? ",flags={'no-writes'}" : ""}}`,
    ),
    "",
  ].join("\n");
}

/** The design that a library was made from, and by which protocol; undefined for a library of someone else. */
export function designOfLibrary(
  code: string,
): { readonly protocol: number; readonly design: StoredDesign } | undefined {
  const line = code.split("\n", 2)[1] ?? "";
  const found = /^-- keyfold (\d+) (.*)$/.exec(line);
  if (found === null) return undefined;
  try {
    return { protocol: Number(found[1]), design: JSON.parse(found[2] ?? "") as StoredDesign };
  } catch {
    return undefined;
  }
}

/** Suffix of the function's name, callback, whether it only reads. */
const functions = [
  ["write", "write", false],
  ["load", "load", false],
  ["read", "read", true],
  ["list", "list", true],
  ["top", "top", true],
  ["rank", "rank", true],
  ["swept_rank", "sweptRank", false],
  ["index", "index", false],
  ["sweep", "sweep", false],
  ["settle", "settle", false],
  ["node", "node", false],
] as const satisfies readonly (readonly [string, string, boolean])[];

/** Names of the functions behind the library's own. */
export type LibraryFunction = (typeof functions)[number][0];
