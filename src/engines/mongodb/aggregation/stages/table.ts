import { mongoError } from "../../errors.js";
import { bucket, bucketAuto, sortByCount } from "./buckets.js";
import { documents, facet } from "./facet.js";
import { fieldStages } from "./fields.js";
import { flowStages } from "./flow.js";
import { group } from "./group.js";
import { lookup, unionWith } from "./lookup.js";
import type { StageDefinition } from "./stage.js";
import { unwind } from "./unwind.js";

function unsupported(name: string, summary: string): StageDefinition {
  return {
    name,
    summary,
    supported: false,
    compile: () => {
      throw unknownStage(name);
    },
  };
}

/** The error for a stage that is not known. */
export function unknownStage(name: string): Error {
  return mongoError(40324, `Unrecognized pipeline stage name: '${name}'`);
}

/** Every stage of MongoDB 7.0, sorted by name; those not supported are refused as unknown ones. */
export const pipelineStages: readonly StageDefinition[] = [
  ...fieldStages,
  ...flowStages,
  bucket,
  bucketAuto,
  documents,
  facet,
  group,
  lookup,
  sortByCount,
  unionWith,
  unwind,
  unsupported("$changeStream", "A stream of changes."),
  unsupported("$changeStreamSplitLargeEvent", "Splits large events of a change stream."),
  unsupported("$collStats", "Figures of a collection."),
  unsupported("$currentOp", "The operations that run."),
  unsupported("$densify", "Fills gaps in a sequence of values."),
  unsupported("$fill", "Fills null and missing values."),
  unsupported("$geoNear", "Documents by their distance from a point."),
  unsupported("$graphLookup", "Follows references from document to document."),
  unsupported("$indexStats", "How often each index was used."),
  unsupported("$listLocalSessions", "The sessions of this server."),
  unsupported("$listSampledQueries", "Sampled queries of a sharded cluster."),
  unsupported("$listSearchIndexes", "The search indexes of a collection."),
  unsupported("$listSessions", "The sessions of all servers."),
  unsupported("$merge", "Writes the documents into a collection, merging them."),
  unsupported("$out", "Replaces a collection with the documents."),
  unsupported("$planCacheStats", "The cached query plans of a collection."),
  unsupported("$redact", "Leaves out documents and sub-documents by what they say themselves."),
  unsupported("$search", "Full-text search."),
  unsupported("$searchMeta", "What a full-text search found."),
  unsupported("$setWindowFields", "Values computed over windows of documents."),
  unsupported("$shardedDataDistribution", "How data lies on the shards."),
].sort((a, b) => (a.name < b.name ? -1 : 1));
