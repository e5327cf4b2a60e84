import { batchOperations } from "./batch.js";
import { itemOperations } from "./items.js";
import type { Operation } from "./operation.js";
import { otherOperations } from "./other.js";
import { partiqlOperations } from "./partiql.js";
import { queryOperation } from "./query.js";
import { scanOperation } from "./scan.js";
import { streamOperations } from "./streams.js";
import { tableOperations } from "./tables.js";
import { tagOperations } from "./tags.js";
import { transactionOperations } from "./transactions.js";
import { ttlOperations } from "./ttl.js";

/** Every operation that DynamoDB has, with those that are refused. */
export const operations: readonly Operation[] = [
  ...tableOperations,
  ...itemOperations,
  ...batchOperations,
  ...transactionOperations,
  queryOperation,
  scanOperation,
  ...partiqlOperations,
  ...ttlOperations,
  ...tagOperations,
  ...otherOperations,
  ...streamOperations,
];

const byName: ReadonlyMap<string, Operation> = new Map(operations.map((each) => [each.name, each]));

export function findOperation(name: string): Operation | undefined {
  return byName.get(name);
}
