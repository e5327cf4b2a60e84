import type { Doc } from "../bson/doc.js";
import { BsonType, nameEnd, valueSize } from "../bson/raw.js";
import type { Value } from "../bson/values.js";
import { mongoError } from "../errors.js";
import type { Collection } from "./collection.js";
import type { DocumentSource } from "./cursors.js";
import type { Deadline } from "./deadline.js";
import { Execution } from "./execution.js";
import { encodeElement } from "./key-encoding.js";
import { compileFilter, compileProjection, compileSort, type Matcher, type Projection } from "./language.js";
import type { Plan } from "./plan.js";
import { planQuery } from "./planner.js";

/** Bytes that a sort may hold when the client forbids the use of the disk. */
const sortMemoryLimit = 104_857_600;

/** What a query asks, as find, and the queries inside update, delete, count, distinct and aggregate, have it. */
export interface QuerySpec {
  readonly filter: Doc;
  readonly sort?: Doc | undefined;
  readonly projection?: Doc | undefined;
  readonly skip?: number | undefined;
  readonly limit?: number | undefined;
  readonly hint?: Value | undefined;
  readonly allowDiskUse?: boolean | undefined;
  readonly variables?: Doc | undefined;
}

export interface QueryContext {
  now(): number;
  readonly random?: (() => number) | undefined;
  readonly deadline: Deadline | undefined;
}

/** A query that was compiled and planned, and runs as its documents are asked for. */
export class Query implements DocumentSource {
  readonly matcher: Matcher | undefined;
  readonly plan: Plan;
  readonly execution: Execution | undefined;
  readonly projection: Projection | undefined;
  readonly spec: QuerySpec;
  readonly #sort: ((a: Doc, b: Doc) => number) | undefined;
  readonly #deadline: Deadline | undefined;
  #skip: number;
  #left: number;
  #sorted: { doc: Doc; record: string }[] | undefined;
  #at = 0;
  /** Id of the record that {@link next} gave last. */
  record = "";
  /** Documents that were given. */
  returned = 0;
  /** Documents that the sort took in. */
  sortInput = 0;
  sortBytes = 0;

  constructor(collection: Collection | undefined, spec: QuerySpec, context: QueryContext) {
    this.spec = spec;
    const { filter } = spec;
    const idKey = spec.hint === undefined ? simpleId(filter) : undefined;
    if (idKey === undefined || spec.projection !== undefined) {
      this.matcher = filter.isEmpty
        ? undefined
        : compileFilter(filter, {
            now: () => context.now(),
            random: context.random,
            ...(spec.variables === undefined ? {} : { vars: spec.variables }),
          });
    } else this.matcher = undefined;
    this.projection =
      spec.projection === undefined || spec.projection.isEmpty
        ? undefined
        : compileProjection(spec.projection, this.matcher);
    const sort = spec.sort === undefined || spec.sort.isEmpty || isNatural(spec.sort) ? undefined : spec.sort;
    if (sort !== undefined) this.#sort = compileSort(sort);
    this.plan =
      collection === undefined
        ? { access: { kind: "eof" }, sorted: true, exact: true, rejected: [], sort: undefined }
        : idKey !== undefined
          ? { access: { kind: "idhack", key: idKey }, sorted: true, exact: true, rejected: [], sort: undefined }
          : planQuery(collection, spec);
    this.#deadline = context.deadline;
    this.execution =
      collection === undefined
        ? undefined
        : new Execution(collection, this.plan.access, idKey !== undefined ? undefined : this.matcher, context.deadline);
    this.#skip = spec.skip ?? 0;
    this.#left = spec.limit === undefined || spec.limit === 0 ? Number.POSITIVE_INFINITY : spec.limit;
  }

  /** The next document, projected. */
  next(): Doc | undefined {
    const doc = this.nextRaw();
    return doc === undefined || this.projection === undefined ? doc : this.projection.apply(doc);
  }

  /** The next document as it is stored. */
  nextRaw(): Doc | undefined {
    if (this.#left <= 0) return undefined;
    const { execution } = this;
    if (execution === undefined) return undefined;
    if (this.#sort !== undefined && !this.plan.sorted) return this.#nextSorted(execution, this.#sort);
    while (execution.next()) {
      if (this.#skip > 0) {
        this.#skip--;
        continue;
      }
      this.#left--;
      this.returned++;
      this.record = execution.record;
      return execution.doc;
    }
    this.#left = 0;
    return undefined;
  }

  #nextSorted(execution: Execution, compare: (a: Doc, b: Doc) => number): Doc | undefined {
    if (this.#sorted === undefined) {
      const all: { doc: Doc; record: string }[] = [];
      const keep = this.#left === Number.POSITIVE_INFINITY ? this.#left : this.#skip + this.#left;
      const order = (a: { doc: Doc }, b: { doc: Doc }): number => compare(a.doc, b.doc);
      while (execution.next()) {
        this.sortInput++;
        this.sortBytes += execution.doc.bytes!.length;
        all.push({ doc: execution.doc, record: execution.record });
        // Only the first ones are wanted: what is behind them is dropped from time to time.
        if (all.length >= keep * 2 + 1000) {
          all.sort(order);
          for (const dropped of all.splice(keep)) this.sortBytes -= dropped.doc.bytes!.length;
        }
        if (this.spec.allowDiskUse === false && this.sortBytes > sortMemoryLimit) {
          throw mongoError(
            292,
            `Sort exceeded memory limit of ${sortMemoryLimit} bytes, but did not opt in to external sorting.`,
          );
        }
      }
      // One document is not compared, but it has to have a key.
      if (all.length === 1) order(all[0]!, all[0]!);
      all.sort(order);
      this.#sorted = all;
      this.#at = this.#skip;
    }
    const one = this.#sorted[this.#at++];
    if (one === undefined) {
      this.#left = 0;
      return undefined;
    }
    this.#deadline?.step();
    this.#left--;
    this.returned++;
    this.record = one.record;
    return one.doc;
  }
}

function isNatural(sort: Doc): boolean {
  return sort.first()?.[0] === "$natural";
}

/** The key of `{ _id: value }` with a plain value: such a query needs no plan. */
function simpleId(filter: Doc): string | undefined {
  const bytes = filter.bytes ?? filter.toBytes();
  const start = filter.bytes === null ? 0 : filter.start;
  const element = start + 4;
  const type = bytes[element]!;
  if (type === 0 || bytes[element + 1] !== 0x5f || bytes[element + 2] !== 0x69 || bytes[element + 3] !== 0x64)
    return undefined;
  if (bytes[element + 4] !== 0) return undefined;
  const value = element + 5;
  switch (type) {
    case BsonType.array:
    case BsonType.regex:
    case BsonType.null:
    case BsonType.undefined:
      return undefined;
    case BsonType.document: {
      if (bytes[value + 4] !== 0 && bytes[value + 5] === 0x24) return undefined;
      break;
    }
    default:
  }
  if (bytes[value + valueSize(bytes, type, value)] !== 0) return undefined;
  return encodeElement(bytes, type, nameEnd(bytes, element + 1) + 1);
}
