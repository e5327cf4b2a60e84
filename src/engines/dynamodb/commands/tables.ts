import { DynamoError, resourceInUse, tableNotFound, validation } from "../errors.js";
import { describeTable } from "./describe.js";
import { andThen, type Call, type Operation, type Reply } from "./operation.js";
import { namedTable, namePattern } from "./parameters.js";
import { newStream, newTable } from "./table-definition.js";
import { createTableMembers, updateTableMembers } from "./table-shapes.js";
import { updateTable } from "./update-table.js";

/** Tables that one account may have in a region. */
const mostTables = 2_500;

function createTable(call: Call): Reply | Promise<Reply> {
  const { engine, input, region } = call;
  const { catalog, clock } = engine;
  if (input["TableName"] === undefined) {
    throw validation("The parameter 'TableName' is required but was not present in the request");
  }
  const { indexes, streamView, ...rest } = newTable(input, region, clock.now());
  if (catalog.table(rest.name) !== undefined) throw resourceInUse(`Table already exists: ${rest.name}`);
  if (catalog.names().length >= mostTables) {
    throw new DynamoError(
      "LimitExceededException",
      `Subscriber limit exceeded: There is a limit of ${mostTables} tables per subscriber`,
    );
  }
  const created = catalog.write(() => {
    // Looked at again: on disk, a request that came before may be committed only now.
    if (catalog.table(rest.name) !== undefined) throw resourceInUse(`Table already exists: ${rest.name}`);
    return catalog.create({
      ...rest,
      indexes: indexes.map((index) => ({ ...index, tree: catalog.newTree() })),
      streams: streamView === undefined ? [] : [newStream(streamView, catalog.newTree(), clock.now())],
    });
  });
  return andThen(created, (table) => ({ TableDescription: describeTable(table, { status: "CREATING" }) }));
}

function deleteTable(call: Call): Reply | Promise<Reply> {
  const { catalog } = call.engine;
  const table = namedTable(call);
  if (table.definition.deletionProtection) {
    throw validation(
      `Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.`,
    );
  }
  const description = describeTable(table, { status: "DELETING" });
  return andThen(
    catalog.write(() => {
      if (table.dropped) throw tableNotFound(table.name);
      catalog.remove(table);
    }),
    () => ({ TableDescription: description }),
  );
}

function listTables({ engine, input }: Call): Reply {
  const limit = (input["Limit"] as number | undefined) ?? 100;
  const start = input["ExclusiveStartTableName"] as string | undefined;
  const names = engine.catalog.names().filter((name) => start === undefined || name > start);
  const page = names.slice(0, limit);
  return {
    TableNames: page,
    ...(names.length > page.length ? { LastEvaluatedTableName: page[page.length - 1] } : {}),
  };
}

const tableNameOrArn = { kind: "string", required: true, min: 1, max: 1024 } as const;

export const tableOperations: readonly Operation[] = [
  {
    name: "CreateTable",
    summary: "makes a table with its indexes and stream; it can be used at once",
    supported: true,
    members: createTableMembers,
    run: createTable,
  },
  {
    name: "DescribeTable",
    summary: "tells what a table is like, with exact counts of items and bytes",
    supported: true,
    members: { TableName: tableNameOrArn },
    run: (call) => ({ Table: describeTable(namedTable(call)) }),
  },
  {
    name: "UpdateTable",
    summary: "changes billing, throughput, stream, class and protection; adds an index and fills it, or removes one",
    supported: true,
    members: updateTableMembers,
    run: updateTable,
  },
  {
    name: "DeleteTable",
    summary: "removes a table and all that is in it",
    supported: true,
    members: { TableName: tableNameOrArn },
    run: deleteTable,
  },
  {
    name: "ListTables",
    summary: "lists tables by name",
    supported: true,
    members: {
      ExclusiveStartTableName: { kind: "string", min: 3, max: 255, pattern: namePattern },
      Limit: { kind: "integer", min: 1, max: 100 },
    },
    run: listTables,
  },
];
