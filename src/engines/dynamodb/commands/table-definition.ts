import type {
  IndexDefinition,
  OnDemandLimits,
  ProjectionType,
  StreamDefinition,
  StreamView,
  TableDefinition,
  Throughput,
} from "../data/definition.js";
import { invalidValue, validation } from "../errors.js";
import type { TypeName } from "../values/attribute-value.js";
import type { KeyAttribute, KeySchema } from "../values/key-encoding.js";

/** Turns what CreateTable and UpdateTable are given into definitions; throws what DynamoDB says of what is wrong. */

interface KeyElement {
  readonly AttributeName: string;
  readonly KeyType: "HASH" | "RANGE";
}

interface Attribute {
  readonly AttributeName: string;
  readonly AttributeType: TypeName;
}

export interface ThroughputInput {
  readonly ReadCapacityUnits: number;
  readonly WriteCapacityUnits: number;
}

export interface IndexInput {
  readonly IndexName: string;
  readonly KeySchema: readonly KeyElement[];
  readonly Projection: { readonly ProjectionType?: ProjectionType; readonly NonKeyAttributes?: readonly string[] };
  readonly ProvisionedThroughput?: ThroughputInput;
  readonly OnDemandThroughput?: OnDemandLimits;
}

export interface StreamInput {
  readonly StreamEnabled: boolean;
  readonly StreamViewType?: StreamView;
}

const mostUnits = 1_000_000_000_000;
const mostLocals = 5;
const mostGlobals = 20;
const mostProjected = 100;

const none: Throughput = { read: 0, write: 0 };

export function throughputOf(input: ThroughputInput | undefined): Throughput {
  if (input === undefined) return none;
  for (const name of ["ReadCapacityUnits", "WriteCapacityUnits"] as const) {
    if (input[name] > mostUnits) throw validation(`Given value ${input[name]} for ${name} is out of bounds`);
  }
  return { read: input.ReadCapacityUnits, write: input.WriteCapacityUnits };
}

export function attributesOf(input: readonly Attribute[]): KeyAttribute[] {
  const seen = new Set<string>();
  return input.map(({ AttributeName: name, AttributeType: type }) => {
    if (seen.has(name))
      throw validation(
        `One or more parameter values were invalid: Duplicate AttributeName in AttributeDefinitions: ${name}`,
      );
    seen.add(name);
    return { name, type };
  });
}

/** The key that a schema and the definitions of attributes make. */
function schemaOf(elements: readonly KeyElement[], attributes: readonly KeyAttribute[]): KeySchema {
  const names = elements.map(({ AttributeName: name }) => name);
  if (names.some((name) => !attributes.some((each) => each.name === name))) {
    throw invalidValue(
      `Some index key attributes are not defined in AttributeDefinitions. Keys: [${names.join(", ")}], AttributeDefinitions: [${attributes.map(({ name }) => name).join(", ")}]`,
    );
  }
  if (names.length === 2 && names[0] === names[1]) {
    throw validation("Both the Hash Key and the Range Key element in the KeySchema have the same name");
  }
  if (elements[0]!.KeyType !== "HASH") {
    throw validation("Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
  }
  if (elements[1] !== undefined && elements[1].KeyType !== "RANGE") {
    throw validation("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type");
  }
  const attribute = (name: string | undefined): KeyAttribute | undefined =>
    attributes.find((each) => each.name === name);
  return { partition: attribute(names[0])!, sort: attribute(names[1]) };
}

function projectionOf(input: IndexInput): Pick<IndexDefinition, "projection" | "include"> {
  const { ProjectionType: type, NonKeyAttributes: attributes } = input.Projection;
  if (type === undefined) throw invalidValue("Unknown ProjectionType: null");
  if (attributes !== undefined && type !== "INCLUDE") {
    throw invalidValue(`ProjectionType is ${type}, but NonKeyAttributes is specified`);
  }
  if (type === "INCLUDE" && attributes === undefined) {
    throw invalidValue("ProjectionType is INCLUDE, but NonKeyAttributes is not specified");
  }
  return { projection: type, include: attributes ?? [] };
}

/** A global index, before it has a tree. */
export function globalIndex(
  input: IndexInput,
  attributes: readonly KeyAttribute[],
  billing: TableDefinition["billing"],
): Omit<IndexDefinition, "tree"> {
  const schema = schemaOf(input.KeySchema, attributes);
  const projection = projectionOf(input);
  if (billing === "PAY_PER_REQUEST" && input.ProvisionedThroughput !== undefined) {
    throw invalidValue(
      `ProvisionedThroughput should not be specified for index: ${input.IndexName} when BillingMode is PAY_PER_REQUEST`,
    );
  }
  if (billing === "PROVISIONED" && input.ProvisionedThroughput === undefined) {
    throw invalidValue(`ProvisionedThroughput must be specified for index: ${input.IndexName}`);
  }
  return {
    name: input.IndexName,
    global: true,
    schema,
    ...projection,
    throughput: throughputOf(input.ProvisionedThroughput),
    ...(input.OnDemandThroughput === undefined ? {} : { onDemand: input.OnDemandThroughput }),
  };
}

function localIndex(
  input: IndexInput,
  attributes: readonly KeyAttribute[],
  table: KeySchema,
): Omit<IndexDefinition, "tree"> {
  const schema = schemaOf(input.KeySchema, attributes);
  if (schema.sort === undefined) {
    throw invalidValue(`Index KeySchema does not have a range key for index: ${input.IndexName}`);
  }
  if (schema.partition.name !== table.partition.name) {
    throw invalidValue(
      `Index KeySchema does not have the same leading hash key as table KeySchema for index: ${input.IndexName}. index hash key: ${schema.partition.name}, table hash key: ${table.partition.name}`,
    );
  }
  return { name: input.IndexName, global: false, schema, ...projectionOf(input), throughput: none };
}

/** Throws when attributes are defined that no key is made of. */
export function checkAllUsed(attributes: readonly KeyAttribute[], schemas: readonly KeySchema[]): void {
  const used = new Set(schemas.flatMap(({ partition, sort }) => [partition.name, sort?.name]));
  if (attributes.every(({ name }) => used.has(name))) return;
  if (schemas.length === 1) {
    throw invalidValue(
      "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions",
    );
  }
  throw invalidValue(
    `Some AttributeDefinitions are not used. AttributeDefinitions: [${attributes.map(({ name }) => name).join(", ")}], keys used: [${[...used].filter((name) => name !== undefined).join(", ")}]`,
  );
}

export function checkStream(input: StreamInput | undefined): StreamView | undefined {
  if (input === undefined) return undefined;
  if (!input.StreamEnabled) {
    if (input.StreamViewType !== undefined) {
      throw invalidValue("StreamViewType cannot be specified when StreamEnabled is false");
    }
    return undefined;
  }
  if (input.StreamViewType === undefined) {
    throw invalidValue("StreamSpecification requires StreamViewType when StreamEnabled is true");
  }
  return input.StreamViewType;
}

/** A stream that begins now; labels are told apart by their time. */
export function newStream(view: StreamView, tree: number, nowMs: number): StreamDefinition {
  return { label: new Date(nowMs).toISOString().replace("Z", ""), view, tree, createdMs: nowMs };
}

export type NewTable = Omit<TableDefinition, "id" | "tree" | "indexes" | "streams"> & {
  readonly indexes: readonly Omit<IndexDefinition, "tree">[];
  readonly streamView: StreamView | undefined;
};

/** The table that CreateTable asks for. */
export function newTable(input: Readonly<Record<string, unknown>>, region: string, nowMs: number): NewTable {
  const name = input["TableName"] as string;
  const billing = (input["BillingMode"] as TableDefinition["billing"] | undefined) ?? "PROVISIONED";
  const throughput = input["ProvisionedThroughput"] as ThroughputInput | undefined;
  if (billing === "PAY_PER_REQUEST" && throughput !== undefined) {
    throw invalidValue(
      "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
    );
  }
  if (billing === "PROVISIONED" && throughput === undefined) {
    throw invalidValue(
      "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
    );
  }
  const units = throughputOf(throughput);
  const attributes = attributesOf(input["AttributeDefinitions"] as Attribute[]);
  const elements = input["KeySchema"] as KeyElement[];
  if (elements.length > attributes.length) {
    throw validation("Invalid KeySchema: Some index key attribute have no definition");
  }
  const schema = schemaOf(elements, attributes);
  const locals = input["LocalSecondaryIndexes"] as IndexInput[] | undefined;
  const globals = input["GlobalSecondaryIndexes"] as IndexInput[] | undefined;
  const indexes: Omit<IndexDefinition, "tree">[] = [];
  if (locals === undefined && globals === undefined) checkAllUsed(attributes, [schema]);
  if (locals !== undefined) {
    if (locals.length === 0) throw invalidValue("List of LocalSecondaryIndexes is empty");
    if (schema.sort === undefined) {
      throw invalidValue(
        "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
      );
    }
    for (const each of locals) indexes.push(localIndex(each, attributes, schema));
    if (locals.length > mostLocals) {
      throw invalidValue(`Number of LocalSecondaryIndexes exceeds per-table limit of ${mostLocals}`);
    }
  }
  if (globals !== undefined) {
    if (globals.length === 0) throw invalidValue("List of GlobalSecondaryIndexes is empty");
    for (const each of globals) indexes.push(globalIndex(each, attributes, billing));
    if (globals.length > mostGlobals) {
      throw invalidValue(`GlobalSecondaryIndex count exceeds the per-table limit of ${mostGlobals}`);
    }
  }
  checkIndexes(indexes);
  checkAllUsed(attributes, [schema, ...indexes.map((each) => each.schema)]);
  const encryption = input["SSESpecification"] as { Enabled?: boolean; KMSMasterKeyId?: string } | undefined;
  return {
    name,
    region,
    createdMs: nowMs,
    attributes,
    schema,
    billing,
    billingNamed: input["BillingMode"] !== undefined,
    throughput: units,
    ...(input["OnDemandThroughput"] === undefined ? {} : { onDemand: input["OnDemandThroughput"] as OnDemandLimits }),
    indexes,
    streamView: checkStream(input["StreamSpecification"] as StreamInput | undefined),
    tags: tagMap(input["Tags"] as Tag[] | undefined),
    deletionProtection: input["DeletionProtectionEnabled"] === true,
    ...(input["TableClass"] === undefined ? {} : { tableClass: input["TableClass"] as string }),
    ...(encryption?.Enabled === true ? { encryption: { key: encryption.KMSMasterKeyId } } : {}),
  };
}

/** Throws for names that come twice, and when indexes project too much together. */
export function checkIndexes(indexes: readonly Pick<IndexDefinition, "name" | "include">[]): void {
  const names = new Set<string>();
  let projected = 0;
  for (const { name, include } of indexes) {
    if (names.has(name)) throw invalidValue(`Duplicate index name: ${name}`);
    names.add(name);
    projected += include.length;
  }
  if (projected > mostProjected) {
    throw invalidValue(
      `Total count of attributes projected into all of your local and global secondary indexes, must not exceed ${mostProjected}`,
    );
  }
}

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

const mostTags = 50;
const tagText = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** Tags by their keys. */
export function tagMap(
  tags: readonly Tag[] | undefined,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const out = new Map(Object.entries(before));
  const seen = new Set<string>();
  for (const { Key: key, Value: value } of tags ?? []) {
    if (seen.has(key)) throw validation(`Duplicate tag key found: ${key}`);
    if (key.startsWith("aws:")) {
      throw validation("One or more parameter values are not valid. Tag keys cannot begin with: aws:");
    }
    if (!tagText.test(key) || !tagText.test(value)) {
      throw validation(
        "One or more parameter values are not valid. Tag keys and values can only contain letters, whitespace, numbers, and the characters + - = . _ : / @",
      );
    }
    seen.add(key);
    out.set(key, value);
  }
  if (out.size > mostTags) throw validation(`Too many tags: ${out.size}. Limit: ${mostTags}`);
  return Object.fromEntries(out);
}
