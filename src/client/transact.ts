import type { Store, TransactWrite } from "../adapters/port/adapter.js";
import { KeyfoldError } from "../internal/errors.js";
import type { EntityData, ModelData } from "../model/description.js";
import { type ClientContext, traced } from "./calls.js";
import { conditionsOf, writeCall } from "./entity-client.js";
import { compileRecords, type RecordChecks } from "./records.js";
import type { Refused, Transacted, WriteOptions } from "./types.js";

const kinds = ["insert", "put", "update", "increment", "delete", "check"] as const;
/** What each kind may have beside its own member. */
const besides: { readonly [Kind in (typeof kinds)[number]]: readonly string[] } = {
  insert: [],
  put: ["if", "ifVersion"],
  update: ["changes", "if", "ifVersion"],
  increment: ["amounts", "if", "ifVersion"],
  delete: ["if", "ifVersion"],
  check: ["if", "ifVersion"],
};

type Given = Readonly<Record<string, unknown>>;

/** Makes `$transact`: checks each write as its entity's client would, and sends all of them as one. */
export function makeTransact(
  context: ClientContext,
  { entities }: ModelData,
  store: Store,
): (writes: readonly Given[], options?: WriteOptions) => Promise<Transacted> {
  const checks = new Map<string, RecordChecks>();
  const checksOf = (entity: EntityData): RecordChecks => {
    const known = checks.get(entity.name) ?? compileRecords(entity);
    checks.set(entity.name, known);
    return known;
  };
  return (writes, options = {}) =>
    traced(
      context,
      "$transact",
      undefined,
      () => writes.length,
      async () => {
        if (store.transact === undefined) {
          throw new KeyfoldError("PATTERN_UNSUPPORTED", `${context.engine}() cannot write several records as one.`, {
            fix: "Write them one by one, each with what makes it harmless to repeat, or use an engine that can.",
          });
        }
        if (!Array.isArray(writes)) throw new KeyfoldError("INPUT_INVALID", "$transact takes an array of writes.");
        const waiting = context.ready(options);
        if (waiting !== undefined) await waiting;
        const checked = writes.map((write, at) => checkedWrite(write as Given, at, entities, checksOf));
        const outcome = await store.transact(checked, writeCall(context, options));
        switch (outcome.kind) {
          case "applied":
            return { applied: true, versions: outcome.versions };
          case "notApplied":
            return {
              applied: false,
              reasons: outcome.reasons.map((reason): Refused | undefined => {
                if (reason === undefined) return undefined;
                if (reason.reason === "failed")
                  throw reason.error ?? new KeyfoldError("DRIVER_ERROR", "A write failed.");
                return {
                  reason: reason.reason,
                  ...(reason.version === undefined ? {} : { version: reason.version }),
                  ...(reason.unique === undefined ? {} : { unique: reason.unique }),
                };
              }),
            };
          case "failed":
          case "unknown":
            throw outcome.error;
          default:
            return outcome satisfies never;
        }
      },
    );
}

function checkedWrite(
  write: Given,
  at: number,
  entities: ModelData["entities"],
  checksOf: (entity: EntityData) => RecordChecks,
): TransactWrite {
  const wrong = (message: string, fix: string): KeyfoldError =>
    new KeyfoldError("INPUT_INVALID", `Write ${at} of the transaction ${message}.`, { fix, data: { write: at } });
  if (typeof write !== "object" || write === null) throw wrong("is no object", "Give each write an entity.");
  const name = write["entity"];
  const entity = typeof name === "string" && Object.hasOwn(entities, name) ? entities[name] : undefined;
  if (entity === undefined)
    throw wrong(`names no entity of the model`, `Its entity is one of ${Object.keys(entities).join(", ")}.`);
  const found = kinds.filter((kind) => write[kind] !== undefined);
  const [kind] = found;
  if (kind === undefined || found.length > 1)
    throw wrong(`has ${found.length === 0 ? "no" : "more than one"} operation`, `Give it one of ${kinds.join(", ")}.`);
  for (const member of Object.keys(write)) {
    if (member !== "entity" && member !== kind && !besides[kind].includes(member))
      throw wrong(`has the member "${member}", which ${kind} does not take`, "Leave it out, or correct its name.");
  }
  if (entity.appendOnly && (kind === "put" || kind === "update" || kind === "increment"))
    throw wrong(`would change a ${entity.name}, which is append-only`, "Insert another record, or delete this one.");
  const { ifVersion } = write as { readonly ifVersion?: number };
  if (ifVersion !== undefined && !Number.isSafeInteger(ifVersion))
    throw wrong("has an ifVersion that is no version", "Pass one that insert, update and get give.");
  const demands = {
    entity: entity.name,
    ...(ifVersion === undefined ? {} : { ifVersion }),
    ...(write["if"] === undefined ? {} : { if: conditionsOf(write["if"] as object, entity) }),
  };
  const checks = checksOf(entity);
  const value = write[kind];
  switch (kind) {
    case "insert":
    case "put":
      return { ...demands, kind, record: checks.record(value) };
    case "update": {
      const changes = { ...checks.changes(write["changes"]), increment: {} };
      return { ...demands, kind, key: checks.key(value), changes };
    }
    case "increment": {
      const changes = { set: {}, unset: [], increment: checks.amounts(write["amounts"]) };
      return { ...demands, kind: "update", key: checks.key(value), changes };
    }
    case "delete":
    case "check":
      return { ...demands, kind, key: checks.key(value) };
    default:
      return kind satisfies never;
  }
}
