import { Doc } from "../bson/doc.js";
import { checkCollectionName } from "../data/namespace.js";
import { Query, type QuerySpec } from "../data/query.js";
import { badValue, failedToParse, mongoError } from "../errors.js";
import { startPipeline } from "./aggregate.js";
import { collectionArgument, docArgument, docsArgument, numeric, wrongType } from "./arguments.js";
import type { Command, CommandRequest, Engine } from "./command.js";
import { explained, explainPipeline, explainQuery, type Verbosity, type Wrap } from "./explain-text.js";
import { fieldsOf, genericFields, unknownField } from "./fields.js";
import { findSpec } from "./read.js";
import { updateSpec } from "./write.js";

const empty = new Doc();
const explainable = new Set([
  "find",
  "count",
  "distinct",
  "aggregate",
  "update",
  "delete",
  "findAndModify",
  "findandmodify",
]);

function explain(request: CommandRequest, engine: Engine): Doc {
  const inner = request.body.get("explain");
  if (!(inner instanceof Doc)) throw wrongType("explain", "explain", inner ?? null, "object");
  const given = request.body.get("verbosity") ?? "allPlansExecution";
  if (given !== "queryPlanner" && given !== "executionStats" && given !== "allPlansExecution") {
    throw badValue(`Enumeration value '${String(given)}' for field 'explain.verbosity' is not a valid value.`);
  }
  const verbosity: Verbosity = given;
  const name = inner.first()?.[0] ?? "";
  const command = engine.findCommand(name);
  if (command?.run === undefined) throw mongoError(59, `Explain failed due to unknown command: ${name}`);
  if (!explainable.has(command.name)) throw mongoError(20, `Cannot explain cmd: ${name}`);
  const known = fieldsOf(command);
  for (const field of inner.keys()) {
    if (!known.has(field) && !genericFields.has(field)) throw unknownField(name, field);
  }
  const asked: CommandRequest = { ...request, command, body: inner, sequences: undefined };
  if (name === "aggregate") return explainPipeline(asked, startPipeline(asked, engine), verbosity);
  const target = collectionArgument(asked);
  checkCollectionName(request.db, target);
  const { spec, wraps } = innerQuery(asked);
  const context = { now: () => engine.clock.now(), random: engine.random, deadline: request.deadline };
  const query = new Query(engine.catalog.find(request.db, target), spec, context);
  const began = performance.now();
  // The search of a write is run, its changes are not made.
  if (verbosity !== "queryPlanner") while (query.next() !== undefined);
  return explained(asked, explainQuery(`${request.db}.${target}`, query, verbosity, performance.now() - began, wraps));
}

function innerQuery(request: CommandRequest): { spec: QuerySpec; wraps: readonly Wrap[] } {
  const { body } = request;
  switch (request.command.name) {
    case "find":
      return { spec: findSpec(request), wraps: [] };
    case "count":
      return {
        spec: {
          filter: docArgument(request, "query") ?? empty,
          hint: body.get("hint"),
          skip: numeric(body.get("skip") ?? 0) ?? 0,
          limit: Math.abs(numeric(body.get("limit") ?? 0) ?? 0),
        },
        wraps: [{ stage: "COUNT" }],
      };
    case "distinct":
      return { spec: { filter: docArgument(request, "query") ?? empty, hint: body.get("hint") }, wraps: [] };
    case "update": {
      const statements = docsArgument(request, "updates");
      if (statements.length !== 1) throw failedToParse("explained write batches must be of size 1");
      const update = updateSpec(statements[0]!, docArgument(request, "let"));
      return {
        spec: { filter: update.filter, hint: update.hint, limit: update.multi ? 0 : 1, variables: update.variables },
        wraps: [{ stage: "UPDATE" }],
      };
    }
    case "delete": {
      const statements = docsArgument(request, "deletes");
      if (statements.length !== 1) throw failedToParse("explained write batches must be of size 1");
      const statement = statements[0]!;
      return {
        spec: {
          filter: statement.get("q") as Doc,
          hint: statement.get("hint"),
          limit: numeric(statement.get("limit") ?? 0) === 1 ? 1 : 0,
        },
        wraps: [{ stage: "DELETE" }],
      };
    }
    case "findAndModify":
    case "findandmodify":
      return {
        spec: {
          filter: docArgument(request, "query") ?? empty,
          sort: docArgument(request, "sort"),
          hint: body.get("hint"),
          limit: 1,
        },
        wraps: [{ stage: body.get("remove") === true ? "DELETE" : "UPDATE" }],
      };
    default:
      throw mongoError(20, `Cannot explain cmd: ${request.command.name}`);
  }
}

export const explainCommands: readonly Command[] = [
  {
    name: "explain",
    summary:
      "The plan of a find, count, distinct, aggregate, update, delete or findAndModify, and its counted figures.",
    supported: true,
    reads: true,
    api: true,
    fields: ["verbosity"],
    run: explain,
  },
];
