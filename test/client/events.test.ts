import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterEach, expect, test } from "vitest";
import { makeLine, useServer } from "./shop.js";

const server = useServer();
const watched: [string, (message: unknown) => void][] = [];
afterEach(() => {
  for (const [name, listener] of watched.splice(0)) unsubscribe(name, listener);
});

/** Collects the finished events of a channel. */
function collect(channel: "request" | "call"): Record<string, unknown>[] {
  const events: Record<string, unknown>[] = [];
  const name = `tracing:keyfold:${channel}:asyncEnd`;
  const listener = (message: unknown) => {
    const event = { ...(message as Record<string, unknown>) };
    // The first request of a client asks what the server is.
    if (event["db.operation.name"] !== "hello") events.push(event);
  };
  subscribe(name, listener);
  watched.push([name, listener]);
  return events;
}

test("requests are seen from outside, with OpenTelemetry's names", async () => {
  const { shop, db } = await server.shop();
  await shop.$ready;
  const events = collect("request");
  await shop.line.insertMany([makeLine(1), makeLine(2)]);
  await shop.line.get({ seq: 1 });
  expect(events).toHaveLength(2);
  const common = { "db.system.name": "mongodb", "db.namespace": db.databaseName, "db.collection.name": "line" };
  expect(events[0]).toMatchObject({
    ...common,
    "db.operation.name": "insert",
    "db.operation.batch.size": 2,
    "keyfold.attempt": 1,
  });
  expect(events[1]).toMatchObject({ ...common, "db.operation.name": "find", "keyfold.attempt": 1 });
  expect(events[1]).not.toHaveProperty("error.type");
});

test("a request that the server refuses says with which code", async () => {
  const { shop, db } = await server.shop();
  await shop.$ready;
  await db.collection("line").dropIndexes();
  const events = collect("request");
  await shop.linesByCustomer({ customerId: "1" }).catch(() => {});
  expect(events[0]).toMatchObject({
    "db.operation.name": "find",
    "db.response.status_code": "2",
    "error.type": "DESIGN_MISSING",
  });
});

test("calls are seen with their pattern, level, rows and error", async () => {
  const { shop } = await server.shop();
  await shop.$ready;
  const events = collect("call");
  await shop.line.insert(makeLine(1));
  await shop.linesByInvoice({ invoiceNo: makeLine(1).invoiceNo });
  await shop.line.insert({ ...makeLine(2), quantity: 1.5 }).catch(() => {});
  expect(events).toHaveLength(3);
  expect(events[0]).toMatchObject({ "db.system.name": "mongodb", "db.query.summary": "line.insert" });
  expect(events[1]).toMatchObject({
    "db.query.summary": "linesByInvoice",
    "keyfold.consistency": "eventual",
    "db.response.returned_rows": 1,
  });
  expect(events[2]).toMatchObject({ "db.query.summary": "line.insert", "error.type": "INPUT_INVALID" });
});
