import { Consumption, ConsumptionByTable } from "../data/capacity.js";
import type { RawJson } from "../data/item-codec.js";
import type { Table } from "../data/table.js";
import { DynamoError, resourceNotFound, validation } from "../errors.js";
import { Projection } from "../expressions/paths.js";
import { parseStatement } from "../partiql/parser.js";
import { keyOfWhere, whereTest, writeOfStatement } from "../partiql/plan.js";
import type { Select, Statement } from "../partiql/statement.js";
import { boolean, type Members, value } from "../protocol/shapes.js";
import { checkItem, checkValue, type Item, type Value } from "../values/attribute-value.js";
import { tableKey } from "../values/key-encoding.js";
import { andThen, type Call, type Engine, type Operation, type Reply } from "./operation.js";
import { capacityShape, checkKey, consumed, consumedByTable, onFailureShape, tableOf } from "./parameters.js";
import { columns, parsed, select } from "./partiql-select.js";
import { eachAction, type ItemRead, readTogether, tokenOf, writeTogether } from "./together.js";
import {
  applyWrite,
  checkWriteThrottle,
  type ItemWrite,
  type Prepared,
  prepareWrite,
  takeWriteUnits,
} from "./write-item.js";

/** Statements of PartiQL: one, a batch, a transaction. */

const mostBatched = 25;
const mostTogether = 100;

const parametersShape = { kind: "list", min: 1, of: value } as const;
const statementShape = { kind: "string", required: true, min: 1, max: 8192 } as const;

const statementMembers: Members = {
  Statement: statementShape,
  Parameters: parametersShape,
  ConsistentRead: boolean,
  ReturnValuesOnConditionCheckFailure: onFailureShape,
};

function parse(input: Readonly<Record<string, unknown>>): Statement {
  const parameters = (input["Parameters"] as Value[] | undefined) ?? [];
  for (const each of parameters) checkValue(each);
  return parseStatement(input["Statement"] as string, parameters);
}

function tableOfStatement(engine: Engine, statement: Statement): Table {
  return tableOf(engine, statement.table);
}

/** An insert writes nothing over an item that is there. */
function prepare(write: ItemWrite): Prepared {
  const prepared = prepareWrite(write);
  if (write.change.kind === "put" && prepared.stored !== undefined) {
    throw new DynamoError("DuplicateItemException", "Duplicate primary key exists in table");
  }
  return prepared;
}

function writeOne(
  engine: Engine,
  write: ItemWrite,
): { prepared: Prepared; used: Consumption } | Promise<{ prepared: Prepared; used: Consumption }> {
  checkWriteThrottle(engine, write);
  return engine.catalog.write(() => {
    const prepared = prepare(write);
    const used = new Consumption(write.table);
    applyWrite(engine, prepared, used);
    takeWriteUnits(engine, prepared, used);
    return { prepared, used };
  });
}

/** The items that RETURNING asks for. */
function returned(statement: Statement, { before, after, write }: Prepared): Item[] {
  if (statement.kind !== "update" && statement.kind !== "delete") return [];
  const { returning } = statement;
  if (returning === undefined) return [];
  if (statement.kind === "delete" && returning !== "ALL_OLD") {
    throw validation("DELETE statements can only return ALL OLD *");
  }
  const source = returning.endsWith("OLD") ? before : after;
  if (source === undefined) return [];
  if (returning.startsWith("ALL") || write.change.kind !== "update") return [source];
  return [new Projection(write.change.update.paths).apply(source)];
}

function executeStatement(call: Call): Reply | Promise<Reply> {
  const { engine, input } = call;
  const statement = parse(input);
  if (statement.kind === "select") return select(call, statement);
  if (statement.kind === "exists") throw validation("EXISTS can only be used in a transaction");
  const table = tableOfStatement(engine, statement);
  const write = writeOfStatement(statement, table, input["ReturnValuesOnConditionCheckFailure"] === "ALL_OLD");
  return andThen(writeOne(engine, write), ({ prepared, used }) => ({
    Items: returned(statement, prepared),
    ...consumed(call, used),
  }));
}

// ---- batches

/** Codes of errors in a batch: the error's name without its end. */
function batchError(error: unknown, table: string | undefined): object {
  if (!(error instanceof DynamoError)) throw error;
  const code = error.name.replace(/Exception$/, "");
  const item = error.members?.["Item"];
  return {
    Error: {
      Code: code === "Validation" ? "ValidationError" : code,
      Message: error.message,
      ...(item === undefined ? {} : { Item: item }),
    },
    ...(table === undefined ? {} : { TableName: table }),
  };
}

/** Reads the one item that a SELECT of a batch or transaction names. */
function readOf(engine: Engine, statement: Select): ItemRead {
  const table = tableOfStatement(engine, statement);
  const { key } = keyOfWhere(statement, table.schema);
  checkItem(key);
  checkKey(table.schema, key);
  return { table, key: tableKey(table.schema, key), keyItem: key, paths: undefined };
}

async function batchExecuteStatement(call: Call): Promise<Reply> {
  const { input } = call;
  const entries = input["Statements"] as Record<string, unknown>[];
  const statements = entries.map((entry) => {
    try {
      return parse(entry);
    } catch (error) {
      return error;
    }
  });
  const reads = statements.filter((each) => (each as Statement).kind === "select").length;
  if (reads > 0 && reads < statements.filter((each) => !(each instanceof Error)).length) {
    throw validation("Batch statements cannot mix reads and writes");
  }
  const used = new ConsumptionByTable();
  const responses: object[] = [];
  for (const [at, statement] of statements.entries()) {
    const table = statement instanceof Error ? undefined : (statement as Statement).table;
    try {
      if (statement instanceof Error) throw statement;
      responses.push(await batched(call, statement as Statement, entries[at]!, used));
    } catch (error) {
      responses.push(batchError(error, table));
    }
  }
  return { Responses: responses, ...consumedByTable(call, used) };
}

async function batched(
  call: Call,
  statement: Statement,
  entry: Readonly<Record<string, unknown>>,
  used: ConsumptionByTable,
): Promise<object> {
  const { engine } = call;
  const table = tableOfStatement(engine, statement);
  const sum = used.of(table);
  if (statement.kind === "select") {
    keyOfWhere(statement, table.schema);
    const reply = select({ ...call, input: { ...entry, ReturnConsumedCapacity: "TOTAL" } }, statement);
    sum.tableUnits += (reply["ConsumedCapacity"] as { CapacityUnits: number }).CapacityUnits;
    const [item] = reply["Items"] as (RawJson | Item)[];
    return { TableName: table.name, ...(item === undefined ? {} : { Item: item }) };
  }
  if (statement.kind === "exists") throw validation("EXISTS can only be used in a transaction");
  const write = writeOfStatement(statement, table, entry["ReturnValuesOnConditionCheckFailure"] === "ALL_OLD");
  const done = await writeOne(engine, write);
  sum.add(done.used);
  const [item] = returned(statement, done.prepared);
  return { TableName: table.name, ...(item === undefined ? {} : { Item: item }) };
}

// ---- transactions

function executeTransaction(call: Call): Reply | Promise<Reply> {
  const { engine, input } = call;
  const entries = input["TransactStatements"] as Record<string, unknown>[];
  const token = tokenOf(input, entries);
  const statements = entries.map(parse);
  const reads = statements.filter((each): each is Select => each.kind === "select");
  if (reads.length > 0 && reads.length < statements.length) {
    throw validation("Transaction statements cannot mix reads and writes");
  }
  for (const statement of statements) {
    if (engine.catalog.table(statement.table) === undefined) throw resourceNotFound();
  }
  if (reads.length > 0) {
    const { items, used } = readTogether(
      engine,
      eachAction(reads, (each) => readOf(engine, each)),
    );
    const responses = items.map((item, at) => {
      if (item === undefined) return {};
      const { paths } = reads[at]!;
      const test = whereTest(reads[at]!);
      if (test !== undefined && !test(parsed(item))) return {};
      return { Item: paths === undefined ? item : columns(parsed(item), paths) };
    });
    return { Responses: responses, ...consumedByTable(call, used, "ReadCapacityUnits") };
  }
  const writes = eachAction(statements, (statement, at) =>
    writeOfStatement(
      statement as Exclude<Statement, Select>,
      tableOfStatement(engine, statement),
      entries[at]!["ReturnValuesOnConditionCheckFailure"] === "ALL_OLD",
    ),
  );
  const done = writeTogether(engine, writes, prepare, token);
  return andThen(done, ({ prepared, used, repeated }) => ({
    Responses: statements.map((statement, at) => {
      const [item] = repeated ? [] : returned(statement, prepared[at]!);
      return item === undefined ? {} : { Item: item };
    }),
    ...consumedByTable(call, used, repeated ? "ReadCapacityUnits" : "WriteCapacityUnits"),
  }));
}

export const partiqlOperations: readonly Operation[] = [
  {
    name: "ExecuteStatement",
    summary: "runs a statement of PartiQL: SELECT, INSERT, UPDATE, DELETE",
    supported: true,
    members: {
      ...statementMembers,
      NextToken: { kind: "string", min: 1, max: 32768 },
      ReturnConsumedCapacity: capacityShape,
      Limit: { kind: "integer", min: 1 },
    },
    run: executeStatement,
  },
  {
    name: "BatchExecuteStatement",
    summary: "runs up to 25 statements, each by itself",
    supported: true,
    members: {
      Statements: {
        kind: "list",
        required: true,
        min: 1,
        max: mostBatched,
        of: { kind: "structure", name: "BatchStatementRequest", members: statementMembers },
      },
      ReturnConsumedCapacity: capacityShape,
    },
    run: batchExecuteStatement,
  },
  {
    name: "ExecuteTransaction",
    summary: "runs up to 100 statements all together or not at all",
    supported: true,
    members: {
      TransactStatements: {
        kind: "list",
        required: true,
        min: 1,
        max: mostTogether,
        of: {
          kind: "structure",
          name: "ParameterizedStatement",
          members: {
            Statement: statementShape,
            Parameters: parametersShape,
            ReturnValuesOnConditionCheckFailure: onFailureShape,
          },
        },
      },
      ClientRequestToken: { kind: "string", min: 1, max: 36 },
      ReturnConsumedCapacity: capacityShape,
    },
    run: executeTransaction,
  },
];
