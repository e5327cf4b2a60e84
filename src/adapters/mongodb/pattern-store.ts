import type { Deadline } from "../../internal/deadline.js";
import type { Field } from "../../model/field.js";
import type {
  MongoAggregate,
  MongoCollection,
  MongoFind,
  MongoPatternPlan,
  MongoTopPlan,
} from "../../plan/mongodb/types.js";
import type { Template } from "../../plan/template.js";
import type { Explanation, PageCall, PageData, PatternStore, Position, RecordData } from "../port/adapter.js";
import { compileTemplate, type RequestInput, type TemplateCodec } from "../port/template.js";
import type { BsonValues } from "./bson-values.js";
import { type Codec, compileCodec } from "./codec.js";
import { readMember } from "./decode.js";
import type { Doc } from "./driver.js";
import { compileEncoder } from "./encode.js";
import type { MongoEntity } from "./entity-store.js";
import { readable, statisticsOf } from "./explain.js";
import { firstBatch, isOpen } from "./reply.js";
import type { Requests } from "./requests.js";

/** Makes the command of a call. */
type MakeCommand = (input: RequestInput) => Doc;

interface Compiled {
  readonly codec: Codec;
  readonly first: MakeCommand;
  readonly next: MakeCommand;
  /** Reads one row. */
  readonly row: (bytes: Uint8Array) => RecordData;
  /** Where a row is in the pattern's order. */
  readonly position: (row: RecordData) => Position;
}

/** One pattern's requests, compiled from its plan. */
export class MongoPatternStore implements PatternStore {
  readonly #requests: Requests;
  readonly #plan: MongoPatternPlan;
  readonly #entity: MongoEntity;
  #compiled: Compiled | undefined;

  constructor(requests: Requests, plan: MongoPatternPlan, entity: MongoEntity) {
    this.#requests = requests;
    this.#plan = plan;
    this.#entity = entity;
  }

  async page(params: RecordData, call: PageCall): Promise<PageData> {
    using deadline = this.#requests.deadline(call);
    const { command, compiled } = await this.#command(params, call, deadline);
    const { collection } = this.#plan;
    const reply = await this.#requests.read(command, collection, call, deadline);
    const batch = firstBatch(reply);
    const count = Math.min(batch.length, call.limit);
    const rows: RecordData[] = new Array(count);
    for (let i = 0; i < count; i++) rows[i] = compiled.row(batch[i]!);
    const { id } = reply["cursor"] as { readonly id?: unknown };
    // The server ends a batch at 16 MB: the page is shorter than asked for, and there is more.
    const cut = isOpen(id);
    if (cut)
      await this.#requests.plain({ killCursors: collection, cursors: [id] }, collection, deadline).catch(() => {});
    const more = batch.length > call.limit || (cut && count > 0);
    return { rows, next: more ? compiled.position(rows[count - 1]!) : undefined };
  }

  async explain(params: RecordData, call: PageCall): Promise<Explanation> {
    using deadline = this.#requests.deadline(call);
    const { command } = await this.#command(params, call, deadline);
    const raw = await this.#requests.plain(
      { explain: command, verbosity: "executionStats" },
      this.#plan.collection,
      deadline,
    );
    return { engine: "mongodb", pattern: this.#plan.pattern, request: readable(command), ...statisticsOf(raw), raw };
  }

  async #command(
    params: RecordData,
    call: PageCall,
    deadline: Deadline,
  ): Promise<{ command: Doc; compiled: Compiled }> {
    const compiled = this.#compiled ?? (await this.#compile(deadline));
    // One row more than asked for tells whether there is a further page.
    const input: RequestInput = { params, after: call.after, limit: call.limit + 1 };
    return { command: call.after === undefined ? compiled.first(input) : compiled.next(input), compiled };
  }

  async #compile(deadline: Deadline): Promise<Compiled> {
    const { values } = await this.#requests.deployment(deadline);
    const { codec, collection } = await this.#entity.stored(deadline);
    this.#compiled ??= compilePlan(this.#plan, codec, collection, values);
    return this.#compiled;
  }
}

function compilePlan(plan: MongoPatternPlan, codec: Codec, collection: MongoCollection, bson: BsonValues): Compiled {
  const values: TemplateCodec = { encoder: (field) => compileEncoder(field, bson), greatest: bson.maxKey };
  switch (plan.kind) {
    case "get": {
      const first = compileFind(plan.request, plan, values);
      return { codec, first, next: first, row: codec.decode, position: () => [] };
    }
    case "list": {
      const { reads } = plan;
      const some = reads && { ...collection, fields: collection.fields.filter(({ field }) => reads.includes(field)) };
      return {
        codec,
        first: compileFind(plan.request, plan, values),
        next: compileFind(plan.next, plan, values),
        row: some === undefined ? codec.decode : compileCodec(some, bson).decode,
        position: compilePosition(plan.position.map(({ field }) => field)),
      };
    }
    case "top":
      return {
        codec,
        first: compileAggregate(plan.request, plan, values),
        next: compileAggregate(plan.next, plan, values),
        ...compileGroups(plan),
      };
    default:
      return plan satisfies never;
  }
}

function compileFind(find: MongoFind, plan: MongoPatternPlan, values: TemplateCodec): MakeCommand {
  const filter = compileTemplate(find.filter, plan.values, values);
  const limit = compileTemplate(find.limit, plan.values, values);
  const fixed: Doc = {
    ...(find.projection === undefined ? {} : { projection: find.projection }),
    ...(find.sort === undefined ? {} : { sort: find.sort }),
    ...(find.hint === undefined ? {} : { hint: find.hint }),
  };
  return (input) => {
    const rows = limit(input);
    // Without a batch size the server sends 101 documents and keeps the rest for another request.
    return { find: find.collection, filter: filter(input), ...fixed, limit: rows, batchSize: rows };
  };
}

function compileAggregate(aggregate: MongoAggregate, plan: MongoTopPlan, values: TemplateCodec): MakeCommand {
  const pipeline = compileTemplate(aggregate.pipeline as Template, plan.values, values);
  const { bounded, unbounded } = aggregate.hint;
  const hinted = (hint: object | undefined): Doc => (hint === undefined ? {} : { hint });
  const withBounds = hinted(bounded);
  const without = hinted(unbounded);
  return (input) => ({
    aggregate: aggregate.collection,
    pipeline: (pipeline(input) as Doc[]).filter((stage) => Object.keys(stage).length > 0),
    ...(input.params["from"] === undefined && input.params["to"] === undefined ? without : withBounds),
    // One more than can come, so that the server closes the cursor.
    cursor: { batchSize: input.limit + 1 },
  });
}

function compileGroups(plan: MongoTopPlan): Pick<Compiled, "row" | "position"> {
  const { by, sum } = plan.row;
  const count: Field = { kind: "int", optional: false, nullable: false };
  const members: { [name: string]: Field } = { _id: by.type, count };
  if (sum !== undefined) members["sum"] = sum.type;
  return {
    row(bytes) {
      const group = readMember(bytes, members);
      const row: Record<string, unknown> = { [by.name]: group["_id"] };
      if (sum !== undefined) row[sum.name] = group["sum"] ?? zeroOf(sum.type);
      row["count"] = group["count"];
      return row;
    },
    position: (row) => [sum === undefined ? row["count"] : row[sum.name], row[by.name]],
  };
}

/** MongoDB adds up nothing to an int32 zero; the decoder makes it one of the field's type. */
function zeroOf(type: Field): unknown {
  if (type.kind === "int64") return 0n;
  return type.kind === "decimal" ? (0).toFixed(type.scale) : 0;
}

function compilePosition(fields: readonly string[]): Compiled["position"] {
  const paths = fields.map((field) => field.split("."));
  return (row) =>
    paths.map((path) => {
      let value: unknown = row;
      for (const step of path) value = (value as RecordData | undefined | null)?.[step];
      return value ?? null;
    });
}
