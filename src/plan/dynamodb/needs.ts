import type {
  Condition,
  EntityData,
  ListPattern,
  ModelData,
  PatternData,
  TogetherPattern,
} from "../../model/description.js";
import { fieldAt } from "../../model/field.js";
import { designVersion } from "../design.js";
import type { Cut } from "../partitions.js";
import { cutOfPlace, homeShards, writeShards } from "./load.js";
import {
  byName,
  byParts,
  fieldPart,
  type Home,
  homeRecipe,
  localAccess,
  orderParts,
  shardParts,
  tableAccess,
  togetherInTable,
} from "./places.js";
import type { KeyPart, KeyRecipe } from "./types.js";

/** A place beside the homes that patterns need: the same for all patterns that can share it. */
export interface Need {
  readonly name: string;
  /** An index follows a write a moment later; copies are written with it, and so are the entries of a local index. */
  readonly kind: "index" | "copies" | "local";
  readonly patterns: readonly string[];
  /** By entity: its key in the place. */
  readonly keys: { readonly [entity: string]: KeyRecipe };
  readonly has: { readonly [entity: string]: readonly string[] };
  readonly where: readonly Condition[];
  readonly shards: number;
  /** How a list's place is cut, and why; undefined: of a `together`. */
  readonly cut: Cut | undefined;
  /** By entity: the items that list its buckets, where it is cut by time. */
  readonly listed: { readonly [entity: string]: KeyRecipe };
}

interface Draft {
  readonly identity: string;
  readonly name: string;
  readonly kind: Need["kind"];
  readonly pattern: PatternData;
  readonly keys: {
    readonly [entity: string]: { readonly partition: readonly KeyPart[]; readonly sort: readonly KeyPart[] };
  };
  readonly where: readonly Condition[];
}

/** The places that the model's patterns need beside the homes, shared where they can be, in the model's order. */
export function needsOf(model: ModelData, homes: ReadonlyMap<string, Home>): readonly Need[] {
  const byIdentity = new Map<string, Draft[]>();
  for (const pattern of Object.values(model.patterns)) {
    const draft = draftOf(model, homes, pattern);
    if (draft === undefined) continue;
    const others = byIdentity.get(draft.identity);
    if (others === undefined) byIdentity.set(draft.identity, [draft]);
    else others.push(draft);
  }
  const names = new Set<string>();
  return [...byIdentity.values()].map((drafts) => {
    const [draft] = drafts as [Draft];
    const { pattern } = draft;
    if (draft.kind === "local") return localNeed(model, homes, draft, drafts);
    const list = pattern.kind === "list" || pattern.kind === "listByKey" ? pattern : undefined;
    const cut = list && cutOfPlace(model, list, draft.kind);
    const shards = cut?.shards ?? writeShards(model, pattern, draft.kind);
    const field = list?.order[0]?.field ?? "";
    const walked: readonly KeyPart[] =
      cut?.unit === undefined ? [] : [{ kind: "bucket", field, unit: cut.unit, walked: true }];
    // How it is cut is part of the name: another cut is another place, which is filled anew.
    const pieces = `${cut?.unit === undefined ? "" : `~${cut.unit}`}${shards > 1 ? `*${shards}` : ""}`;
    const plain = `${draft.name}${pieces}`;
    const name = names.has(plain) ? `${plain}/${draft.pattern.name}` : plain;
    names.add(name);
    return {
      name,
      kind: draft.kind,
      patterns: drafts.map(({ pattern }) => pattern.name),
      keys: Object.fromEntries(
        Object.entries(draft.keys).map(([entity, { partition, sort }]) => [
          entity,
          {
            partition: [{ kind: "text", text: name }, ...partition, ...walked, ...shardParts(shards)],
            sort,
          } satisfies KeyRecipe,
        ]),
      ),
      listed: Object.fromEntries(
        walked.length === 0
          ? []
          : Object.entries(draft.keys).map(([entity, { partition }]) => [
              entity,
              { partition: [{ kind: "text", text: listedName(name) }, ...partition], sort: walked } satisfies KeyRecipe,
            ]),
      ),
      has: Object.fromEntries(
        Object.entries(draft.keys).map(([entity, { partition, sort }]) => [
          entity,
          optionalFields(model.entities[entity] as EntityData, [...partition, ...sort]),
        ]),
      ),
      where: draft.where,
      shards,
      cut,
    };
  });
}

/** A place in a local index: the home's own partitions, each with another order beside that of the key. */
function localNeed(model: ModelData, homes: ReadonlyMap<string, Home>, draft: Draft, drafts: readonly Draft[]): Need {
  const entity = model.entities[draft.pattern.entity] as EntityData;
  const home = homes.get(entity.name) as Home;
  const shards = homeShards(model, entity, home);
  const { partition } = homeRecipe(entity, home, shards);
  const { sort } = draft.keys[entity.name] as Draft["keys"][string];
  return {
    name: draft.name,
    kind: "local",
    patterns: drafts.map(({ pattern }) => pattern.name),
    keys: { [entity.name]: { partition, sort: [{ kind: "text", text: draft.name }, ...sort] } },
    has: { [entity.name]: optionalFields(entity, sort) },
    where: draft.where,
    shards,
    cut: undefined,
    listed: {},
  };
}

/** The first text of the partitions in which a place's buckets are listed. */
function listedName(place: string): string {
  return `${place}/buckets`;
}

function draftOf(model: ModelData, homes: ReadonlyMap<string, Home>, pattern: PatternData): Draft | undefined {
  const kind = pattern.consistency === "eventual" ? "index" : "copies";
  if (pattern.kind === "list" || pattern.kind === "listByKey") {
    const entity = model.entities[pattern.entity] as EntityData;
    const home = homes.get(entity.name) as Home;
    if (tableAccess(entity, home, pattern) !== undefined) return undefined;
    if (localAccess(model, home, pattern)) {
      const within = pattern.by.filter(({ field }) => !home.partitionFields.includes(field));
      const sort = [...byParts(entity, within), ...orderParts(entity, pattern.order)];
      const keys = { [entity.name]: { partition: [], sort } };
      const ordered = pattern.order
        .map(({ field, direction }) => (direction === "asc" ? field : `-${field}`))
        .join(",");
      const facts = identified("local", keys, pattern.where);
      return { ...facts, name: `${entity.name}/local(${ordered})${markOf(facts)}`, pattern };
    }
    const keys = { [entity.name]: listKey(entity, pattern) };
    const facts = identified(kind, keys, pattern.where);
    return { ...facts, name: `${entity.name}/${byName(pattern.by)}${markOf(facts)}`, pattern };
  }
  if (pattern.kind === "together" && !togetherInTable(homes, pattern)) {
    const keys = Object.fromEntries(
      pattern.entities.map((name) => [name, togetherKey(model.entities[name] as EntityData, pattern)]),
    );
    const facts = identified(kind, keys, []);
    const name = `${[...pattern.entities].sort().join("+")}/${byName(pattern.by)}${markOf(facts)}`;
    return { ...facts, name, pattern };
  }
  return undefined;
}

function identified(
  kind: Draft["kind"],
  keys: Draft["keys"],
  where: readonly Condition[],
): Pick<Draft, "identity" | "kind" | "keys" | "where"> {
  const identity = JSON.stringify([kind, keys, where], (_, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : value,
  );
  return { identity, kind, keys, where };
}

/**
 * Ends a place's name: what it holds, as 24 bits in four characters. Another order, another condition or another type of a field is
 * another place, which is filled anew; what lies in the old one has other keys.
 */
function markOf({ identity }: Pick<Draft, "identity">): string {
  const bits = Buffer.from(designVersion(identity).slice(0, 6), "hex");
  return `@${bits.toString("base64url")}`;
}

function listKey(entity: EntityData, pattern: ListPattern): Draft["keys"][string] {
  return { partition: byParts(entity, pattern.by), sort: orderParts(entity, pattern.order) };
}

/** The rest of the key behind the entity's name: rows come entity by entity. */
function togetherKey(entity: EntityData, pattern: TogetherPattern): Draft["keys"][string] {
  const asked = pattern.by.map((part) => part.field);
  return {
    partition: byParts(entity, pattern.by),
    sort: [
      { kind: "text", text: entity.name },
      ...entity.key.filter((field) => !asked.includes(field)).map((field) => fieldPart(entity, field)),
    ],
  };
}

/** Fields of a key that a record may lack: without one of them it is not there. */
export function optionalFields(entity: EntityData, parts: readonly KeyPart[]): readonly string[] {
  const fields = parts.flatMap((part) => (part.kind === "field" || part.kind === "bucket" ? [part.field] : []));
  return [...new Set(fields)].filter((name) => {
    const field = fieldAt(entity.fields, name);
    return field === undefined || field.optional || field.nullable;
  });
}

function isPartial(pattern: PatternData | undefined): boolean {
  return pattern !== undefined && "select" in pattern && pattern.select !== undefined;
}

/** Attempts after which the assignment found so far is taken. */
const stepLimit = 50_000;

/**
 * The fewest overloaded indexes: needs that share an entity lie in different indexes, all others may share one. Exact
 * by depth-first search with ever more indexes, beginning with the least that any entity needs. Needs whose patterns
 * read some of a record are put together from the other end, so that those which read all of it share no index with
 * them where another one will do. By need: its index.
 */
export function assignIndexes(needs: readonly Need[], model: ModelData): ReadonlyMap<Need, number> {
  const entities = needs.map((need) => Object.keys(need.keys));
  const perEntity = new Map<string, number>();
  for (const name of entities.flat()) perEntity.set(name, (perEntity.get(name) ?? 0) + 1);
  // Needs of several entities are the hardest to place.
  const order = needs
    .map((_, index) => index)
    .sort((a, b) => (entities[b]?.length ?? 0) - (entities[a]?.length ?? 0) || a - b);
  const partly = needs.map((need) => need.patterns.every((name) => isPartial(model.patterns[name])));
  const mixed = partly.includes(true) && partly.includes(false);
  for (let count = Math.max(0, ...perEntity.values()); ; count++) {
    const slots = new Array<number>(needs.length).fill(-1);
    let steps = 0;
    const place = (at: number): boolean => {
      const need = order[at];
      if (need === undefined) return true;
      if (++steps > stepLimit) return false;
      for (let tried = 0; tried < count; tried++) {
        const slot = mixed && partly[need] === true ? count - 1 - tried : tried;
        const taken = slots.some(
          (other, index) => other === slot && entities[index]?.some((name) => entities[need]?.includes(name)),
        );
        if (taken) continue;
        slots[need] = slot;
        if (place(at + 1)) return true;
        slots[need] = -1;
      }
      return false;
    };
    if (place(0)) return new Map(needs.map((need, index) => [need, slots[index] as number]));
  }
}
