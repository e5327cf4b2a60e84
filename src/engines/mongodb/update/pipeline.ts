import { createEnvironment } from "../aggregation/expressions/compile.js";
import { fieldStages } from "../aggregation/stages/fields.js";
import type { Stage } from "../aggregation/stages/stage.js";
import { Doc } from "../bson/doc.js";
import { DateTime, type Value } from "../bson/values.js";
import { mongoError } from "../errors.js";

const allowed = new Set(["$addFields", "$set", "$project", "$unset", "$replaceRoot", "$replaceWith"]);
/** Stages that exist but change nothing within one document, so that MongoDB names them in another error. */
const known =
  /^\$(?:match|group|sort|limit|skip|count|unwind|lookup|facet|bucket|bucketAuto|sortByCount|sample|unionWith|out|merge|redact|geoNear|graphLookup|setWindowFields|densify|fill|documents|collStats|indexStats|changeStream)$/;

/**
 * Compiles a pipeline-style update: stages that change fields, one after the other, on one document.
 *
 * @throws MongoError 72 for a stage that is not allowed here, 40324 for one that does not exist
 */
export function compilePipelineUpdate(
  stages: readonly Value[],
  options: { readonly now: number; readonly vars?: Doc | undefined },
): (doc: Doc) => Doc {
  const environment = createEnvironment({ now: new DateTime(options.now), let: options.vars });
  const compiled: Stage[] = [];
  for (const each of stages) {
    if (!(each instanceof Doc)) throw mongoError(14, "Each element of the 'pipeline' array must be an object");
    if (each.size !== 1) {
      throw mongoError(40323, "A pipeline stage specification object must contain exactly one field.");
    }
    const [name, argument] = each.first()!;
    const definition = allowed.has(name) ? fieldStages.find((stage) => stage.name === name) : undefined;
    if (definition === undefined) {
      if (!known.test(name)) throw mongoError(40324, `Unrecognized pipeline stage name: '${name}'`);
      throw mongoError(72, `${name} is not allowed to be used within an update`);
    }
    const stage = definition.compile(argument, {
      db: "",
      collection: undefined,
      scope: environment.scope,
      variables: environment.variables,
      place: "top",
      readCollection: () => [],
      step: () => {},
      compileInner: () => {
        throw mongoError(72, `${name} is not allowed to be used within an update`);
      },
    });
    compiled.push(...(Array.isArray(stage) ? stage : [stage]));
  }
  return (doc) => {
    let documents: Iterable<Doc> = [doc];
    for (const stage of compiled) documents = stage.run(documents);
    for (const result of documents) return result;
    return doc;
  };
}
