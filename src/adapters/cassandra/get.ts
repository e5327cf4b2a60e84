import type { CqlGetPlan } from "../../plan/cassandra/types.js";
import type { Explanation, PageCall, PatternStore, RecordData } from "../port/adapter.js";
import { readMany } from "./read-records.js";
import type { StoredEntity } from "./write.js";

/** A record by its key: served by the entity's store, and only explained here. */
export function getStore(plan: CqlGetPlan, entity: StoredEntity): PatternStore {
  const read = async (params: RecordData, call: PageCall): Promise<readonly RecordData[]> => {
    using deadline = entity.requests.deadline(call);
    const [found] = await readMany([params], entity, call, deadline);
    return found === undefined ? [] : [found.record];
  };
  return {
    page: async (params, call) => ({ rows: await read(params, call), next: undefined }),
    async explain(params, call): Promise<Explanation> {
      const rows = await read(params, call);
      return {
        engine: entity.requests.engine,
        pattern: plan.pattern,
        request: {
          query: entity.home.read.query,
          params: entity.codec.home.key(params, entity.codec.identity(params)),
        },
        index: plan.table,
        keysExamined: undefined,
        documentsExamined: undefined,
        rows: rows.length,
        raw: undefined,
      };
    },
  };
}
