import { Binary, Timestamp } from "bson";
import type { Doc } from "../bson/doc.js";
import { Doc as Document, decodeDoc, int32 } from "../bson/doc.js";
import { BsonType, findElement, int32At, latin1At } from "../bson/raw.js";
import { Deadline } from "../data/deadline.js";
import { bsonTypeName } from "../data/language.js";
import { badValue, failedToParse, mongoError, typeMismatch } from "../errors.js";
import type { Message } from "../protocol/message.js";
import type { Reply } from "../protocol/reply.js";
import { numeric } from "./arguments.js";
import type { Client, Command, CommandRequest, Engine } from "./command.js";
import { fieldsOf, genericFields, unknownField } from "./fields.js";
import { findCommand } from "./table.js";

/** The name by which a request calls its command; for the seam and for errors. */
export function commandName(message: Message): string {
  return message.body.first()?.[0] ?? "";
}

/** Checks a request's outside: the command, its database, who asks, the fields, the generic arguments. */
export function prepare(message: Message, client: Client, engine: Engine): CommandRequest {
  const name = commandName(message);
  let db = message.queryDb;
  if (db === undefined) {
    const value = message.body.get("$db");
    if (value === undefined) throw mongoError(40571, "OP_MSG requests require a $db argument");
    if (typeof value !== "string")
      throw typeMismatch(`BSON field '$db' is the wrong type '${bsonTypeName(value)}', expected type 'string'`);
    db = value;
  }
  const command = findCommand(name);
  if (message.via === "query" && !(name === "hello" || name === "isMaster" || name === "ismaster")) {
    throw mongoError(
      352,
      `Unsupported OP_QUERY command: ${name}. The client driver may require an upgrade. For more details see https://dochub.mongodb.org/core/legacy-opcode-removal`,
    );
  }
  if (command?.run === undefined) throw mongoError(59, `no such command: '${name}'`);
  if (!client.authenticated && command.open !== true) {
    throw mongoError(13, `Command ${name} requires authentication`);
  }
  if (command.adminOnly === true && db !== "admin") {
    throw mongoError(13, `${name} may only be run against the admin database.`);
  }

  let session: string | undefined;
  let txnNumber: bigint | undefined;
  let maxTimeMs: number | undefined;
  let writeConcernError: Doc | undefined;
  let journaled = false;
  const known = command.fields === undefined ? undefined : fieldsOf(command);
  // Decoded once: a command asks for a dozen fields, and each would be looked for in the bytes.
  const body = message.body.bytes === null ? message.body : decodeDoc(message.body.bytes, message.body.start);
  const fields = body.keys();
  const values = body.values();
  for (let at = 0; at < fields.length; at++) {
    const field = fields[at]!;
    const value = values[at]!;
    if (known !== undefined && fields.indexOf(field) < at) {
      throw mongoError(40413, `BSON field '${name}.${field}' is a duplicate field`);
    }
    if (!genericFields.has(field)) {
      if (known !== undefined && !known.has(field)) throw unknownField(name, field);
      continue;
    }
    switch (field) {
      case "lsid":
        session = sessionId(value);
        break;
      case "txnNumber":
        if (typeof value !== "bigint") {
          throw typeMismatch(`BSON field 'txnNumber' is the wrong type '${bsonTypeName(value)}', expected type 'long'`);
        }
        txnNumber = value;
        break;
      case "autocommit":
      case "startTransaction":
        throw mongoError(20, "Transaction numbers are only allowed on a replica set member or mongos");
      case "maxTimeMS": {
        const ms = numeric(value);
        if (ms === undefined) throw typeMismatch("maxTimeMS must be a number");
        if (ms < 0 || ms > 2147483647) throw badValue(`${ms} value for maxTimeMS is out of range [0, 2147483647]`);
        if (!Number.isInteger(ms)) throw badValue("maxTimeMS has non-integral value");
        if (ms > 0) maxTimeMs = ms;
        break;
      }
      case "readConcern":
        checkReadConcern(command, value);
        break;
      case "writeConcern": {
        const concern = checkWriteConcern(value);
        writeConcernError = concern.error;
        journaled = concern.journaled;
        break;
      }
      case "$clusterTime":
        if (value instanceof Document) {
          const time = value.get("clusterTime");
          if (time instanceof Timestamp) engine.clusterTime.witness(time);
        }
        break;
      case "apiVersion":
        if (value !== "1") throw mongoError(322, `Cannot accept apiVersion "${String(value)}"; only "1" is accepted`);
        break;
      case "apiStrict":
        if (value === true && command.api !== true) {
          throw mongoError(
            323,
            `Provided apiStrict:true, but the command ${name} is not in API Version 1. Information on supported commands and migrations in API Version 1 can be found at https://dochub.mongodb.org/core/manual-versioned-api`,
          );
        }
        break;
      default:
    }
  }
  if (txnNumber !== undefined) {
    if (session === undefined) throw mongoError(72, "Transaction number requires a session ID to also be specified");
    if (txnNumber < 0n) throw mongoError(72, "Transaction number cannot be negative");
    if (command.retryable !== true) txnNumber = undefined;
  }
  if (session !== undefined) engine.sessions.touch(session);
  return {
    command,
    db,
    body,
    sequences: message.sequences,
    client,
    session,
    txnNumber,
    deadline: maxTimeMs === undefined ? undefined : new Deadline(maxTimeMs),
    maxTimeMs,
    writeConcernError,
    journaled,
  };
}

/** Runs a prepared request. A read waits while a change of the catalog is on its way to the disk. */
export function run(request: CommandRequest, engine: Engine): Reply | Promise<Reply> {
  const { command } = request;
  if (engine.pendingCatalog !== undefined && command.writes !== true) {
    return engine.pendingCatalog.then(() => command.run!(request, engine));
  }
  return command.run!(request, engine);
}

const idName = Buffer.from("id");

function sessionId(value: unknown): string {
  if (value instanceof Document && value.bytes !== null) {
    const { bytes } = value;
    const at = findElement(bytes, value.start, idName);
    const uuid = at + 4;
    if (at >= 0 && bytes[at] === BsonType.binary && bytes[uuid + 4] === 4) {
      return latin1At(bytes, uuid + 5, uuid + 5 + int32At(bytes, uuid));
    }
  }
  const id = value instanceof Document ? value.get("id") : undefined;
  if (!(id instanceof Binary) || id.sub_type !== 4) {
    throw mongoError(40414, "BSON field 'OperationSessionInfo.lsid.id' is missing but a required field");
  }
  return Buffer.from(id.buffer.buffer, id.buffer.byteOffset, id.position).toString("latin1");
}

const readLevels = new Set(["local", "available", "majority", "linearizable", "snapshot"]);
const snapshotCommands = new Set(["find", "aggregate", "distinct"]);

function checkReadConcern(command: Command, value: unknown): void {
  if (!(value instanceof Document))
    throw typeMismatch("BSON field 'readConcern' is the wrong type, expected type 'object'");
  for (const [field, each] of value) {
    if (field === "level") {
      if (typeof each !== "string") {
        throw typeMismatch(
          `BSON field 'readConcern.level' is the wrong type '${bsonTypeName(each)}', expected type 'string'`,
        );
      }
      if (!readLevels.has(each))
        throw badValue(`Enumeration value '${each}' for field 'readConcern.level' is not a valid value.`);
      if (command.reads !== true && each !== "local" && command.writes === true) {
        throw mongoError(
          72,
          `Command ${command.name} does not support { readConcern: { level: "${each}", provenance: "clientSupplied" } } :: caused by :: read concern not supported`,
        );
      }
      if (each === "snapshot" && snapshotCommands.has(command.name)) {
        // No state of the past is kept, and a later read of the same snapshot would see newer data.
        throw mongoError(123, "node needs to be a replica set member to use readConcern: snapshot");
      }
      if (each === "snapshot") {
        throw mongoError(
          72,
          `Command ${command.name} does not support { readConcern: { level: "snapshot", provenance: "clientSupplied" } } :: caused by :: read concern snapshot is only supported in a multi-statement transaction`,
        );
      }
    } else if (field === "afterClusterTime" || field === "atClusterTime") {
      if (!(each instanceof Timestamp)) {
        throw typeMismatch(
          `BSON field 'readConcern.${field}' is the wrong type '${bsonTypeName(each)}', expected type 'timestamp'`,
        );
      }
    } else if (field !== "provenance" && field !== "afterOpTime" && field !== "$configTime") {
      throw mongoError(40415, `BSON field 'readConcern.${field}' is an unknown field.`);
    }
  }
}

function checkWriteConcern(value: unknown): { error: Doc | undefined; journaled: boolean } {
  if (!(value instanceof Document))
    throw typeMismatch("BSON field 'writeConcern' is the wrong type, expected type 'object'");
  let error: Doc | undefined;
  let journaled = false;
  for (const [field, each] of value) {
    if (field === "w") {
      if (typeof each === "string") {
        if (each !== "majority") {
          error = concernError(
            79,
            "UnknownReplWriteConcern",
            `No write concern mode named '${each}' found in replica set configuration`,
          );
        }
      } else {
        const number = numeric(each);
        if (number === undefined) throw failedToParse("w has to be a number, string, or object");
        if (number < 0 || number > 50) {
          throw failedToParse("w has to be a non-negative number and not greater than 50");
        }
        if (number > 1) error = concernError(100, "UnsatisfiableWriteConcern", "Not enough data-bearing nodes");
      }
    } else if (field === "j" || field === "fsync") {
      if (typeof each !== "boolean" && numeric(each) === undefined) {
        throw typeMismatch(
          `BSON field 'writeConcern.${field}' is the wrong type '${bsonTypeName(each)}', expected types '[bool, long, int, decimal, double]'`,
        );
      }
      const on = each === true || (numeric(each) ?? 0) !== 0;
      if (field === "j") journaled = on;
    } else if (field !== "wtimeout" && field !== "wtimeoutMS" && field !== "provenance" && field !== "getLastError") {
      throw mongoError(40415, `BSON field 'writeConcern.${field}' is an unknown field.`);
    }
  }
  return { error, journaled };
}

function concernError(code: number, codeName: string, text: string): Doc {
  return Document.from([
    ["code", int32(code)],
    ["codeName", codeName],
    ["errmsg", text],
  ]);
}
