/** `keyfold/dynamodb`: the DynamoDB adapter and a well-configured client. */

export type { ClientLike } from "../../patterns/dynamodb/driver.js";
export type { DynamoPrices } from "../../plan/dynamodb/types.js";
export type { Adapter } from "../port/adapter.js";
export type { DynamoDB } from "../port/capability.js";
export { type DynamoDBOptions, dynamodb } from "./adapter.js";
export { type OpenedTable, open } from "./open.js";
