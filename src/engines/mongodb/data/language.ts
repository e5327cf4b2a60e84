/** The query, update and pipeline languages as the data layer uses them; the one place that knows where they live. */
export { compilePipeline, type Pipeline } from "../aggregation/pipeline.js";
export { bsonTypeName, equalValues } from "../bson/compare.js";
export { isNumber } from "../bson/numbers.js";
export { compileFilter, type Matcher } from "../query/matcher.js";
export { compileProjection, type Projection } from "../query/projection.js";
export { compileSort } from "../query/sort.js";
export { compileUpdate, type Updater } from "../update/updater.js";
