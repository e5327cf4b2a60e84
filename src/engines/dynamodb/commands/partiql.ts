import { createHash } from "node:crypto";
import { Consumption } from "../data/capacity.js";
import { RawJson } from "../data/item-codec.js";
import { type Page, type ReadRequest, readPage } from "../data/read.js";
import { type Index, keyNames, type Table } from "../data/table.js";
import { DynamoError, resourceNotFound, validation } from "../errors.js";
import { keyRange, sortRange } from "../expressions/key-condition.js";
import { Projection } from "../expressions/paths.js";
import type { Path } from "../expressions/syntax.js";
import { parseStatement } from "../partiql/parser.js";
import { accessOf, checkOrder, keyOfWhere, whereTest, writeOfStatement } from "../partiql/plan.js";
import type { Select, Statement } from "../partiql/statement.js";
import { boolean, type Members, value } from "../protocol/shapes.js";
import { checkItem, checkValue, type Item, setAttribute, type Value } from "../values/attribute-value.js";
import { afterPrefix, grouped, indexKey, partitionPrefix, tableKey } from "../values/key-encoding.js";
import { andThen, type Call, type Engine, type Operation, type Reply } from "./operation.js";
import { capacityShape, checkKey, consumed, indexOf, onFailureShape, tableOf } from "./parameters.js";
import { consumedTogether, eachAction, type ItemRead, readTogether, tokenOf, writeTogether } from "./transactions.js";
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

// ---- reading

/** Attributes of a result: the last name of each path. */
function columns(item: Item, paths: readonly Path[]): Item {
  const out: Item = {};
  for (const path of paths) {
    const cut = new Projection([path]).apply(item);
    let value: Value | undefined = cut[path[0] as string];
    let name = path[0] as string;
    for (const part of path.slice(1)) {
      if (value === undefined) break;
      if (typeof part === "number") value = (value.L as Value[] | undefined)?.[0];
      else {
        value = (value.M as Item | undefined)?.[part];
        name = part;
      }
    }
    if (value !== undefined) setAttribute(out, name, value);
  }
  return out;
}

/** A place to go on from, bound to its statement. */
function nextToken(statement: string, place: { partition: number; last: Item | undefined }): string {
  const check = createHash("sha256").update(statement).digest("base64").slice(0, 16);
  return Buffer.from(JSON.stringify([check, place.partition, place.last ?? null])).toString("base64");
}

function placeOf(statement: string, token: string | undefined): { partition: number; last: Item | undefined } {
  if (token === undefined) return { partition: 0, last: undefined };
  const invalid = (): Error => validation("Invalid NextToken");
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(token, "base64").toString("utf8"));
  } catch {
    throw invalid();
  }
  if (!Array.isArray(parsed) || parsed.length !== 3) throw invalid();
  const [check, partition, last] = parsed as [unknown, unknown, Item | null];
  const wanted = createHash("sha256").update(statement).digest("base64").slice(0, 16);
  if (check !== wanted || !Number.isSafeInteger(partition)) throw invalid();
  if (last !== null) checkItem(last);
  return { partition: partition as number, last: last ?? undefined };
}

/** The key of a place in the tree; a token that was tampered with is refused. */
function treePlace(table: Table, index: Index | undefined, last: Item): string {
  try {
    const own = table.keyItem(last);
    checkKey(table.schema, own);
    const place = tableKey(table.schema, own);
    if (index === undefined) return place;
    for (const name of keyNames(index.definition.schema)) if (last[name] === undefined) throw new Error(name);
    return indexKey(index.definition.schema, last, place);
  } catch {
    throw validation("Invalid NextToken");
  }
}

function select(call: Call, statement: Select): NonNullable<Reply> {
  const { engine, input } = call;
  const table = tableOfStatement(engine, statement);
  const index = statement.index === undefined ? undefined : indexOf(table, statement.index);
  const schema = index?.definition.schema ?? table.schema;
  const strong = input["ConsistentRead"] === true;
  if (strong && index?.definition.global === true) {
    throw validation("Consistent reads are not supported on global secondary indexes");
  }
  checkOrder(statement.order, schema);
  const filter = whereTest(statement);
  const { partitions } = accessOf(statement.where, statement.values, schema);
  if (statement.order !== undefined && partitions === undefined) {
    throw validation("Must have WHERE clause in the statement when using ORDER BY clause.");
  }
  const text = input["Statement"] as string;
  const limit = input["Limit"] as number | undefined;
  let { partition, last } = placeOf(text, input["NextToken"] as string | undefined);
  const base = {
    table,
    index,
    limit: undefined,
    filter,
    paths: undefined,
    countOnly: false,
    fetch: false,
    strong,
  };
  const used = new Consumption(table);
  const items: (RawJson | Item)[] = [];
  let left = limit;
  let token: string | undefined;
  const requests: readonly (ReadRequest | undefined)[] =
    partitions === undefined
      ? [{ ...base, from: undefined, to: undefined, reverse: false }]
      : partitions.map((tests) => {
          const range = keyRange(tests, schema);
          const prefix = partitionPrefix(range.partition);
          const encode = index === undefined ? (bytes: string): string => bytes : grouped;
          let from = prefix;
          let to = afterPrefix(prefix);
          if (range.sort !== undefined) {
            const sort = sortRange(range.sort);
            from = prefix + (sort.from === "" ? "" : encode(sort.from));
            if (sort.to !== undefined) to = prefix + encode(sort.to);
          }
          return { ...base, from, to, reverse: statement.order?.descending === true };
        });
  for (; partition < requests.length; partition++) {
    let request = requests[partition]!;
    if (last !== undefined) {
      const place = treePlace(table, index, last);
      request = request.reverse ? { ...request, to: place } : { ...request, from: `${place}\x00` };
      last = undefined;
    }
    engine.throttle?.check({ table, index: index?.definition.name, kind: "Read", partition: request.from });
    const before = used.total;
    const page: Page = readPage({ ...request, limit: left }, used);
    engine.throttle?.take(
      { table, index: index?.definition.name, kind: "Read", partition: request.from },
      used.total - before,
    );
    items.push(...page.items);
    if (left !== undefined) left -= page.scanned;
    if (page.last !== undefined) {
      token = nextToken(text, { partition, last: page.last });
      break;
    }
    if (left === 0 && partition + 1 < requests.length) {
      token = nextToken(text, { partition: partition + 1, last: undefined });
      break;
    }
  }
  const { paths } = statement;
  return {
    Items: paths === undefined ? items : items.map((item) => columns(parsed(item), paths)),
    ...(token === undefined ? {} : { NextToken: token }),
    ...consumed(call, used),
  };
}

function parsed(item: RawJson | Item): Item {
  return item instanceof RawJson ? (JSON.parse(item.bytes.toString("utf8")) as Item) : item;
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
      Code:
        code === "Validation" ? "ValidationError" : code === "ConditionalCheckFailed" ? "ConditionalCheckFailed" : code,
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
  const used = new Map<Table, Consumption>();
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
  return { Responses: responses, ...batchUnits(call, used) };
}

function batchUnits(call: Call, used: ReadonlyMap<Table, Consumption>): object {
  const detail = call.input["ReturnConsumedCapacity"];
  if (detail === undefined || detail === "NONE") return {};
  return { ConsumedCapacity: [...used.values()].map((each) => each.report(detail as "TOTAL")) };
}

async function batched(
  call: Call,
  statement: Statement,
  entry: Readonly<Record<string, unknown>>,
  used: Map<Table, Consumption>,
): Promise<object> {
  const { engine } = call;
  const table = tableOfStatement(engine, statement);
  const sum = used.get(table) ?? new Consumption(table);
  used.set(table, sum);
  if (statement.kind === "select") {
    keyOfWhere(statement, table.schema);
    const reply = select({ ...call, input: { ...entry } }, statement);
    sum.tableUnits += entry["ConsistentRead"] === true ? 1 : 0.5;
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
    return { Responses: responses, ...consumedTogether(call, used, "ReadCapacityUnits") };
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
    ...consumedTogether(call, used, repeated ? "ReadCapacityUnits" : "WriteCapacityUnits"),
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
