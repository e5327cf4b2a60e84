import { accountId, tableArn } from "../data/definition.js";
import type { Table } from "../data/table.js";
import { DynamoError, resourceNotFound, validation } from "../errors.js";
import { type Shape, string } from "../protocol/shapes.js";
import { andThen, type Call, type Operation, type Reply } from "./operation.js";
import { type Tag, tagMap } from "./table-definition.js";
import { tagsShape } from "./table-shapes.js";

const arnShape: Shape = { kind: "string", required: true, min: 1, max: 1283 };

/** The table of an ARN. */
function taggedTable({ engine, input }: Call): Table {
  const arn = input["ResourceArn"] as string;
  const match = /^arn:[^:]+:dynamodb:([^:]*):([^:]*):table\/([^/]+)$/.exec(arn);
  if (match === null) throw validation(`Invalid TableArn: Invalid ResourceArn provided as input ${arn}`);
  if (match[2] !== accountId) {
    throw new DynamoError(
      "AccessDeniedException",
      `User is not authorized to perform this operation on resource: ${arn}`,
    );
  }
  const table = engine.catalog.table(match[3]!);
  if (table === undefined || tableArn(table.definition) !== arn) {
    throw resourceNotFound(`Requested resource not found: ResourcArn: ${arn} not found`);
  }
  return table;
}

function setTags(
  call: Call,
  change: (tags: Readonly<Record<string, string>>) => Record<string, string>,
): Reply | Promise<Reply> {
  const table = taggedTable(call);
  const tags = change(table.definition.tags);
  const { catalog } = call.engine;
  return andThen(
    catalog.write(() => catalog.change(table, { tags })),
    () => undefined,
  );
}

function tagResource(call: Call): Reply | Promise<Reply> {
  const tags = call.input["Tags"] as Tag[];
  if (tags.length === 0) throw validation("Atleast one Tag needs to be provided as Input.");
  return setTags(call, (before) => tagMap(tags, before));
}

function untagResource(call: Call): Reply | Promise<Reply> {
  const keys = new Set(call.input["TagKeys"] as string[]);
  if (keys.size === 0) throw validation("Atleast one Tag Key needs to be provided as Input.");
  return setTags(call, (before) => Object.fromEntries(Object.entries(before).filter(([key]) => !keys.has(key))));
}

function listTags(call: Call): Reply {
  const { tags } = taggedTable(call).definition;
  return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
}

export const tagOperations: readonly Operation[] = [
  {
    name: "TagResource",
    summary: "puts tags on a table",
    supported: true,
    members: { ResourceArn: arnShape, Tags: { ...tagsShape, required: true } },
    run: tagResource,
  },
  {
    name: "UntagResource",
    summary: "takes tags off a table",
    supported: true,
    members: { ResourceArn: arnShape, TagKeys: { kind: "list", required: true, of: string } },
    run: untagResource,
  },
  {
    name: "ListTagsOfResource",
    summary: "lists the tags of a table",
    supported: true,
    members: { ResourceArn: arnShape, NextToken: string },
    run: listTags,
  },
];
