// A package of somebody else's that exports a model and a client, and emits declarations.
import { connect, day, decimal, defineModel, entity, get, list, top } from "keyfold";
import { mongodb } from "keyfold/mongodb";
import { MongoClient } from "mongodb";
import { z } from "zod";

export const line = entity("line", {
  schema: z.object({ seq: z.int(), customerId: z.string().optional(), total: decimal(3), at: z.date() }),
  key: ["seq"],
});

export const model = defineModel({
  entities: { line },
  patterns: {
    lineBySeq: get(line),
    linesByCustomer: list(line, { by: ["customerId"], order: { at: "desc", seq: "desc" } }),
    topCustomers: top(line, { by: "customerId", sum: "total", range: day("at"), consistency: "eventual" }),
  },
});

export const shop = connect(model, mongodb(new MongoClient("mongodb://127.0.0.1:1").db("shop")));

export async function latest(customerId: string) {
  return shop.linesByCustomer({ customerId }, { limit: 5 });
}
