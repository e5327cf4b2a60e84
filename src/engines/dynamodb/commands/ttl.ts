import { fillExpiries } from "../data/backfill.js";
import { validation } from "../errors.js";
import { andThen, type Call, type Operation, type Reply } from "./operation.js";
import { namedTable } from "./parameters.js";

const tableName = { kind: "string", required: true, min: 1, max: 1024 } as const;

interface Specification {
  readonly AttributeName: string;
  readonly Enabled: boolean;
}

function updateTimeToLive(call: Call): Reply | Promise<Reply> {
  const { engine, input } = call;
  const { catalog } = engine;
  const specification = input["TimeToLiveSpecification"] as Specification;
  const { AttributeName: attribute, Enabled: enabled } = specification;
  const table = namedTable(call);
  const { ttl } = table.definition;
  if (enabled && ttl !== undefined) {
    throw validation(
      ttl.attribute === attribute
        ? "TimeToLive is already enabled"
        : `TimeToLive is active on a different AttributeName: current AttributeName is ${ttl.attribute}`,
    );
  }
  if (!enabled && ttl === undefined) throw validation("TimeToLive is already disabled");
  if (!enabled && ttl!.attribute !== attribute) {
    throw validation(`TimeToLive is active on a different AttributeName: current AttributeName is ${ttl!.attribute}`);
  }
  const done = catalog.write(() => {
    const { ttl: _, ...rest } = table.definition;
    if (enabled) catalog.change(table, { ttl: { attribute, tree: catalog.newTree(), filling: true } });
    else catalog.replace(table, rest);
  });
  return andThen(done, () => {
    if (enabled) fillExpiries(catalog, table);
    return { TimeToLiveSpecification: specification };
  });
}

function describeTimeToLive(call: Call): Reply {
  const { ttl } = namedTable(call).definition;
  return {
    TimeToLiveDescription:
      ttl === undefined
        ? { TimeToLiveStatus: "DISABLED" }
        : { TimeToLiveStatus: "ENABLED", AttributeName: ttl.attribute },
  };
}

export const ttlOperations: readonly Operation[] = [
  {
    name: "UpdateTimeToLive",
    summary:
      "lets items expire at the time that an attribute tells, or stops it; at once, without the hour that AWS takes",
    supported: true,
    members: {
      TableName: tableName,
      TimeToLiveSpecification: {
        kind: "structure",
        name: "TimeToLiveSpecification",
        required: true,
        members: {
          AttributeName: { kind: "string", required: true, min: 1, max: 255 },
          Enabled: { kind: "boolean", required: true },
        },
      },
    },
    run: updateTimeToLive,
  },
  {
    name: "DescribeTimeToLive",
    summary: "tells whether items of a table expire",
    supported: true,
    members: { TableName: tableName },
    run: describeTimeToLive,
  },
];
