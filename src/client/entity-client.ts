import type { ConditionalCall, EntityStore, RecordData, WriteCall } from "../adapters/port/adapter.js";
import type { WriteOutcome } from "../adapters/port/outcome.js";
import { KeyfoldError } from "../internal/errors.js";
import { checkConditions } from "../model/check-pattern.js";
import type { Consistency } from "../model/consistency.js";
import type { Condition, EntityData } from "../model/description.js";
import { Issues } from "../model/issues.js";
import type { CapabilityData } from "../plan/types.js";
import { type ClientContext, callOf, traced } from "./calls.js";
import type { GetBatcher } from "./get-batcher.js";
import { insertMany } from "./insert-many.js";
import { compileLevels } from "./levels.js";
import { errorOf } from "./outcome-error.js";
import { compileRecords, type RecordChecks } from "./records.js";
import type {
  CallOptions,
  Deleted,
  EntityClient,
  Inserted,
  ReadOptions,
  VersionedRecord,
  WriteOptions,
  Written,
} from "./types.js";

type AnyRecord = Record<string, unknown>;
/** The entity client without its record's types: those are the caller's. */
export type AnyEntityClient = EntityClient<AnyRecord, AnyRecord, AnyRecord>;

/** Options of a conditional write, untyped. */
interface Conditional extends WriteOptions {
  readonly ifVersion?: number;
  readonly if?: object;
}

/** One entity's writes and reads by key. */
export function makeEntityClient(
  context: ClientContext,
  entity: EntityData,
  store: EntityStore,
  batcher: GetBatcher,
  capability: CapabilityData,
): AnyEntityClient {
  const checks: RecordChecks = compileRecords(entity);
  const { name } = entity;
  const readCall = compileLevels(context, name, "get", "session", "strong", capability);
  const run = <T>(
    method: string,
    options: CallOptions,
    rows: (value: T) => number | undefined,
    work: () => Promise<T>,
  ): Promise<T> =>
    traced(context, `${name}.${method}`, undefined, rows, async () => {
      const ready = context.ready(options);
      if (ready !== undefined) await ready;
      return work();
    });
  const one = () => 1;
  const changing = (method: string): void => {
    if (!entity.appendOnly) return;
    throw new KeyfoldError("INPUT_INVALID", `${name} is append-only: its records cannot be changed by ${method}.`, {
      fix: "Insert another record, delete this one, or declare the entity without appendOnly.",
    });
  };

  return {
    insert: (input, options = {}) =>
      run("insert", options, one, async (): Promise<Inserted> => {
        const record = checks.record(input);
        const outcome = await store.insert(record, writeCall(context, options));
        if (outcome.kind === "applied") return { applied: true, version: outcome.version };
        if (outcome.kind === "notApplied" && outcome.reason === "present")
          return { applied: false, version: outcome.version };
        throw errorOf(outcome, entity, record);
      }),

    insertMany: (records, options = {}) =>
      run(
        "insertMany",
        options,
        (done) => done.results.length,
        () => insertMany(context, entity, store, checks, records, options),
      ),

    put: (input, options = {}) =>
      run("put", options, one, async (): Promise<Written> => {
        changing("put");
        const record = checks.record(input);
        return written(await store.put(record, conditionalCall(context, options, entity)), entity, record, options);
      }),

    update: (key, changes, options = {}) =>
      run("update", options, one, async (): Promise<Written> => {
        changing("update");
        const checked = checks.key(key);
        const call = conditionalCall(context, options, entity);
        const outcome = await store.update(checked, { ...checks.changes(changes), increment: {} }, call);
        return written(outcome, entity, checked, options);
      }),

    increment: (key, amounts, options = {}) =>
      run("increment", options, one, async (): Promise<Written> => {
        changing("increment");
        const checked = checks.key(key);
        const increment = checks.amounts(amounts);
        const outcome = await store.update(
          checked,
          { set: {}, unset: [], increment },
          conditionalCall(context, options, entity),
        );
        return written(outcome, entity, checked, options);
      }),

    delete: (key, options = {}) =>
      run("delete", options, one, async (): Promise<Deleted> => {
        const checked = checks.key(key);
        const result = written(
          await store.delete(checked, conditionalCall(context, options, entity)),
          entity,
          checked,
          options,
        );
        return result.applied ? { applied: true } : result;
      }),

    get: ((key: AnyRecord, options: ReadOptions<Consistency> & { readonly version?: boolean } = {}) =>
      run<AnyRecord | VersionedRecord<AnyRecord> | undefined>("get", options, countOne, async () => {
        const found = await batcher.get(checks.key(key), readCall(options));
        if (found === undefined) return undefined;
        return options.version === true
          ? { record: found.record as AnyRecord, version: found.version }
          : (found.record as AnyRecord);
      })) as AnyEntityClient["get"],

    getMany: (keys, options = {}) =>
      run(
        "getMany",
        options,
        (found) => found.length,
        async () => {
          const checked = keys.map((key) => checks.key(key));
          if (checked.length === 0) return [];
          const found = await store.getMany(checked, readCall(options));
          return found.map((each) => each?.record as AnyRecord | undefined);
        },
      ),
  };
}

function countOne(value: unknown): number {
  return value === undefined ? 0 : 1;
}

/** The port's form of a write's options. */
export function writeCall(context: ClientContext, options: WriteOptions): WriteCall {
  const call = callOf(context, options);
  if (options.writeId === undefined) return call;
  if (typeof options.writeId !== "string" || options.writeId.length === 0 || options.writeId.length > 128) {
    throw new KeyfoldError("INPUT_INVALID", "writeId must be a text of 1 to 128 characters.");
  }
  return { ...call, writeId: options.writeId };
}

function conditionalCall(context: ClientContext, options: Conditional, entity: EntityData): ConditionalCall {
  const call = writeCall(context, options);
  if (options.ifVersion !== undefined && !Number.isSafeInteger(options.ifVersion)) {
    throw new KeyfoldError("INPUT_INVALID", "ifVersion must be a version, as insert, update and get give it.");
  }
  return {
    ...call,
    ...(options.ifVersion === undefined ? {} : { ifVersion: options.ifVersion }),
    ...(options.if === undefined ? {} : { if: conditionsOf(options.if, entity) }),
  };
}

/** Conditions of a write, checked against the entity. */
export function conditionsOf(conditions: object, entity: EntityData): Condition[] {
  const issues = new Issues();
  const found = Object.entries(conditions).flatMap(([name, compare]) => {
    const field = Object.hasOwn(entity.fields, name) ? entity.fields[name] : undefined;
    if (field === undefined) {
      issues.add("unknown-field", ["if", name], `${entity.name} has no field ${name}`, "Name a field of the entity.");
      return [];
    }
    return compare === undefined ? [] : checkConditions(name, field, compare, ["if"], issues);
  });
  if (issues.list.length > 0) {
    const said = issues.list.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
    throw new KeyfoldError("INPUT_INVALID", `The write's condition is wrong: ${said}.`, { issues: issues.list });
  }
  return found;
}

function written(outcome: WriteOutcome, entity: EntityData, key: RecordData, options: Conditional): Written {
  if (outcome.kind === "applied") return { applied: true, version: outcome.version };
  if (outcome.kind === "notApplied" && (outcome.reason === "missing" || outcome.reason === "condition")) {
    return { applied: false, reason: outcome.reason };
  }
  throw errorOf(outcome, entity, key, options.ifVersion);
}
