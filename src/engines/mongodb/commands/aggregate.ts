import { Doc } from "../bson/doc.js";
import type { DocumentSource } from "../data/cursors.js";
import { compilePipeline, type Pipeline } from "../data/language.js";
import { checkCollectionName } from "../data/namespace.js";
import { Query } from "../data/query.js";
import { badValue, failedToParse, invalidNamespace, mongoError, typeMismatch, withContext } from "../errors.js";
import { boolArgument, checkCollation, docArgument, numeric } from "./arguments.js";
import type { Command, CommandRequest, Engine } from "./command.js";
import { firstBatch } from "./cursor-reply.js";
import { explainPipeline } from "./explain-text.js";
import { batchSize } from "./indexes.js";
import { note } from "./read.js";

/** A pipeline over a collection: what its front asks of the collection is a query, planned as any other. */
export interface RunningPipeline {
  readonly pipeline: Pipeline;
  readonly query: Query;
  readonly source: DocumentSource;
  readonly name: string | undefined;
}

/** Reads the arguments of aggregate and starts its pipeline; explain uses it too. */
export function startPipeline(request: CommandRequest, engine: Engine): RunningPipeline {
  const { body, db, deadline } = request;
  const target = body.get("aggregate");
  let name: string | undefined;
  if (typeof target === "string") {
    checkCollectionName(db, target);
    name = target;
  } else if (target === undefined || numeric(target) !== 1) {
    throw badValue("Invalid command format: the 'aggregate' field must specify a collection name or 1");
  }
  const stages = body.get("pipeline");
  if (!Array.isArray(stages)) {
    if (stages === undefined) {
      throw mongoError(40414, "BSON field 'aggregate.pipeline' is missing but a required field");
    }
    throw typeMismatch("'pipeline' option must be specified as an array");
  }
  checkCollation(body.get("collation"));
  const now = engine.clock.now();
  const context = { now: () => now, random: engine.random, deadline };
  const readCollection = function* (otherDb: string, other: string): Iterable<Doc> {
    const query = new Query(engine.catalog.find(otherDb, other), { filter: new Doc() }, context);
    for (let doc = query.nextRaw(); doc !== undefined; doc = query.nextRaw()) yield doc;
  };
  const variables = docArgument(request, "let");
  const pipeline = compilePipeline(stages, {
    db,
    collection: name,
    readCollection,
    now,
    random: engine.random,
    ...(variables === undefined ? {} : { let: variables }),
    ...(deadline === undefined ? {} : { step: () => deadline.step() }),
  });
  if (name === undefined) {
    const first = stages[0] instanceof Doc ? (stages[0].first()?.[0] ?? "") : "";
    if (first !== "$documents") {
      throw invalidNamespace(`{aggregate: 1} is not valid for '${first}'; a collection is required.`);
    }
  }
  const { leading } = pipeline;
  const hint = body.get("hint");
  const query = new Query(
    name === undefined ? undefined : engine.catalog.find(db, name),
    {
      filter: leading.filter ?? new Doc(),
      sort: leading.sort,
      skip: leading.skip,
      limit: leading.limit,
      hint: hint === null ? undefined : hint,
      allowDiskUse: boolArgument(request, "allowDiskUse"),
      variables,
    },
    context,
  );
  const documents = function* (): Iterable<Doc> {
    for (let doc = query.nextRaw(); doc !== undefined; doc = query.nextRaw()) yield doc;
  };
  const iterator = pipeline.run(documents())[Symbol.iterator]();
  let ended = false;
  const source: DocumentSource = {
    next() {
      if (ended) return undefined;
      const step = iterator.next();
      if (step.done === true) {
        ended = true;
        return undefined;
      }
      return step.value;
    },
  };
  return { pipeline, query, source, name };
}

function aggregate(request: CommandRequest, engine: Engine) {
  engine.counters.command++;
  if (request.body.get("pipeline") === undefined) {
    throw mongoError(40414, "BSON field 'aggregate.pipeline' is missing but a required field");
  }
  const cursor = request.body.get("cursor");
  if (cursor === undefined) {
    throw failedToParse("The 'cursor' option is required, except for aggregate with the explain argument");
  }
  if (!(cursor instanceof Doc)) throw typeMismatch("cursor field must be missing or an object");
  const running = startPipeline(request, engine);
  const ns = running.name === undefined ? `${request.db}.$cmd.aggregate` : `${request.db}.${running.name}`;
  const limits = { batchSize: batchSize(cursor, "aggregate") };
  const reply = withContext("PlanExecutor error during aggregation", () =>
    firstBatch(request, engine, ns, running.source, limits),
  );
  note(engine, running.query);
  return reply;
}

export const aggregateCommands: readonly Command[] = [
  {
    name: "aggregate",
    summary: "Runs a pipeline.",
    supported: true,
    reads: true,
    api: true,
    fields: ["pipeline", "cursor", "explain", "allowDiskUse", "bypassDocumentValidation", "hint", "let", "collation"],
    run: (request, engine) => {
      if (boolArgument(request, "explain") === true)
        return explainPipeline(request, startPipeline(request, engine), "queryPlanner");
      return aggregate(request, engine);
    },
  },
];
