import { randomUUID } from "node:crypto";
import type { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import type { Doc } from "../../patterns/dynamodb/driver.js";
import { cancellationOf } from "../../patterns/dynamodb/errors.js";
import type { WriteOutcome } from "../port/outcome.js";
import { type Derived, OWNER, UNTIL } from "./codec.js";
import type { Requests, WriteReply } from "./requests.js";
import type { StoredEntity } from "./write.js";

/** Items that one TransactWriteItems takes. */
export const TRANSACTION_ITEMS = 100;

/**
 * Sends a transaction. All attempts carry one token, so that within ten minutes the server does it once
 * (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
 */
export function transact(
  items: readonly Doc[],
  { requests, codec }: StoredEntity,
  deadline: Deadline,
): Promise<WriteReply> {
  if (items.length > TRANSACTION_ITEMS) {
    const error = new KeyfoldError(
      "TOO_LARGE",
      `A ${codec.entity.entity} is written to ${items.length} items at once; a transaction of DynamoDB takes ${TRANSACTION_ITEMS}.`,
      { fix: 'Declare some of its patterns "eventual": they then need no copies.' },
    );
    return Promise.resolve({ kind: "failed", error, mayHaveRun: false });
  }
  return sendTransaction(items, requests, deadline);
}

/** Sends up to {@link TRANSACTION_ITEMS} items, under one token. */
export function sendTransaction(items: readonly Doc[], requests: Requests, deadline: Deadline): Promise<WriteReply> {
  return requests.write(
    "TransactWriteItems",
    { TransactItems: items, ClientRequestToken: randomUUID() },
    deadline,
    items.length,
  );
}

/** The write of an item beside a home item. A unique value may only be taken from nobody. */
export function putBeside(one: Derived, { table, key, clock }: Requests): Doc {
  if (one.kind !== "unique") return { Put: { TableName: table, Item: one.item } };
  return {
    Put: {
      TableName: table,
      Item: one.item,
      // A record that has expired has it no more.
      ConditionExpression: "attribute_not_exists(#pk) OR #o = :o OR #u <= :now",
      ExpressionAttributeNames: { "#pk": key.partition, "#o": OWNER, "#u": UNTIL },
      ExpressionAttributeValues: { ":o": one.item[OWNER], ":now": { S: new Date(clock.now()).toISOString() } },
    },
  };
}

/** The removal of an item beside a home item; a unique value only where it is still this record's. */
export function deleteBeside(one: Derived, { table, key }: Requests): Doc {
  const Key = key.item(one.key);
  if (one.kind !== "unique") return { Delete: { TableName: table, Key } };
  return {
    Delete: {
      TableName: table,
      Key,
      ConditionExpression: "attribute_not_exists(#pk) OR #o = :o",
      ExpressionAttributeNames: { "#pk": key.partition, "#o": OWNER },
      ExpressionAttributeValues: { ":o": one.item[OWNER] },
    },
  };
}

/** The buckets of contributions, by place. */
export function besides(derived: readonly Derived[]): readonly { readonly place: string; readonly bucket: string }[] {
  return derived.flatMap(({ place, bucket }) => (bucket === undefined ? [] : [{ place, bucket }]));
}

/**
 * Whether it was a unique value that stopped a transaction whose first item is the home item and whose further items
 * begin with those of `derived`. Undefined: it was the home item.
 */
export function blockers(thrown: unknown, derived: readonly Derived[]): WriteOutcome | undefined {
  const reasons = cancellationOf(thrown);
  if (reasons === undefined || reasons[0]?.Code === "ConditionalCheckFailed") return undefined;
  const taken = derived.find(
    (one, index) => one.kind === "unique" && reasons[index + 1]?.Code === "ConditionalCheckFailed",
  );
  return taken === undefined ? undefined : { kind: "notApplied", reason: "unique", unique: taken.fields };
}
