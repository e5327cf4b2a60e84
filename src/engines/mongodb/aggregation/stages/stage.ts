import type { Doc } from "../../bson/doc.js";
import type { Value } from "../../bson/values.js";
import type { Scope, Variables } from "../expressions/expression.js";

/** A compiled stage: documents in, documents out, pulled one at a time. */
export interface Stage {
  readonly name: string;
  run(source: Iterable<Doc>): Iterable<Doc>;
  /** What a planner may take over from a stage at the front of a pipeline. */
  readonly front?:
    | { readonly kind: "match"; readonly filter: Doc }
    | { readonly kind: "sort"; readonly sort: Doc }
    | { readonly kind: "skip"; readonly count: number }
    | { readonly kind: "limit"; readonly count: number };
  /** A `$sort` that is followed by a `$limit` keeps only so many documents. */
  withLimit?(limit: number): Stage;
  /** The stage makes its documents itself, so the collection is not read. */
  readonly isSource?: boolean;
}

/** Where a pipeline stands: at the top, in a `$lookup`, in a `$facet`, in a `$unionWith`. */
export type PipelinePlace = "top" | "$lookup" | "$facet" | "$unionWith";

/** What stages are compiled with. */
export interface StageContext {
  readonly db: string;
  readonly collection: string | undefined;
  readonly scope: Scope;
  readonly variables: Variables;
  readonly place: PipelinePlace;
  /** The documents of a collection; none of one that does not exist. */
  readCollection(db: string, name: string): Iterable<Doc>;
  /** Called now and then during long work; throws when the command is to end. */
  step(): void;
  /** Compiles a pipeline inside a stage. */
  compileInner(
    stages: readonly Value[],
    options: { readonly place: PipelinePlace; readonly scope?: Scope; readonly collection?: string | undefined },
  ): InnerPipeline;
}

/** A pipeline inside a stage. */
export interface InnerPipeline {
  run(source: Iterable<Doc>): Iterable<Doc>;
  /** Whether it begins with a stage that makes its own documents. */
  readonly isSource: boolean;
  readonly isEmpty: boolean;
}

/** One stage of the table. */
export interface StageDefinition {
  readonly name: string;
  readonly summary: string;
  readonly supported: boolean;
  /** One stage, or those that it stands for: `$count` is a `$group` and a `$project`. */
  compile(argument: Value, context: StageContext): Stage | Stage[];
  /** Only at the beginning of a pipeline. */
  readonly onlyFirst?: boolean;
  /** Not inside a `$facet`. */
  readonly notInFacet?: boolean;
}
