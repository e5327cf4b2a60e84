import type { CapabilityData } from "../types.js";

/** What MongoDB serves, as data; the type beside it is `MongoDB` in adapters/port. A linearizable read names one document. */
export const mongodbCapability: CapabilityData = {
  engine: "mongodb",
  serves: {
    get: ["strong", "session", "bounded", "eventual"],
    listByKey: ["session", "bounded", "eventual"],
    list: ["session", "bounded", "eventual"],
    top: ["session", "bounded", "eventual"],
  },
  expires: true,
};
