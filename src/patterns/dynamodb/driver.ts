/**
 * The part of the AWS SDK for JavaScript v3 that keyfold uses. A `DynamoDBClient` or a `DynamoDBDocumentClient` fits by
 * shape, of this or another copy of the SDK: the plain commands, with attribute values, are taken by both.
 */

import {
  BatchExecuteStatementCommand,
  BatchGetItemCommand,
  BatchWriteItemCommand,
  CreateTableCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from "@aws-sdk/client-dynamodb";

/** A value as DynamoDB has it: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html */
export interface AttributeValue {
  readonly S?: string;
  readonly N?: string;
  readonly B?: Uint8Array;
  readonly BOOL?: boolean;
  readonly NULL?: boolean;
  readonly L?: readonly AttributeValue[];
  readonly M?: { readonly [name: string]: AttributeValue };
  readonly SS?: readonly string[];
  readonly NS?: readonly string[];
  readonly BS?: readonly Uint8Array[];
}

/** An item, or its key. */
export interface Item {
  [attribute: string]: AttributeValue;
}

/** A request's input or output. */
export interface Doc {
  [member: string]: unknown;
}

/** A client of the SDK. */
export interface ClientLike {
  send(command: never, options?: never): Promise<unknown>;
}

const commands = {
  BatchExecuteStatement: BatchExecuteStatementCommand,
  BatchGetItem: BatchGetItemCommand,
  BatchWriteItem: BatchWriteItemCommand,
  CreateTable: CreateTableCommand,
  DeleteItem: DeleteItemCommand,
  DescribeTable: DescribeTableCommand,
  DescribeTimeToLive: DescribeTimeToLiveCommand,
  GetItem: GetItemCommand,
  PutItem: PutItemCommand,
  Query: QueryCommand,
  Scan: ScanCommand,
  TransactWriteItems: TransactWriteItemsCommand,
  UpdateItem: UpdateItemCommand,
  UpdateTable: UpdateTableCommand,
  UpdateTimeToLive: UpdateTimeToLiveCommand,
} as const;

/** Operations that keyfold sends. */
export type Operation = keyof typeof commands;

/** Sends an operation with attribute values. */
export function sendOperation(client: ClientLike, operation: Operation, input: Doc, signal: AbortSignal): Promise<Doc> {
  const Command = commands[operation] as unknown as new (input: Doc) => never;
  return client.send(new Command(input), { abortSignal: signal } as never) as Promise<Doc>;
}
