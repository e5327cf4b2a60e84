import { Doc, int32 } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { count } from "../data/collection.js";
import type { Counters } from "../data/execution.js";
import type { Access, IndexScan } from "../data/plan.js";
import type { Query } from "../data/query.js";
import type { CommandRequest } from "./command.js";
import { version } from "./handshake.js";

/** Plans and their figures in the shape of MongoDB's explain (explainVersion "1"). */
export type Verbosity = "queryPlanner" | "executionStats" | "allPlansExecution";

/** What wraps the stage that finds documents. */
export interface Wrap {
  readonly stage: string;
  readonly fields?: readonly (readonly [string, Value])[];
}

interface Stage {
  readonly stage: string;
  readonly fields: readonly (readonly [string, Value])[];
  readonly input?: readonly Stage[];
  /** What it gave, and figures of its own. */
  readonly returned: number;
  readonly own: readonly (readonly [string, Value])[];
}

const noCounters: Counters = { keysExamined: 0, docsExamined: 0, seeks: 0, duplicates: 0, returned: 0, fetched: 0 };

function scanFields(scan: IndexScan): readonly (readonly [string, Value])[] {
  const { index } = scan;
  const multiKeyPaths = index.fields.map((field, at): [string, Value] => {
    const depth = index.arrays[at]!;
    return [field.path, depth === 0 ? [] : [field.parts.slice(0, depth).join(".")]];
  });
  return [
    ["keyPattern", index.keyPattern],
    ["indexName", index.name],
    ["isMultiKey", index.isMultikey],
    ["multiKeyPaths", Doc.from(multiKeyPaths)],
    ["isUnique", index.unique && !index.isId ? true : index.unique],
    ["isSparse", index.sparse],
    ["isPartial", index.partialFilter !== undefined],
    ["indexVersion", int32(2)],
    ["direction", scan.reverse ? "backward" : "forward"],
    [
      "indexBounds",
      Doc.from(index.fields.map((field, at): [string, Value] => [field.path, [...(scan.bounds[at] ?? [])]])),
    ],
  ];
}

function accessStage(access: Access, filter: Doc, counters: Counters, exact: boolean): Stage {
  const residual: readonly (readonly [string, Value])[] = filter.isEmpty || exact ? [] : [["filter", filter]];
  switch (access.kind) {
    case "eof":
      return { stage: "EOF", fields: [], returned: 0, own: [] };
    case "collscan":
      return {
        stage: "COLLSCAN",
        fields: [...residual, ["direction", access.reverse ? "backward" : "forward"]],
        returned: counters.returned,
        own: [["docsExamined", count(counters.docsExamined)]],
      };
    case "idhack":
      return {
        stage: "IDHACK",
        fields: [],
        returned: counters.returned,
        own: [
          ["keysExamined", count(counters.keysExamined)],
          ["docsExamined", count(counters.docsExamined)],
        ],
      };
    case "ixscan":
      return {
        stage: "FETCH",
        fields: residual,
        returned: counters.returned,
        own: [["docsExamined", count(counters.docsExamined)]],
        input: [
          {
            stage: access.mergePrefixes === undefined ? "IXSCAN" : "SORT_MERGE",
            fields: scanFields(access),
            returned: counters.docsExamined,
            own: [
              ["keysExamined", count(counters.keysExamined)],
              ["seeks", count(counters.seeks)],
              ["dupsTested", count(access.index.isMultikey ? counters.keysExamined : 0)],
              ["dupsDropped", count(counters.duplicates)],
            ],
          },
        ],
      };
    case "or":
      return {
        stage: "FETCH",
        fields: residual,
        returned: counters.returned,
        own: [["docsExamined", count(counters.docsExamined)]],
        input: [
          {
            stage: "OR",
            fields: [],
            returned: counters.docsExamined,
            own: [["dupsDropped", count(counters.duplicates)]],
            input: access.scans.map((scan) => ({ stage: "IXSCAN", fields: scanFields(scan), returned: 0, own: [] })),
          },
        ],
      };
    default: {
      const never: never = access;
      throw new Error(`not an access: ${String(never)}`);
    }
  }
}

function stages(query: Query, access: Access, sorted: boolean, wraps: readonly Wrap[]): Stage {
  const { spec } = query;
  const counters = query.execution?.counters ?? noCounters;
  let stage = accessStage(access, spec.filter, counters, query.plan.exact);
  const sort = spec.sort;
  if (sort !== undefined && !sort.isEmpty && !sort.has("$natural") && !sorted) {
    const fields: [string, Value][] = [
      ["sortPattern", sort],
      ["memLimit", int32(104857600)],
    ];
    const bound = (spec.limit ?? 0) > 0 ? (spec.limit ?? 0) + (spec.skip ?? 0) : 0;
    if (bound > 0) fields.push(["limitAmount", count(bound)]);
    fields.push(["type", "simple"]);
    stage = {
      stage: "SORT",
      fields,
      returned: query.returned + Math.min(spec.skip ?? 0, query.sortInput),
      own: [
        ["totalDataSizeSorted", count(query.sortBytes)],
        ["usedDisk", false],
      ],
      input: [stage],
    };
  }
  if ((spec.skip ?? 0) > 0) {
    stage = {
      stage: "SKIP",
      fields: [["skipAmount", count(spec.skip ?? 0)]],
      returned: query.returned,
      own: [],
      input: [stage],
    };
  }
  if ((spec.limit ?? 0) > 0 && stage.stage !== "SORT") {
    stage = {
      stage: "LIMIT",
      fields: [["limitAmount", count(spec.limit ?? 0)]],
      returned: query.returned,
      own: [],
      input: [stage],
    };
  }
  if (spec.projection !== undefined && !spec.projection.isEmpty) {
    const simple = query.projection?.kind !== "computed";
    stage = {
      stage: simple ? "PROJECTION_SIMPLE" : "PROJECTION_DEFAULT",
      fields: [["transformBy", spec.projection]],
      returned: query.returned,
      own: [],
      input: [stage],
    };
  }
  for (const wrap of wraps) {
    stage = { stage: wrap.stage, fields: wrap.fields ?? [], returned: 0, own: [], input: [stage] };
  }
  return stage;
}

function planDoc(stage: Stage): Doc {
  const doc = Doc.from([["stage", stage.stage]]);
  for (const [name, value] of stage.fields) doc.set(name, value);
  const input = stage.input ?? [];
  if (input.length === 1) doc.set("inputStage", planDoc(input[0]!));
  if (input.length > 1) doc.set("inputStages", input.map(planDoc));
  return doc;
}

function statsDoc(stage: Stage): Doc {
  const doc = Doc.from([
    ["stage", stage.stage],
    ["nReturned", count(stage.returned)],
    ["executionTimeMillisEstimate", int32(0)],
  ]);
  for (const [name, value] of stage.fields) doc.set(name, value);
  for (const [name, value] of stage.own) doc.set(name, value);
  const input = stage.input ?? [];
  if (input.length === 1) doc.set("inputStage", statsDoc(input[0]!));
  if (input.length > 1) doc.set("inputStages", input.map(statsDoc));
  return doc;
}

/** `queryPlanner`, and `executionStats` of a query that has run. */
export function explainQuery(
  ns: string,
  query: Query,
  verbosity: Verbosity,
  milliseconds: number,
  wraps: readonly Wrap[] = [],
): [string, Value][] {
  const { plan } = query;
  const winning = stages(query, plan.access, plan.sorted, wraps);
  const parts: [string, Value][] = [
    [
      "queryPlanner",
      Doc.from([
        ["namespace", ns],
        ["indexFilterSet", false],
        ["parsedQuery", query.spec.filter],
        ["maxIndexedOrSolutionsReached", false],
        ["maxIndexedAndSolutionsReached", false],
        ["maxScansToExplodeReached", false],
        ["winningPlan", planDoc(winning)],
        ["rejectedPlans", plan.rejected.map((access) => planDoc(stages(query, access, false, wraps)))],
      ]),
    ],
  ];
  if (verbosity === "queryPlanner") return parts;
  const counters = query.execution?.counters ?? noCounters;
  const stats = Doc.from([
    ["executionSuccess", true],
    ["nReturned", count(wraps.length > 0 ? 0 : query.returned)],
    ["executionTimeMillis", int32(Math.round(milliseconds))],
    ["totalKeysExamined", count(counters.keysExamined)],
    ["totalDocsExamined", count(counters.docsExamined)],
    ["executionStages", statsDoc(winning)],
  ]);
  if (verbosity === "allPlansExecution") stats.set("allPlansExecution", []);
  parts.push(["executionStats", stats]);
  return parts;
}

/** What stands around the plan in every explain. */
export function explained(request: CommandRequest, parts: readonly (readonly [string, Value])[]): Doc {
  const command = Doc.from([...request.body].filter(([name]) => name !== "lsid" && name !== "$clusterTime"));
  return Doc.from([
    ["explainVersion", "1"],
    ...parts,
    ["command", command],
    [
      "serverInfo",
      Doc.from([
        ["host", "keyfold"],
        ["port", int32(0)],
        ["version", version],
        ["gitVersion", "keyfold-embedded"],
      ]),
    ],
    ["serverParameters", new Doc()],
  ]);
}

/** Explains a pipeline: its front as a query, the stages behind it as they were sent. */
export function explainPipeline(
  request: CommandRequest,
  running: {
    readonly query: Query;
    readonly name: string | undefined;
    readonly source: { next(): Doc | undefined };
    readonly pipeline: { readonly leading: { readonly consumedStages: number } };
  },
  verbosity: Verbosity,
): Doc {
  const began = performance.now();
  let returned = 0;
  if (verbosity !== "queryPlanner") while (running.source.next() !== undefined) returned++;
  const ns = `${request.db}.${running.name ?? "$cmd.aggregate"}`;
  const parts = explainQuery(ns, running.query, verbosity, performance.now() - began);
  const all = request.body.get("pipeline") as Value[];
  const rest = all.slice(running.pipeline.leading.consumedStages);
  if (rest.length === 0) return explained(request, parts);
  const cursorStage = Doc.from([["$cursor", Doc.from(parts)]]);
  if (verbosity !== "queryPlanner") cursorStage.set("nReturned", BigInt(running.query.returned));
  const documents: Doc[] = [cursorStage];
  for (const [at, stage] of rest.entries()) {
    const doc = stage instanceof Doc ? stage.clone() : new Doc();
    if (verbosity !== "queryPlanner" && at === rest.length - 1) doc.set("nReturned", BigInt(returned));
    documents.push(doc);
  }
  return explained(request, [["stages", documents]]);
}
