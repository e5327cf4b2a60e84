import { bsonTypeName } from "../../bson/compare.js";
import { Doc } from "../../bson/doc.js";
import type { Value } from "../../bson/values.js";
import { MongoError, mongoError, withContext } from "../../errors.js";
import type { Variables } from "../expressions/expression.js";
import { showValue } from "../show.js";
import { type CompiledProjection, compileAddFields, compileProject, compileUnset, project } from "./projection.js";
import type { Stage, StageContext, StageDefinition } from "./stage.js";

/** A stage that makes one document of each. */
export function mapping(name: string, map: (doc: Doc) => Doc): Stage {
  return {
    name,
    *run(source) {
      for (const doc of source) yield map(doc);
    },
  };
}

function projecting(name: string, { root, mode }: CompiledProjection, variables: Variables): Stage {
  return mapping(name, (doc) => project(root, mode, doc, variables));
}

function addFields(name: "$addFields" | "$set", summary: string): StageDefinition {
  return {
    name,
    summary,
    supported: true,
    compile: (argument, context) => {
      if (!(argument instanceof Doc)) {
        throw mongoError(40272, `${name} specification stage must be an object, got ${bsonTypeName(argument)}`);
      }
      const compiled = withContext(`Invalid ${name}`, () => compileAddFields(argument, context.scope));
      return projecting(name, compiled, context.variables);
    },
  };
}

const projectStage: StageDefinition = {
  name: "$project",
  summary: "Keeps, leaves out and computes fields.",
  supported: true,
  compile: (argument, context) => {
    if (!(argument instanceof Doc)) throw mongoError(15969, "$project specification must be an object");
    const compiled = withContext("Invalid $project", () => compileProject(argument, context.scope));
    return projecting("$project", compiled, context.variables);
  },
};

const unset: StageDefinition = {
  name: "$unset",
  summary: "Leaves out fields.",
  supported: true,
  compile: (argument, context) => {
    let names: string[];
    if (typeof argument === "string") names = [argument];
    else if (Array.isArray(argument)) {
      if (argument.length === 0) {
        throw mongoError(31119, "$unset specification must be a string or an array with at least one field");
      }
      if (!argument.every((each) => typeof each === "string")) {
        throw mongoError(31120, "$unset specification must be a string or an array containing only string values");
      }
      names = argument;
    } else throw mongoError(31002, "$unset specification must be a string or an array");
    const compiled = withContext("Invalid $unset", () => compileUnset(names));
    return projecting("$unset", compiled, context.variables);
  },
};

function replacing(name: string, said: string, value: Value, context: StageContext): Stage {
  const expression = context.scope.compile(value);
  return mapping(name, (doc) => {
    const root = expression.evaluate(doc, context.variables);
    if (root instanceof Doc) return root;
    throw mongoError(
      40228,
      `${said}  must evaluate to an object, but resulting value was: ${showValue(root)}. Type of resulting value: '${bsonTypeName(root)}'. Input document: ${showValue(doc)}`,
    );
  });
}

const replaceRoot: StageDefinition = {
  name: "$replaceRoot",
  summary: "Puts a document inside, or a computed one, in the place of each document.",
  supported: true,
  compile: (argument, context) => {
    if (!(argument instanceof Doc)) {
      throw mongoError(
        40229,
        `expected an object as specification for $replaceRoot stage, got ${bsonTypeName(argument)}`,
      );
    }
    for (const name of argument.keys()) {
      if (name !== "newRoot") {
        throw new MongoError(40415, "IDLUnknownField", `BSON field '$replaceRoot.${name}' is an unknown field.`);
      }
    }
    const newRoot = argument.get("newRoot");
    if (newRoot === undefined) {
      throw new MongoError(
        40414,
        "IDLFailedToParse",
        "BSON field '$replaceRoot.newRoot' is missing but a required field",
      );
    }
    return replacing("$replaceRoot", "'newRoot' expression", newRoot, context);
  },
};

const replaceWith: StageDefinition = {
  name: "$replaceWith",
  summary: "The same as $replaceRoot, written shorter.",
  supported: true,
  compile: (argument, context) => replacing("$replaceWith", "'replacement document'", argument, context),
};

/** The stages that change the fields of each document. */
export const fieldStages: readonly StageDefinition[] = [
  addFields("$addFields", "Adds computed fields."),
  projectStage,
  replaceRoot,
  replaceWith,
  addFields("$set", "The same as $addFields."),
  unset,
];
