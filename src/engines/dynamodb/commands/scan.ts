import { validation } from "../errors.js";
import { boolean, item as itemShape, type Members, string } from "../protocol/shapes.js";
import type { Item } from "../values/attribute-value.js";
import { hashKey } from "../values/key-encoding.js";
import type { Call, Operation, Reply } from "./operation.js";
import {
  checkStartValues,
  conditionsShape,
  filterOf,
  readIndex,
  readThrottled,
  startPlace,
  wanted,
} from "./page-request.js";
import {
  attributesToGet,
  attributesToGetShape,
  bindingsOf,
  capacityShape,
  checkParameters,
  indexNameShape,
  namesShape,
  operatorShape,
  projectionOf,
  selectShape,
  tableNameShape,
  tableOf,
} from "./parameters.js";

const members: Members = {
  Select: selectShape,
  IndexName: indexNameShape,
  TotalSegments: { kind: "integer", min: 1, max: 1_000_000 },
  ReturnConsumedCapacity: capacityShape,
  TableName: tableNameShape,
  ConditionalOperator: operatorShape,
  ScanFilter: conditionsShape,
  Segment: { kind: "integer", min: 0, max: 999_999 },
  Limit: { kind: "integer", min: 1 },
  AttributesToGet: attributesToGetShape,
  ExclusiveStartKey: itemShape,
  ConsistentRead: boolean,
  FilterExpression: string,
  ProjectionExpression: string,
  ExpressionAttributeValues: itemShape,
  ExpressionAttributeNames: namesShape,
};

/** The part of the hashes that a segment of a parallel scan has. */
function segmentBounds(segment: number, total: number): { from: string | undefined; to: string | undefined } {
  const at = (part: number): number => Math.ceil((part * 2 ** 32) / total);
  return {
    from: segment === 0 ? undefined : hashKey(at(segment)),
    to: segment === total - 1 ? undefined : hashKey(at(segment + 1)),
  };
}

function scan(call: Call): Reply {
  const { input, engine } = call;
  checkParameters(
    input,
    ["ProjectionExpression", "FilterExpression"],
    ["AttributesToGet", "ScanFilter", "ConditionalOperator"],
  );
  const start = input["ExclusiveStartKey"] as Item | undefined;
  checkStartValues(start);
  const segment = input["Segment"] as number | undefined;
  const total = input["TotalSegments"] as number | undefined;
  if (segment !== undefined && total === undefined) {
    throw validation(
      "The TotalSegments parameter is required but was not present in the request when Segment parameter is present",
    );
  }
  if (total !== undefined && segment === undefined) {
    throw validation(
      "The Segment parameter is required but was not present in the request when parameter TotalSegments is present",
    );
  }
  if (segment !== undefined && segment >= total!) {
    throw validation(
      `The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: ${segment} is not less than TotalSegments: ${total}`,
    );
  }
  const bindings = bindingsOf(input);
  const filter = filterOf(call, bindings, "ScanFilter");
  const asked = projectionOf(input, bindings) ?? attributesToGet(input);
  bindings.checkUsed();
  const table = tableOf(engine, input["TableName"]);
  const index = readIndex(table, input);
  let { from, to } = segmentBounds(segment ?? 0, total ?? 1);
  if (start !== undefined) {
    const place = `${startPlace(table, index, start)}\x00`;
    if ((from !== undefined && place < from) || (to !== undefined && place >= to)) {
      throw validation(
        "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: " +
          `${total} Segment: ${segment}`,
      );
    }
    from = place;
  }
  const want = wanted(input, index, asked, filter.heads);
  return readThrottled(
    call,
    {
      table,
      index,
      from,
      to,
      reverse: false,
      limit: input["Limit"] as number | undefined,
      filter: filter.test,
      ...want,
      strong: input["ConsistentRead"] === true,
    },
    undefined,
  );
}

export const scanOperation: Operation = {
  name: "Scan",
  summary: "reads all items of a table or an index, in several segments at once where wanted",
  supported: true,
  members,
  run: scan,
};
