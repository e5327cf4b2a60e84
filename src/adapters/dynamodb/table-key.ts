import type { Item } from "../../patterns/dynamodb/driver.js";
import type { DynamoTable } from "../../plan/dynamodb/types.js";
import type { Key } from "./keys.js";

/** The attributes of a table's key, whose names are those of the table where it was adopted. */
export class TableKey {
  readonly partition: string;
  readonly sort: string;

  constructor({ partition, sort }: Pick<DynamoTable, "partition" | "sort">) {
    this.partition = partition;
    this.sort = sort;
  }

  /** A key as a request's `Key`, or as the beginning of an item. */
  item({ pk, sk }: Key): Item {
    return { [this.partition]: { S: pk }, [this.sort]: { S: sk } };
  }

  /** The key of an item. */
  of(item: Item): Key {
    return { pk: item[this.partition]?.S ?? "", sk: item[this.sort]?.S ?? "" };
  }

  /** Text of an item's key: equal for equal keys only. */
  text(item: Item): string {
    return keyText(this.of(item));
  }
}

/** Text of a key: equal for equal keys only. */
export function keyText({ pk, sk }: Key): string {
  return `${pk}\0${sk}`;
}
