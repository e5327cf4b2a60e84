import { itemOperations } from "./items.js";
import type { Operation } from "./operation.js";
import { readOperations } from "./read.js";
import { tableOperations } from "./tables.js";

/** Every operation that DynamoDB has, with those that are refused. */
export const operations: readonly Operation[] = [...tableOperations, ...itemOperations, ...readOperations];

const byName: ReadonlyMap<string, Operation> = new Map(operations.map((each) => [each.name, each]));

export function findOperation(name: string): Operation | undefined {
  return byName.get(name);
}
