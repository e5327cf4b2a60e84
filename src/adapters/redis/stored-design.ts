import type {
  StoredDesign,
  StoredEntity,
  StoredExpiry,
  StoredList,
  StoredTop,
  StoredUnique,
} from "../../plan/redis/library.js";

type StoredIndex = StoredList | StoredTop | StoredUnique | StoredExpiry;

/** An index of a stored or planned design, with what it is called in messages. */
export interface NamedIndex {
  readonly entity: string;
  readonly name: string;
  readonly since: number;
  /** What it holds: equal for equal indexes, whenever they were added. */
  readonly definition: string;
}

/** All indexes of an entity. */
export function indexesOf(name: string, entity: StoredEntity): readonly NamedIndex[] {
  const ends = entity.x === undefined ? [] : [entity.x];
  return [...entity.lists, ...entity.tops, ...entity.uniques, ...ends].map((index) => ({
    entity: name,
    name: index.n,
    since: index.s,
    definition: definitionOf(index),
  }));
}

function definitionOf({ s: _, ...definition }: StoredIndex): string {
  return JSON.stringify(definition);
}

/** Field of the design's hash that says that an index holds every record. */
export function readyField({ entity, name, since }: NamedIndex): string {
  return `${entity}/${name}#${since}`;
}

/**
 * What the library becomes: all that is stored, and what of the plan is not. A new index belongs to a new epoch, so
 * that each record tells whether it is in it. With `drop`, entities of the plan keep the plan's indexes alone.
 */
export function mergeDesigns(stored: StoredDesign | undefined, planned: StoredDesign, drop: boolean): StoredDesign {
  const entities: Record<string, StoredEntity> = { ...stored?.entities };
  for (const [name, wanted] of Object.entries(planned.entities)) {
    const there = stored?.entities[name];
    entities[name] = there === undefined ? wanted : mergeEntity(there, wanted, drop);
  }
  return { entities };
}

function mergeEntity(stored: StoredEntity, planned: StoredEntity, drop: boolean): StoredEntity {
  const next = stored.epoch + 1;
  let added = false;
  const merge = <I extends StoredIndex>(there: readonly I[], wanted: readonly I[]): readonly I[] => {
    const kept = drop
      ? there.filter((index) => wanted.some((one) => definitionOf(one) === definitionOf(index)))
      : there;
    const fresh = wanted.filter((one) => !kept.some((index) => index.n === one.n)).map((one) => ({ ...one, s: next }));
    added ||= fresh.length > 0;
    return [...kept, ...fresh];
  };
  const lists = merge(stored.lists, planned.lists);
  const tops = merge(stored.tops, planned.tops);
  const uniques = merge(stored.uniques, planned.uniques);
  const [x] = merge(stored.x === undefined ? [] : [stored.x], planned.x === undefined ? [] : [planned.x]);
  const { x: _, ...others } = stored;
  return { ...others, epoch: added ? next : stored.epoch, lists, tops, uniques, ...(x === undefined ? {} : { x }) };
}

/** The design without the indexes whose keys are to be dropped; those that are made anew come with the next step. */
export function withoutDropped(stored: StoredDesign, dropped: readonly NamedIndex[]): StoredDesign {
  const gone = new Set(dropped.map(readyField));
  return {
    entities: Object.fromEntries(
      Object.entries(stored.entities).map(([name, entity]) => {
        const keep = (index: StoredIndex): boolean => !gone.has(`${name}/${index.n}#${index.s}`);
        const { x, ...others } = entity;
        return [
          name,
          {
            ...others,
            lists: entity.lists.filter(keep),
            tops: entity.tops.filter(keep),
            uniques: entity.uniques.filter(keep),
            ...(x === undefined || !keep(x) ? {} : { x }),
          },
        ];
      }),
    ),
  };
}
