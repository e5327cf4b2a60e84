import { type MongoError, mongoError } from "../errors.js";
import type { Command } from "./command.js";

/** Fields that every command takes. */
export const genericFields = new Set([
  "$db",
  "$clusterTime",
  "$readPreference",
  "$audit",
  "$client",
  "$configServerState",
  "$queryOptions",
  "$replData",
  "apiVersion",
  "apiStrict",
  "apiDeprecationErrors",
  "autocommit",
  "clientOperationKey",
  "comment",
  "help",
  "lsid",
  "maxTimeMS",
  "maxTimeMSOpOnly",
  "readConcern",
  "startTransaction",
  "stmtId",
  "txnNumber",
  "writeConcern",
]);

const fieldSets = new WeakMap<Command, Set<string>>();

/** The fields that a command takes beside those, its name among them. */
export function fieldsOf(command: Command): Set<string> {
  let fields = fieldSets.get(command);
  if (fields === undefined) {
    fields = new Set(command.fields);
    fields.add(command.name);
    fieldSets.set(command, fields);
  }
  return fields;
}

/** 40415: a command has no such field. */
export function unknownField(command: string, field: string): MongoError {
  return mongoError(40415, `BSON field '${command}.${field}' is an unknown field.`);
}
