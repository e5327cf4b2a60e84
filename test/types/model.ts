/** The model that the type tests use: flat and nested fields, one and several key fields, every kind of pattern. */
import { z } from "zod";
import {
  bytes,
  day,
  decimal,
  defineModel,
  embed,
  entity,
  get,
  hour,
  list,
  month,
  rank,
  search,
  together,
  top,
} from "../../src/index.js";

export const item = entity("item", {
  schema: z.object({ sku: z.string(), quantity: z.int(), note: z.string().default("") }),
  key: ["sku"],
});
export const line = entity("line", {
  schema: z.object({
    seq: z.int(),
    invoiceNo: z.string(),
    stockCode: z.string(),
    description: z.string().optional(),
    quantity: z.int(),
    unitPrice: decimal(3),
    total: decimal(3),
    at: z.date(),
    customerId: z.string().optional(),
    country: z.string(),
    address: z.object({ city: z.string(), geo: z.object({ lat: z.number(), lon: z.number() }) }).optional(),
    tags: z.array(z.string()).max(20).default([]),
    items: embed(item, { max: 50 }).default([]),
    photo: bytes().optional(),
    views: z.int64().default(0n),
  }),
  key: ["seq"],
});
export const device = entity("device", {
  schema: z.object({
    tenant: z.string(),
    id: z.uuid(),
    at: z.date(),
    score: z.number(),
    serial: z.string().optional(),
  }),
  key: ["tenant", "id"],
  unique: [["serial"]],
});

export const customer = entity("customer", {
  schema: z.object({ customerId: z.string(), name: z.string() }),
  key: ["customerId"],
});
export const order = entity("order", {
  schema: z.object({ customerId: z.string(), orderId: z.int(), total: decimal(2) }),
  key: ["customerId", "orderId"],
});

export default defineModel({
  entities: { line, device, customer, order },
  patterns: {
    lineBySeq: get(line, { consistency: "strong" }),
    deviceById: get(device),
    customerFile: together([customer, order], { by: ["customerId"] }),
    devicesOfTenant: list(device, { by: ["tenant"], order: { id: "asc" } }),
    linesByCustomer: list(line, { by: ["customerId"], order: { at: "desc", seq: "desc" } }),
    lineNames: list(line, { by: ["customerId"], order: { at: "desc" }, select: ["seq", "description", "items"] }),
    lineTotal: get(line, { select: ["total"] }),
    linesByDay: list(line, { by: [day("at")], order: { at: "desc", seq: "desc" }, consistency: "eventual" }),
    linesByHour: list(line, { by: ["country", hour("at")] }),
    linesByCity: list(line, { by: ["address.city"], range: "at", where: { "address.geo.lat": { gt: 0 } } }),
    linesByCountry: list(line, { by: ["country"], range: month("at") }),
    topCustomers: top(line, {
      by: "customerId",
      sum: "total",
      where: { quantity: { gt: 0 } },
      range: day("at"),
      consistency: "eventual",
    }),
    lineRank: rank(line, { by: ["country", month("at")], order: { total: "desc" } }),
    topCountries: top(line, { by: "country", range: "at" }),
    searchLines: search(line, {
      text: ["description"],
      filter: ["country"],
      facets: ["country"],
      consistency: "eventual",
    }),
  },
  workload: {
    line: {
      records: 500_000_000,
      bytes: 220,
      writesPerSecond: 800,
      hottestKeyShare: 0.02,
      distinct: { customerId: 4_000 },
    },
    linesByCustomer: { readsPerSecond: 3_000 },
  },
});
