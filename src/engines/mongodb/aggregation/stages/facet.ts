import { bsonTypeName } from "../../bson/compare.js";
import { Doc } from "../../bson/doc.js";
import type { Value } from "../../bson/values.js";
import { type MongoError, mongoError } from "../../errors.js";
import { checkFieldName } from "../expressions/field-path.js";
import { showValue } from "../show.js";
import { approximateBytes, stageLimitBytes, stageTooLarge } from "../size.js";
import type { InnerPipeline, StageDefinition } from "./stage.js";

function checkName(name: string): void {
  try {
    checkFieldName(name);
  } catch (error) {
    const { code, message } = error as MongoError;
    throw mongoError(
      code,
      `$facet pipeline names must follow the naming rules of field path expressions. :: caused by :: ${message.replace(/^Consider using .* :: caused by :: /, "")}`,
    );
  }
}

export const facet: StageDefinition = {
  name: "$facet",
  summary: "Several pipelines over the same documents, their results in one document.",
  supported: true,
  notInFacet: true,
  compile: (argument, context) => {
    if (!(argument instanceof Doc) || argument.isEmpty) {
      throw mongoError(
        40169,
        `the $facet specification must be a non-empty object, but found: $facet: ${showValue(argument)}`,
      );
    }
    const pipelines: [string, InnerPipeline][] = [];
    for (const [name, stages] of argument) {
      checkName(name);
      if (!Array.isArray(stages)) {
        throw mongoError(40170, `arguments to $facet must be arrays, ${name} is type ${bsonTypeName(stages)}`);
      }
      for (const [i, stage] of stages.entries()) {
        if (!(stage instanceof Doc) || stage.isEmpty) {
          throw mongoError(
            40171,
            `elements of arrays in $facet spec must be non-empty objects, ${name} argument contained an element of type ${bsonTypeName(stage)}: ${i}: ${showValue(stage)}`,
          );
        }
      }
      pipelines.push([name, context.compileInner(stages, { place: "$facet", collection: context.collection })]);
    }
    return {
      name: "$facet",
      *run(source) {
        const documents: Doc[] = [];
        let bytes = 0;
        for (const doc of source) {
          context.step();
          bytes += approximateBytes(doc);
          if (bytes > stageLimitBytes) throw stageTooLarge("$facet");
          documents.push(doc);
        }
        const results: Value[] = pipelines.map(([, pipeline]) => [...pipeline.run(documents)]);
        yield Doc.of(
          pipelines.map(([name]) => name),
          results,
        );
      },
    };
  },
};

export const documents: StageDefinition = {
  name: "$documents",
  summary: "Documents written in the pipeline itself.",
  supported: true,
  onlyFirst: true,
  notInFacet: true,
  compile: (argument, context) => {
    const expression = context.scope.compile(argument);
    return {
      name: "$documents",
      isSource: true,
      *run() {
        const value = expression.evaluate(new Doc(), context.variables);
        if (!Array.isArray(value)) {
          throw mongoError(5858203, `an array is expected as the argument to $documents, got ${bsonTypeName(value)}`);
        }
        for (const each of value) {
          if (!(each instanceof Doc)) {
            throw mongoError(
              40228,
              `'newRoot' expression  must evaluate to an object, but resulting value was: ${showValue(each)}. Type of resulting value: '${bsonTypeName(each)}'.`,
            );
          }
          yield each;
        }
      },
    };
  },
};
