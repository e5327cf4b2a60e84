import type { CapabilityData } from "../types.js";

/**
 * What Redis serves, as data; the type beside it is `Redis` in adapters/port. Never "strong": replication is asynchronous,
 * and a failover may lose what was acknowledged.
 */
export const redisCapability: CapabilityData = {
  engine: "redis",
  serves: {
    get: ["session", "bounded", "eventual"],
    listByKey: ["session", "bounded", "eventual"],
    list: ["session", "bounded", "eventual"],
    rank: ["session", "bounded", "eventual"],
    top: ["session", "bounded", "eventual"],
  },
  expires: true,
};
