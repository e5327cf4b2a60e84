import type { Consumption } from "../data/capacity.js";
import { decodeItem } from "../data/item-codec.js";
import type { Table } from "../data/table.js";
import { conditionFailed, resourceNotFound, validation } from "../errors.js";
import type { Test } from "../expressions/condition.js";
import type { Update } from "../expressions/update.js";
import { checkDepth, type Item, itemSize } from "../values/attribute-value.js";
import { afterPrefix, partitionPrefix } from "../values/key-encoding.js";
import type { Engine } from "./operation.js";
import { checkIndexKeys, largestItem } from "./parameters.js";

/** One change of one item, from whatever operation it comes. */
export interface ItemWrite {
  readonly table: Table;
  /** The item's key in the table's tree. */
  readonly key: string;
  /** The attributes of the key. */
  readonly keyItem: Item;
  readonly change:
    | { readonly kind: "put"; readonly item: Item }
    | { readonly kind: "delete" }
    | { readonly kind: "update"; readonly update: Update }
    /** Only the condition counts. */
    | { readonly kind: "check" };
  readonly condition: Test | undefined;
  /** Tell the item when the condition fails. */
  readonly returnOnFailure: boolean;
  /** The caller wants to know the item that was there. */
  readonly wantsBefore: boolean;
}

/** What a change does, before it is done. */
export interface Prepared {
  readonly write: ItemWrite;
  readonly stored: Buffer | undefined;
  /** Only where it had to be read. */
  readonly before: Item | undefined;
  readonly after: Item | undefined;
}

const nothing: Item = {};

/** Looks at the item and decides; throws when the condition fails or the change is impossible. */
export function prepareWrite(write: ItemWrite): Prepared {
  const { table, key, change, condition } = write;
  // A durable store runs a write later than it was asked; the table may have been removed meanwhile.
  if (table.dropped) throw resourceNotFound();
  const stored = table.stored(key);
  const needsBefore =
    stored !== undefined && (write.wantsBefore || condition !== undefined || change.kind === "update");
  const before = needsBefore ? decodeItem(stored) : undefined;
  if (condition !== undefined && !condition(before ?? nothing)) {
    throw conditionFailed(write.returnOnFailure ? before : undefined);
  }
  switch (change.kind) {
    case "put":
      return { write, stored, before, after: change.item };
    case "update": {
      if (stored === undefined && change.update.onlyTakes) return { write, stored, before, after: undefined };
      const after = change.update.apply(before ?? write.keyItem);
      checkIndexKeys(table, after);
      if (itemSize(after) > largestItem) throw validation("Item size to update has exceeded the maximum allowed size");
      for (const path of change.update.paths) {
        if (path.length > 0 && Object.hasOwn(after, path[0]!)) checkDepth(after[path[0] as string]!);
      }
      return { write, stored, before, after };
    }
    case "check":
      return { write, stored, before, after: before };
    default:
      return { write, stored, before, after: undefined };
  }
}

/** Does what was prepared; only inside a write of the catalog. */
export function applyWrite(engine: Engine, prepared: Prepared, used: Consumption): void {
  const { write, stored, before, after } = prepared;
  if (write.change.kind === "check") {
    used.tableUnits += 1;
    return;
  }
  engine.catalog.touch(write.table);
  write.table.write(write.key, stored, before, after, used);
}

/** Where tables have limits: throws when the item's partition or an index's has nothing left. */
export function checkWriteThrottle(engine: Engine, { table, keyItem }: ItemWrite): void {
  const { throttle } = engine;
  if (throttle === undefined) return;
  const partition = partitionPrefix(keyItem[table.schema.partition.name]!);
  throttle.check({ table, index: undefined, kind: "Write", partition });
  for (const { definition } of table.indexes) {
    if (definition.global) throttle.check({ table, index: definition.name, kind: "Write", partition: undefined });
  }
}

/** Where tables have limits: takes the units that a write used. */
export function takeWriteUnits(engine: Engine, { write, before, after }: Prepared, used: Consumption): void {
  const { throttle } = engine;
  if (throttle === undefined) return;
  const { table, keyItem } = write;
  const partition = partitionPrefix(keyItem[table.schema.partition.name]!);
  throttle.take({ table, index: undefined, kind: "Write", partition }, used.tableUnits);
  for (const index of table.indexes) {
    const { definition } = index;
    const units = used.indexUnits(definition.name);
    if (!definition.global || units === 0) continue;
    const item = [after, before].find((each) => each !== undefined && index.holds(each));
    const key = item === undefined ? undefined : partitionPrefix(item[definition.schema.partition.name]!);
    throttle.take({ table, index: definition.name, kind: "Write", partition: key }, units);
  }
}

const gigabyte = 1024 ** 3;

/** What `ReturnItemCollectionMetrics` asks for: the size of the item's partition, of tables with local indexes. */
export function collectionMetrics(input: Readonly<Record<string, unknown>>, write: ItemWrite): object | undefined {
  const { table, keyItem } = write;
  if (input["ReturnItemCollectionMetrics"] !== "SIZE") return undefined;
  if (!table.indexes.some(({ definition }) => !definition.global)) return undefined;
  const { name } = table.schema.partition;
  const prefix = partitionPrefix(keyItem[name]!);
  const bytes = table.collectionBytes(prefix, afterPrefix(prefix)!);
  const low = Math.floor(bytes / gigabyte);
  return { ItemCollectionKey: { [name]: keyItem[name] }, SizeEstimateRangeGB: [low, low + 1] };
}
