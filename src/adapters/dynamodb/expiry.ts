import { EXPIRES } from "../../plan/dynamodb/names.js";
import type { StoredItem } from "./codec.js";
import type { Placeholders } from "./expressions.js";
import type { Requests } from "./requests.js";
import type { StoredEntity } from "./write.js";

/** A record that is there: what has expired is not, though DynamoDB may delete it days later. */
export function living(found: StoredItem | undefined, { requests }: StoredEntity): StoredItem | undefined {
  return found?.expiresAt !== undefined && found.expiresAt <= requests.clock.now() ? undefined : found;
}

/** The record has not expired. Dates are compared as text, of which those after the year 9999 begin with "+". */
export function notExpired({ codec, requests }: StoredEntity, to: Placeholders): string[] {
  const { expires } = codec.entity;
  if (expires === undefined) return [];
  const date = to.name(codec.attribute(expires));
  const now = to.value({ S: new Date(requests.clock.now()).toISOString() });
  return [
    `(attribute_not_exists(${date}) OR attribute_type(${date}, ${to.value({ S: "NULL" })}) OR ${date} > ${now} OR begins_with(${date}, ${to.value({ S: "+" })}))`,
  ];
}

/** For items of several entities: DynamoDB may not delete it yet. To the second; the rest is told by the record. */
export function notDeletable({ clock }: Requests, to: Placeholders): string[] {
  const attribute = to.name(EXPIRES);
  const now = to.value({ N: String(Math.floor(clock.now() / 1000)) });
  return [`(attribute_not_exists(${attribute}) OR ${attribute} > ${now})`];
}
