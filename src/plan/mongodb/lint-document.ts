import type { EntityData } from "../../model/description.js";
import type { ArrayField, Field } from "../../model/field.js";
import type { Finding } from "../finding.js";
import { formatBytes, formatNumber } from "../format.js";
import { workloadMissing } from "../lint-workload.js";
import { typicalItems } from "../workload.js";
import { objectSize, valueSize } from "./estimates.js";
import type { CollectionView } from "./lint.js";

const mebibyte = 1024 * 1024;
/** MongoDB's limit for a document (manual: "MongoDB limits and thresholds"). */
const documentLimit = 16 * mebibyte;
/** Above this a document is heavy to read, rewrite and replicate. */
const heavyDocument = mebibyte;
/** A typical embedded array above this is better kept apart. */
const heavyArray = 256 * 1024;
/** More children than this are seldom read all at once. */
const manyChildren = 1_000;

/** Findings about what a document holds. */
export function lintDocument(view: CollectionView): readonly Finding[] {
  const arrays = [...arraysOf(view.entity.fields, view.entity.name)];
  return [
    ...arrays.flatMap(([subject, array]) => unbounded(subject, array)),
    ...arrays.flatMap(([subject, array]) => (array.embeds === undefined ? [] : [embedding(view, subject, array)])),
    ...size(view),
    ...shardKey(view),
    ...workloadMissing(
      view.model,
      view.entity,
      "Sizes of data and indexes, and what a request examines, cannot be estimated.",
    ),
  ];
}

function* arraysOf(fields: EntityData["fields"], at: string): Iterable<readonly [string, ArrayField]> {
  for (const [name, field] of Object.entries(fields)) yield* arraysIn(field, `${at}.${name}`);
}

function* arraysIn(field: Field, at: string): Iterable<readonly [string, ArrayField]> {
  if (field.kind === "array") {
    yield [at, field];
    yield* arraysIn(field.element, `${at}[]`);
  } else if (field.kind === "object") yield* arraysOf(field.fields, at);
  else if (field.kind === "map") yield* arraysIn(field.value, `${at}{}`);
}

function unbounded(subject: string, array: ArrayField): readonly Finding[] {
  if (array.maxItems !== undefined) return [];
  return [
    {
      code: "array-unbounded",
      severity: "warning",
      subject,
      evidence: `"${subject}" is an array without a maximum; its elements take about ${formatBytes(valueSize(array.element).typical)} each`,
      cause:
        "A document is read, written and replicated whole and is limited to 16 MiB: an array that only grows makes each write dearer and blocks all writes at the limit.",
      fix: "Bound it with .max(n), or make its elements an entity of their own with a list pattern.",
    },
  ];
}

function embedding(view: CollectionView, subject: string, array: ArrayField): Finding {
  const { model, entity } = view;
  const child = array.embeds?.entity ?? "";
  const bytes = valueSize(array.element).typical;
  const max = array.maxItems ?? Number.POSITIVE_INFINITY;
  const typical = typicalItems(array);
  const readsOf = (name: string): number =>
    Object.values(model.patterns).reduce(
      (sum, pattern) =>
        sum + (pattern.entity === name ? (model.workload.patterns[pattern.name]?.readsPerSecond ?? 0) : 0),
      0,
    );
  const together = readsOf(entity.name);
  const alone = readsOf(child);
  const reasons = [
    ...(max * bytes > documentLimit
      ? [`${formatNumber(max)} children of ${formatBytes(bytes)} exceed the limit of 16 MiB`]
      : []),
    ...(max * bytes <= documentLimit && typical * bytes > heavyArray
      ? [`a typical array takes ${formatBytes(typical * bytes)}`]
      : []),
    ...(max > manyChildren ? [`up to ${formatNumber(max)} children are read and rewritten with each parent`] : []),
    ...(alone > together
      ? [
          `children are read alone ${formatNumber(alone)} times a second and with the parent ${formatNumber(together)} times`,
        ]
      : []),
  ];
  const numbers = `at most ${formatNumber(max)} and typically ${formatNumber(typical)} children of about ${formatBytes(bytes)}, ${formatBytes(typical * bytes)} in a typical ${entity.name}; read with the parent ${formatNumber(together)} times a second, alone ${formatNumber(alone)} times`;
  if (reasons.length === 0) {
    return {
      code: "embed-chosen",
      severity: "info",
      subject,
      evidence: numbers,
      cause:
        "The children are few, small and read with their parent: one document answers both in one read, and a write changes both or neither.",
      fix: "Nothing to do.",
    };
  }
  return {
    code: "embed-should-reference",
    severity: max * bytes > documentLimit ? "error" : "warning",
    subject,
    evidence: `${numbers}: ${reasons.join("; ")}`,
    cause:
      "An embedded array is read, rewritten and replicated with every use of its parent, and the document is limited to 16 MiB.",
    fix: `Make "${child}" an entity of the model with the key of "${entity.name}" among its fields, and ask for it with list(${child}, { by: [that key] }).`,
  };
}

function size(view: CollectionView): readonly Finding[] {
  const { entity, collection } = view;
  const { full } = objectSize(entity.fields);
  const typical = collection.estimate.documentBytes;
  const subject = entity.name;
  if (typical > documentLimit) {
    return [
      {
        code: "document-too-large",
        severity: "error",
        subject,
        evidence: `a typical document has ${formatBytes(typical)}`,
        cause: "MongoDB refuses documents above 16 MiB.",
        fix: "Split the record, or keep large values outside of the database and store where they are.",
      },
    ];
  }
  if (typical <= heavyDocument && full <= heavyDocument) return [];
  return [
    {
      code: "document-grows",
      severity: full > documentLimit || typical > heavyDocument ? "warning" : "info",
      subject,
      evidence: `a typical document has ${formatBytes(typical)}, one with every bounded array and text full ${formatBytes(full)}`,
      cause: "A document is read, written and replicated whole, and is limited to 16 MiB.",
      fix: "Lower the bounds of its arrays and texts, or move what grows to an entity of its own.",
    },
  ];
}

/** Bytes and writes per second above which one replica set is seldom enough. */
const shardBytes = 2 * 1024 ** 4;
const shardWrites = 20_000;

function shardKey({ entity, workload, collection }: CollectionView): readonly Finding[] {
  const [first] = entity.key;
  const kind = first === undefined ? undefined : entity.fields[first]?.kind;
  if (kind !== "int" && kind !== "int64" && kind !== "date") return [];
  const bytes = collection.estimate.dataBytes ?? 0;
  const writes = workload?.writesPerSecond ?? 0;
  const large = bytes > shardBytes || writes > shardWrites;
  return [
    {
      code: "monotonic-shard-key",
      severity: large ? "warning" : "info",
      subject: entity.name,
      evidence: `the key begins with "${first}", of type ${kind}, whose values usually rise; ${formatBytes(bytes)} of data, ${formatNumber(writes)} writes a second`,
      cause: "Sharded by a range of a rising key, all inserts go to the last chunk, thus to one shard.",
      fix: large
        ? `Shard the collection by { _id: "hashed" }, or begin the key with a field that spreads writes.`
        : `Nothing now: one replica set carries this. When it is sharded, shard by { _id: "hashed" }.`,
    },
  ];
}
