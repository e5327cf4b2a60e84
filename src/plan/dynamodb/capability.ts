import type { CapabilityData } from "../types.js";

/**
 * What DynamoDB serves, as data; the type beside it is `DynamoDB` in adapters/port. Every level but `eventual` is a
 * strongly consistent read, which only a table's own key can answer: what is declared stronger than `eventual` and
 * needs another key is read from copies that are written in the same transaction. A `top` is summed over several
 * requests, so that it is no single moment's answer.
 */
export const dynamodbCapability: CapabilityData = {
  engine: "dynamodb",
  serves: {
    get: ["strong", "session", "bounded", "eventual"],
    listByKey: ["strong", "session", "bounded", "eventual"],
    list: ["strong", "session", "bounded", "eventual"],
    together: ["strong", "session", "bounded", "eventual"],
    top: ["session", "bounded", "eventual"],
  },
  expires: true,
};
