/** Names of attributes in a table of keyfold's. */

/** Which entity a home item or a copy is of. */
export const ENTITY = "_e";
/** The record's version: a number that only grows. */
export const VERSION = "_v";
/** Ids of the last writes, newest first: enough to tell whether a write whose answer was lost was done. */
export const WRITES = ["_w", "_w1", "_w2", "_w3", "_w4", "_w5", "_w6", "_w7"] as const;
/** When DynamoDB may delete the item, in seconds since 1970: the table's attribute of its time to live. */
export const EXPIRES = "_t";
/** Set on copies and other items that are made from a home item: the name of their place. */
export const PLACE = "_p";
/** Of a contribution: the group, and what it adds to the sum. */
export const GROUP = "g";
export const AMOUNT = "n";

/** Attributes of the key of an index. */
export function indexAttributes(name: string): { readonly partition: string; readonly sort: string } {
  return { partition: `${name}pk`, sort: `${name}sk` };
}

/** The attribute of a local index's sort key. */
export function localAttribute(name: string): string {
  return `${name}sk`;
}

/** The slot of an index: what the names of its attributes begin with. */
export function slotOf(index: string): string {
  return index.split("_")[0] as string;
}

const ours: ReadonlySet<string> = new Set(["pk", "sk", ENTITY, VERSION, PLACE, EXPIRES, ...WRITES]);

/** The attribute of a field: its own name, with underscores behind it where that is one of ours, or of the table's key. */
export function attributeOf(
  field: string,
  all: { readonly [field: string]: unknown },
  { partition, sort }: { readonly partition: string; readonly sort: string },
): string {
  let name = field;
  while (
    ours.has(name) ||
    name === partition ||
    name === sort ||
    /^([gl]si\d+sk|gsi\d+pk)$/.test(name) ||
    (name !== field && Object.hasOwn(all, name))
  )
    name += "_";
  return name;
}
