import { Doc } from "../bson/doc.js";
import { DateTime, type Value } from "../bson/values.js";
import { invalidNamespace, mongoError, typeMismatch } from "../errors.js";
import { createEnvironment, type Environment } from "./expressions/compile.js";
import type { InnerPipeline, PipelinePlace, Stage, StageContext } from "./stages/stage.js";
import { pipelineStages, unknownStage } from "./stages/table.js";

/** What a pipeline is compiled with. */
export interface PipelineContext {
  readonly db: string;
  /** `undefined` for a pipeline over no collection (`{ aggregate: 1 }`). */
  readonly collection?: string | undefined;
  /** The documents of another collection, for `$lookup` and `$unionWith`; none of one that does not exist. */
  readCollection(db: string, name: string): Iterable<Doc>;
  /** Milliseconds since the epoch, for `$$NOW`; one moment for the whole command. */
  readonly now?: number | undefined;
  /** Numbers in [0, 1). */
  readonly random?: (() => number) | undefined;
  /** The command's `let`. */
  readonly let?: Doc | undefined;
  /** Called for every document that a stage holds; throws when the command is to end. */
  readonly step?: (() => void) | undefined;
}

/** The stages at the front of a pipeline that a planner takes over: filter, then sort, then skip, then limit. */
export interface LeadingStages {
  readonly filter?: Doc;
  readonly sort?: Doc;
  readonly skip?: number;
  readonly limit?: number;
  /** How many stages of the pipeline as it was written these are. */
  readonly consumedStages: number;
}

/** A compiled pipeline. */
export interface Pipeline {
  readonly leading: LeadingStages;
  /** Runs the stages behind the leading ones; `source` has been filtered, sorted, skipped and limited by them. */
  run(source: Iterable<Doc>): Iterable<Doc>;
  /** Runs all stages over documents as they are stored. */
  runAll(source: Iterable<Doc>): Iterable<Doc>;
  /** Whether the first stage makes its own documents, so that no collection is read. */
  readonly isSource: boolean;
  /** The names of the stages, as they were written. */
  readonly stageNames: readonly string[];
}

const stagesByName = new Map(pipelineStages.map((each) => [each.name, each]));
const deepest = 20;

/**
 * Compiles an aggregation pipeline.
 *
 * @throws MongoError with MongoDB's code and text when a stage is not valid or not supported
 * @example
 * const pipeline = compilePipeline(stages, { db: "shop", collection: "lines", readCollection });
 * for (const doc of pipeline.run(source)) …
 */
export function compilePipeline(stages: readonly Value[], context: PipelineContext): Pipeline {
  const environment = createEnvironment({
    now: context.now === undefined ? undefined : new DateTime(context.now),
    let: context.let,
    random: context.random,
  });
  const written = compileStages(stages, stageContext(context, environment, "top", 0));
  environment.scope.settle("pipeline");
  const { leading, rest } = takeLeading(written);
  return {
    leading,
    run: (source) => chain(rest, source),
    runAll: (source) => chain(optimize(written.flatMap((each) => each.stages)), source),
    isSource: written[0]?.stages[0]?.isSource === true,
    stageNames: written.map((each) => each.name),
  };
}

/** A stage as it was written, and the stages that it stands for. */
interface WrittenStage {
  readonly name: string;
  readonly stages: readonly Stage[];
}

function stageContext(
  context: PipelineContext,
  environment: Environment,
  place: PipelinePlace,
  depth: number,
): StageContext {
  if (depth > deepest) {
    throw mongoError(5107300, `Maximum number of nested sub-pipelines exceeded. Limit is ${deepest}`);
  }
  const own: StageContext = {
    db: context.db,
    collection: context.collection,
    scope: environment.scope,
    variables: environment.variables,
    place,
    readCollection: (db, name) => context.readCollection(db, name),
    step: context.step ?? (() => {}),
    compileInner: (stages, options): InnerPipeline => {
      const inner = stageContext(
        { ...context, collection: options.collection, readCollection: own.readCollection },
        { scope: options.scope ?? environment.scope, variables: environment.variables },
        options.place,
        depth + 1,
      );
      const compiled = optimize(compileStages(stages, inner).flatMap((each) => each.stages));
      return {
        run: (source) => chain(compiled, source),
        isSource: compiled[0]?.isSource === true,
        isEmpty: compiled.length === 0,
      };
    },
  };
  return own;
}

function compileStages(stages: readonly Value[], context: StageContext): WrittenStage[] {
  if (stages.length > 1000) throw mongoError(7749501, "Pipeline length must be no longer than 1000 stages");
  return stages.map((stage, i) => {
    if (!(stage instanceof Doc)) throw typeMismatch("Each element of the 'pipeline' array must be an object");
    if (stage.size !== 1) {
      throw mongoError(40323, "A pipeline stage specification object must contain exactly one field.");
    }
    const [name, argument] = stage.first()!;
    const definition = stagesByName.get(name);
    if (definition === undefined || !definition.supported) throw unknownStage(name);
    if (context.place === "$facet" && definition.notInFacet === true) {
      throw mongoError(40600, `${name} is not allowed to be used within a $facet stage`);
    }
    if (definition.onlyFirst === true && i > 0) {
      throw mongoError(40602, `${name} is only valid as the first stage in a pipeline`);
    }
    if (name === "$documents" && context.place === "top" && context.collection !== undefined) {
      throw invalidNamespace("'$documents' can only be run with database or cluster-level aggregation {aggregate: 1}");
    }
    const compiled = definition.compile(argument, context);
    return { name, stages: Array.isArray(compiled) ? compiled : [compiled] };
  });
}

/** A limit right behind a sort, or behind a skip behind a sort, lets the sort keep only so many. */
function optimize(stages: readonly Stage[]): Stage[] {
  return stages.map((stage, i) => {
    if (stage.withLimit === undefined) return stage;
    let skipped = 0;
    for (let k = i + 1; k < stages.length; k++) {
      const front = stages[k]!.front;
      if (front?.kind === "skip") skipped += front.count;
      else if (front?.kind === "limit") return stage.withLimit(skipped + front.count);
      else break;
    }
    return stage;
  });
}

function chain(stages: readonly Stage[], source: Iterable<Doc>): Iterable<Doc> {
  let result = source;
  for (const stage of stages) result = stage.run(result);
  return result;
}

function takeLeading(written: readonly WrittenStage[]): { leading: LeadingStages; rest: Stage[] } {
  const filters: Doc[] = [];
  let sort: Doc | undefined;
  let skip: number | undefined;
  let limit: number | undefined;
  let consumed = 0;
  for (const { stages } of written) {
    const front = stages.length === 1 ? stages[0]!.front : undefined;
    if (front === undefined) break;
    if (front.kind === "match") {
      // A filter behind a sort may as well come before it.
      if (skip !== undefined || limit !== undefined) break;
      filters.push(front.filter);
    } else if (front.kind === "sort") {
      if (sort !== undefined || skip !== undefined || limit !== undefined) break;
      sort = front.sort;
    } else if (front.kind === "skip") {
      if (limit !== undefined) break;
      skip = (skip ?? 0) + front.count;
    } else {
      limit = limit === undefined ? front.count : Math.min(limit, front.count);
    }
    consumed++;
  }
  const rest = optimize(written.slice(consumed).flatMap((each) => each.stages));
  const [only] = filters;
  const filter = filters.length <= 1 ? only : Doc.of(["$and"], [filters]);
  return {
    leading: {
      ...(filter === undefined ? {} : { filter }),
      ...(sort === undefined ? {} : { sort }),
      ...(skip === undefined ? {} : { skip }),
      ...(limit === undefined ? {} : { limit }),
      consumedStages: consumed,
    },
    rest,
  };
}
