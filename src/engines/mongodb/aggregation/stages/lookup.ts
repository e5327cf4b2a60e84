import { bsonTypeName } from "../../bson/compare.js";
import { Doc } from "../../bson/doc.js";
import type { Value } from "../../bson/values.js";
import { failedToParse, invalidNamespace, MongoError, typeMismatch } from "../../errors.js";
import { compileFilter } from "../../query/matcher.js";
import { arrayIndex } from "../../query/path-walk.js";
import { isNullish } from "../expressions/expression.js";
import { parsePath } from "../expressions/field-path.js";
import { bindVariables } from "../expressions/logic.js";
import { approximateBytes, stageLimitBytes, stageTooLarge } from "../size.js";
import { valueKey } from "../value-key.js";
import type { InnerPipeline, StageContext, StageDefinition } from "./stage.js";
import { withValueAt } from "./unwind.js";

/** The error for a required field of a stage. */
export function missingField(name: string): MongoError {
  return new MongoError(40414, "IDLFailedToParse", `BSON field '${name}' is missing but a required field`);
}

/** The error for a field that a stage does not have. */
export function unknownField(name: string): MongoError {
  return new MongoError(40415, "IDLUnknownField", `BSON field '${name}' is an unknown field.`);
}

function wrongType(name: string, value: Value, expected: string): MongoError {
  return typeMismatch(`BSON field '${name}' is the wrong type '${bsonTypeName(value)}', expected type '${expected}'`);
}

/** The stages of a pipeline inside a stage. */
export function readPipeline(value: Value): readonly Value[] {
  if (!Array.isArray(value)) throw typeMismatch("A pipeline must be an array of objects");
  return value;
}

/** The values at a path that are looked for: through arrays, each element of an array at the end; null where there is none. */
function localValues(doc: Doc, path: readonly string[]): Value[] {
  const values: Value[] = [];
  collectLocal(doc, path, 0, values);
  if (values.length === 0) values.push(null);
  return values;
}

function collectLocal(value: Value | undefined, path: readonly string[], at: number, values: Value[]): void {
  if (at === path.length) {
    if (Array.isArray(value)) for (const each of value) values.push(each);
    else if (value !== undefined) values.push(value);
  } else if (value instanceof Doc) {
    collectLocal(value.get(path[at]!), path, at + 1, values);
  } else if (Array.isArray(value)) {
    const index = arrayIndex(path[at]!);
    for (const [i, each] of value.entries()) {
      if (i === index) collectLocal(each, path, at + 1, values);
      if (each instanceof Doc) collectLocal(each, path, at, values);
    }
  }
}

/** The values at a path of a foreign document that an equality may match: elements and whole arrays. */
function foreignValues(doc: Doc, path: readonly string[]): Value[] {
  const values: Value[] = [];
  collectForeign(doc, path, 0, values);
  return values;
}

function collectForeign(value: Value | undefined, path: readonly string[], at: number, values: Value[]): void {
  if (at === path.length) {
    if (Array.isArray(value)) for (const each of value) values.push(each);
    if (value !== undefined) values.push(value);
  } else if (value instanceof Doc) {
    collectForeign(value.get(path[at]!), path, at + 1, values);
  } else if (Array.isArray(value)) {
    const index = arrayIndex(path[at]!);
    for (const [i, each] of value.entries()) {
      if (each instanceof Doc) collectForeign(each, path, at, values);
      if (i === index) collectForeign(each, path, at + 1, values);
    }
  }
}

const nothing = Symbol("null or missing");

/** Documents of the foreign collection by the values of one field. */
class ForeignIndex {
  readonly #documents = new Map<unknown, Doc[]>();
  readonly #places = new Map<Doc, number>();

  constructor(documents: Iterable<Doc>, path: readonly string[], step: () => void) {
    // What counts as null at a path is the query language's business.
    const isNothing = compileFilter(Doc.of([path.join(".")], [null]));
    let place = 0;
    for (const doc of documents) {
      step();
      this.#places.set(doc, place++);
      const keys = new Set(foreignValues(doc, path).map(keyOf));
      if (isNothing.matches(doc)) keys.add(nothing);
      else keys.delete(nothing);
      for (const key of keys) {
        const list = this.#documents.get(key);
        if (list === undefined) this.#documents.set(key, [doc]);
        else list.push(doc);
      }
    }
  }

  find(values: readonly Value[]): Doc[] {
    if (values.length === 1) return this.#documents.get(keyOf(values[0]!)) ?? [];
    const found = new Set<Doc>();
    for (const value of values) for (const doc of this.#documents.get(keyOf(value)) ?? []) found.add(doc);
    return [...found].sort((a, b) => this.#places.get(a)! - this.#places.get(b)!);
  }
}

function keyOf(value: Value): unknown {
  return isNullish(value) ? nothing : valueKey(value);
}

interface LookupOptions {
  readonly from: string | undefined;
  readonly as: readonly string[];
  readonly local: readonly string[] | undefined;
  readonly foreign: readonly string[] | undefined;
  readonly pipeline: readonly Value[] | undefined;
  readonly let: Doc | undefined;
}

const known = ["from", "as", "localField", "foreignField", "let", "pipeline"];

function readOptions(argument: Value): LookupOptions {
  if (!(argument instanceof Doc)) {
    throw failedToParse(`the $lookup stage specification must be an object, but found ${bsonTypeName(argument)}`);
  }
  for (const name of argument.keys()) if (!known.includes(name)) throw unknownField(`$lookup.${name}`);
  const text = (name: string): string | undefined => {
    const value = argument.get(name);
    if (value !== undefined && typeof value !== "string") throw wrongType(`$lookup.${name}`, value, "string");
    return value as string | undefined;
  };
  const from = argument.get("from");
  if (from !== undefined && typeof from !== "string") {
    throw failedToParse(`$lookup 'from' field must be a string or an object, but found ${bsonTypeName(from)}`);
  }
  const as = text("as");
  const local = text("localField");
  const foreign = text("foreignField");
  const variables = argument.get("let");
  if (variables !== undefined && !(variables instanceof Doc)) throw wrongType("$lookup.let", variables, "object");
  const pipeline = argument.get("pipeline");
  const stages = pipeline === undefined ? undefined : readPipeline(pipeline);
  if (as === undefined) throw missingField("$lookup.as");
  if (from === undefined && stages === undefined) throw failedToParse("must specify 'pipeline' when 'from' is empty");
  if (stages === undefined && (local === undefined || foreign === undefined)) {
    throw failedToParse("$lookup requires either 'pipeline' or both 'localField' and 'foreignField' to be specified");
  }
  if ((local === undefined) !== (foreign === undefined)) {
    throw failedToParse("$lookup requires both or neither of 'localField' and 'foreignField' to be specified");
  }
  if (stages === undefined && variables !== undefined) {
    throw failedToParse("$lookup with a 'let' argument must also specify 'pipeline'");
  }
  return {
    from,
    as: parsePath(as),
    local: local === undefined ? undefined : parsePath(local),
    foreign: foreign === undefined ? undefined : parsePath(foreign),
    pipeline: stages,
    let: variables,
  };
}

function beginsWithDocuments(stages: readonly Value[]): boolean {
  const first = stages[0];
  return first instanceof Doc && first.first()?.[0] === "$documents";
}

/** Compiles the part of a `$lookup` that finds the foreign documents of one document. */
function finder(options: LookupOptions, context: StageContext): () => (doc: Doc) => Iterable<Doc> {
  const { from, local, foreign } = options;
  let inner: InnerPipeline | undefined;
  let assign = (_doc: Doc): void => {};
  if (options.pipeline !== undefined) {
    if (from === undefined && !beginsWithDocuments(options.pipeline)) {
      throw failedToParse(
        "$lookup stage without explicit collection must have a pipeline with $documents as first stage",
      );
    }
    const bound = bindVariables(options.let ?? new Doc(), context.scope);
    inner = context.compileInner(options.pipeline, { place: "$lookup", scope: bound.scope, collection: from });
    assign = (doc) => bound.assign(doc, context.variables);
  }
  const read = () => (from === undefined ? [] : context.readCollection(context.db, from));
  return () => {
    let documents: Doc[] | undefined;
    // Read once: every document of the outer collection is compared with all of them.
    const all = () => {
      if (documents === undefined) {
        documents = [];
        let bytes = 0;
        for (const foreign of read()) {
          bytes += approximateBytes(foreign);
          if (bytes > stageLimitBytes) throw stageTooLarge("$lookup");
          documents.push(foreign);
        }
      }
      return documents;
    };
    let index: ForeignIndex | undefined;
    return (doc) => {
      context.step();
      let candidates: Iterable<Doc> | undefined;
      if (local !== undefined) {
        index ??= new ForeignIndex(all(), foreign!, () => context.step());
        candidates = index.find(localValues(doc, local));
      }
      if (inner === undefined) return candidates!;
      assign(doc);
      return inner.run(candidates ?? (inner.isSource ? [] : all()));
    };
  };
}

export const lookup: StageDefinition = {
  name: "$lookup",
  summary: "Adds the documents of another collection that belong to each document.",
  supported: true,
  compile: (argument, context) => {
    const options = readOptions(argument);
    if (options.from === "") throw invalidNamespace(`Invalid namespace specified '${context.db}.'`);
    const begin = finder(options, context);
    return {
      name: "$lookup",
      *run(source) {
        const find = begin();
        for (const doc of source) yield withValueAt(doc, options.as, [...find(doc)]);
      },
    };
  },
};

export const unionWith: StageDefinition = {
  name: "$unionWith",
  summary: "Appends the documents of another collection, through a pipeline of its own.",
  supported: true,
  compile: (argument, context) => {
    let name: string | undefined;
    let stages: readonly Value[] = [];
    if (typeof argument === "string") name = argument;
    else if (argument instanceof Doc) {
      for (const [option, value] of argument) {
        if (option === "coll") {
          if (typeof value !== "string") throw wrongType("$unionWith.coll", value, "string");
          name = value;
        } else if (option === "pipeline") stages = readPipeline(value);
        else throw unknownField(`$unionWith.${option}`);
      }
    } else {
      throw failedToParse(
        `the $unionWith stage specification must be an object or string, but found ${bsonTypeName(argument)}`,
      );
    }
    if (name === "") throw invalidNamespace(`Namespace ${context.db}.is not a valid collection name`);
    const inner = context.compileInner(stages, { place: "$unionWith", collection: name });
    if (name === undefined && !inner.isSource) {
      throw failedToParse(
        "$unionWith stage without explicit collection must have a pipeline with $documents as first stage",
      );
    }
    return {
      name: "$unionWith",
      *run(source) {
        yield* source;
        yield* inner.run(name === undefined ? [] : context.readCollection(context.db, name));
      },
    };
  },
};
