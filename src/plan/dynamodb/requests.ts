import type { EntityData, ListPattern, ModelData, TogetherPattern } from "../../model/description.js";
import { typeOf } from "./places.js";
import type {
  AskedKey,
  AskedPart,
  DynamoFieldSource,
  DynamoFilter,
  DynamoListPlan,
  DynamoQuery,
  DynamoTogetherPlan,
  DynamoWalk,
  KeyPart,
  KeyRecipe,
} from "./types.js";

/** Where a query looks: the attributes of a key, and the key's parts. */
export interface Place {
  readonly index: string | undefined;
  readonly local?: true;
  readonly partitionAttribute: string;
  readonly sortAttribute: string;
  readonly partition: readonly KeyPart[];
  readonly sort: readonly KeyPart[];
}

/** The attributes of the table's own key. */
export function tableAttributes(model: ModelData): Pick<Place, "index" | "partitionAttribute" | "sortAttribute"> {
  const { partition, sort } = model.physical.dynamodb.key;
  return { index: undefined, partitionAttribute: partition, sortAttribute: sort };
}

/** The partition's key in terms of a question's parameters. */
function askedPartition(parts: readonly KeyPart[]): { readonly key: AskedKey; readonly shards: number } {
  let shards = 1;
  const asked = parts.map((part): AskedPart => {
    switch (part.kind) {
      case "text":
        return part;
      case "field":
        return { kind: "param", param: part.field, type: part.type, direction: part.direction };
      case "bucket":
        return part.walked === true
          ? { kind: "walked", unit: part.unit }
          : { kind: "bucket", param: part.unit, unit: part.unit };
      case "shard":
        shards = part.count;
        return part;
      default:
        return part satisfies never;
    }
  });
  return { key: { bound: "key", parts: asked }, shards };
}

/** Requests of a list in a place whose sort key is the pattern's order, behind `fixed` parts that are given. */
export function listRequests(
  entity: EntityData,
  pattern: ListPattern,
  place: Place,
  filtered: boolean,
  fields: readonly DynamoFieldSource[] | undefined,
): Pick<DynamoListPlan, "request" | "next" | "position"> {
  const { key: partition, shards } = askedPartition(place.partition);
  const first = pattern.order[0];
  const forward = first?.direction !== "desc";
  const orderAt = place.sort.length - pattern.order.length;
  const fixed = place.sort
    .slice(0, orderAt)
    .map(
      (part): AskedPart =>
        part.kind === "field"
          ? { kind: "param", param: part.field, type: part.type, direction: part.direction }
          : (part as AskedPart),
    );
  const order = place.sort.slice(orderAt) as readonly (KeyPart & { readonly kind: "field" })[];
  const { range } = pattern;
  const inKey = place.partition.some((part) => part.kind === "bucket" && part.walked !== true);
  const bucket = inKey ? undefined : pattern.by.find((part) => part.kind === "bucket");
  const ordered = range !== undefined && range.field === first?.field;
  const lower: AskedPart[] = [...fixed];
  const upper: AskedPart[] = [...fixed];
  if (bucket !== undefined) {
    lower.push({ kind: "bucketMoment", param: bucket.param, unit: bucket.unit, next: false });
    upper.push({ kind: "bucketMoment", param: bucket.param, unit: bucket.unit, next: true });
  } else if (ordered && range !== undefined) {
    lower.push(rangePart(entity, range, "from"));
    upper.push(rangePart(entity, range, "to"));
  }
  const bounded = lower.length > 0;
  const from: AskedKey = { bound: "from", parts: lower };
  const to: AskedKey = { bound: upper.length > fixed.length ? "to" : "through", parts: upper };
  const where = filtered ? pattern.where : [];
  const unordered = range !== undefined && !ordered ? range : undefined;
  const filter: DynamoFilter | undefined =
    where.length > 0 || unordered !== undefined ? { where, range: unordered } : undefined;
  const base = {
    kind: "query",
    index: place.index,
    ...(place.local === true ? { local: true as const } : {}),
    partitionAttribute: place.partitionAttribute,
    sortAttribute: place.sortAttribute,
    partition,
    forward,
    shards,
    filter,
    // The place of a row in the order, which pages go on from, is its sort key.
    ...(fields === undefined
      ? {}
      : { projection: [...new Set([place.sortAttribute, ...fields.map(({ attribute }) => attribute)])] }),
  } as const;
  const after: AskedPart[] = [
    ...fixed,
    ...order.map(
      (part, position): AskedPart => ({ kind: "after", position, type: part.type, direction: part.direction }),
    ),
  ];
  return {
    request: { ...base, from: bounded ? from : undefined, to: bounded ? to : undefined },
    next: {
      ...base,
      from: forward ? { bound: "above", parts: after } : from,
      to: forward ? to : { bound: "below", parts: after },
    },
    position: pattern.order.map(({ field, direction }) => ({ field, type: typeOf(entity, field), direction })),
  };
}

function rangePart(entity: EntityData, range: NonNullable<ListPattern["range"]>, bound: "from" | "to"): AskedPart {
  return range.unit === undefined
    ? { kind: "param", param: bound, type: typeOf(entity, range.field), direction: "asc" }
    : { kind: "bucketMoment", param: bound, unit: range.unit, next: false };
}

/** How a list goes through the buckets of its place; undefined: the place is not cut by time. */
export function walkOf(pattern: ListPattern, listed: KeyRecipe | undefined): DynamoWalk | undefined {
  const part = listed?.sort[0];
  const [first] = pattern.order;
  if (listed === undefined || part?.kind !== "bucket" || first === undefined) return undefined;
  const { range } = pattern;
  return {
    unit: part.unit,
    direction: first.direction,
    partition: askedPartition(listed.partition).key,
    range: range !== undefined && range.field === first.field ? { unit: range.unit } : undefined,
  };
}

/** Requests of a `together` in a place whose sort keys begin with the entity's name. */
export function togetherRequests(
  pattern: TogetherPattern,
  places: { readonly [entity: string]: Place },
): Pick<DynamoTogetherPlan, "request" | "next" | "entities"> {
  const entities = [...pattern.entities].sort();
  const first = places[entities[0] as string] as Place;
  const { key: partition, shards } = askedPartition(first.partition);
  const base: DynamoQuery = {
    kind: "query",
    index: first.index,
    partitionAttribute: first.partitionAttribute,
    sortAttribute: first.sortAttribute,
    partition,
    // Other entities may lie in the partition too: the names of these bound what is read.
    from: { bound: "from", parts: [{ kind: "text", text: entities[0] as string }] },
    to: { bound: "through", parts: [{ kind: "text", text: entities.at(-1) as string }] },
    forward: true,
    shards,
    filter: undefined,
  };
  const next = Object.fromEntries(
    entities.map((name) => {
      const [, ...rest] = (places[name] as Place).sort as readonly [
        KeyPart,
        ...(KeyPart & { readonly kind: "field" })[],
      ];
      const after = rest.map(
        (part, index): AskedPart => ({
          kind: "after",
          position: index + 1,
          type: part.type,
          direction: part.direction,
        }),
      );
      return [
        name,
        { ...base, from: { bound: "above", parts: [{ kind: "text", text: name }, ...after] } } satisfies DynamoQuery,
      ];
    }),
  );
  return { entities, request: base, next };
}

/** Text of a place's partition in which the buckets of a `top` are listed. */
export function bucketsPartition(name: string): readonly AskedPart[] {
  return [
    { kind: "text", text: name },
    { kind: "text", text: "buckets" },
  ];
}
