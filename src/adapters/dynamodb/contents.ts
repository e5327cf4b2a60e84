import type { Deadline } from "../../internal/deadline.js";
import type { Item } from "../../patterns/dynamodb/driver.js";
import { joinKey, splitKey } from "../../plan/dynamodb/key-encoding.js";
import { slotOf } from "../../plan/dynamodb/names.js";
import type { DynamoEntity, DynamoTableDesign, KeyPart } from "../../plan/dynamodb/types.js";
import { queryAll } from "./query.js";
import type { Requests } from "./requests.js";

/**
 * Which places of a table hold all that they must. A place that is planned for a table with records in it is filled
 * from them by `apply`; until it is whole, its patterns are refused. Each place has an item in a partition of its own.
 */
export interface Place {
  readonly name: string;
  readonly entities: readonly string[];
  /** Patterns that wait for it; none: it is a home, a unique constraint or an expiry, and everything does. */
  readonly patterns: readonly string[];
  /** Of a home: what the names of all homes of its entity begin with. Records do not move from one home to another. */
  readonly home?: string;
}

/** All places of a plan, those of the homes first. */
export function placesOf(plan: DynamoTableDesign): readonly Place[] {
  const places = new Map<string, { entities: string[]; patterns: string[] }>();
  for (const entity of Object.values(plan.entities)) {
    // Entries that move to the attributes of another index are to be written anew.
    const indexed = entity.indexed.map((entry) => ({ ...entry, name: `${entry.name} in ${slotOf(entry.index)}` }));
    for (const entry of [...indexed, ...entity.copies, ...entity.contributions, ...entity.uniques]) {
      const place = places.get(entry.name) ?? { entities: [], patterns: [] };
      places.set(entry.name, place);
      place.entities.push(entity.entity);
      for (const pattern of entry.serves) if (!place.patterns.includes(pattern)) place.patterns.push(pattern);
    }
  }
  for (const { entity, expires } of Object.values(plan.entities)) {
    // Records that were there before carry no time to live yet, nor does what was made of them.
    if (expires !== undefined) places.set(expiryPlace(entity), { entities: [entity], patterns: [] });
  }
  return [
    ...Object.values(plan.entities).map(homePlace),
    ...[...places].map(([name, { entities, patterns }]) => ({ name, entities, patterns })),
  ];
}

/** Where an entity's records lie, as a place: another key, or another number of shards, is another home. */
function homePlace({ entity, home }: DynamoEntity): Place {
  const text = (parts: readonly KeyPart[]): string =>
    parts
      .map((part) => {
        switch (part.kind) {
          case "text":
            return part.text;
          case "field":
            return part.type.kind === "decimal"
              ? `${part.field}:decimal(${part.type.scale})`
              : `${part.field}:${part.type.kind}`;
          case "bucket":
            return `${part.unit}(${part.field})`;
          case "shard":
            return `*${part.count}`;
          default:
            return part satisfies never;
        }
      })
      .join(",");
  const begin = `${entity}/home `;
  return { name: `${begin}${text(home.partition)}/${text(home.sort)}`, entities: [entity], patterns: [], home: begin };
}

/** Whether a place that this plan does not have was made of this plan's entities alone: others may share the table. */
export function isOwn(name: string, plan: DynamoTableDesign): boolean {
  const [entities = ""] = name.split("/");
  return entities.split("+").every((entity) => Object.hasOwn(plan.entities, entity)) && !name.includes("/home ");
}

/** The place that is whole when all items of an entity carry their time to live. */
export function expiryPlace(entity: string): string {
  return `${entity}/expires`;
}

/** How far a place is. */
export interface Filled {
  readonly whole: boolean;
  /** Where the pass that fills it stands: the last key of each segment, "" at its end; undefined: it has not begun. */
  readonly segments: readonly (Item | "" | undefined)[];
  /** A later design of its entities is without it, so that nobody kept it since: what is in it goes before it is filled. */
  readonly left?: boolean;
}

const PLACES = "keyfold";

/** The items that tell how far places are. */
export class PlacesState {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  async read(deadline: Deadline): Promise<Map<string, Filled>> {
    const found = new Map<string, Filled>();
    await queryAll(
      this.#requests.table,
      joinKey([PLACES, "places"]),
      undefined,
      true,
      (item) => {
        const name = splitKey(this.#requests.key.of(item).sk)[0] ?? "";
        const segments = item["segments"]?.S;
        found.set(unescaped(name), {
          whole: item["whole"]?.BOOL === true,
          left: item["left"]?.BOOL === true,
          segments:
            segments === undefined ? [] : (JSON.parse(segments) as (Item | "" | null)[]).map((one) => one ?? undefined),
        });
      },
      this.#requests,
      deadline,
    );
    return found;
  }

  async write(name: string, { whole, segments, left = false }: Filled, deadline: Deadline): Promise<void> {
    const Item: Item = {
      ...this.#requests.key.item({ pk: joinKey([PLACES, "places"]), sk: joinKey([escaped(name)]) }),
      whole: { BOOL: whole },
      ...(left ? { left: { BOOL: true } } : {}),
      ...(whole ? {} : { segments: { S: JSON.stringify(segments.map((one) => one ?? null)) } }),
    };
    await this.#requests.send("PutItem", { TableName: this.#requests.table, Item }, deadline);
  }
}

/** Names of places hold no "#" but where a condition has one. */
function escaped(name: string): string {
  return encodeURIComponent(name).replaceAll("%2F", "/").replaceAll("%2C", ",").replaceAll("%2B", "+");
}

function unescaped(name: string): string {
  return decodeURIComponent(name);
}
