/** The URL of Cassandra and ScyllaDB, and the client that it makes. */

import type { ClientOptions } from "cassandra-driver";
import { expect, test } from "vitest";
import { open } from "../../src/adapters/cassandra/index.js";
import { codeOf } from "./shop.js";

const settings = (url: string): ClientOptions => (open(url).client as unknown as { options: ClientOptions }).options;

test("tls=true checks the server's certificate", () => {
  expect(settings("cassandra://127.0.0.1:9042/shop?tls=true").sslOptions).toMatchObject({ rejectUnauthorized: true });
  expect(settings("cassandra://127.0.0.1:9042/shop?tls=false").sslOptions).toBeUndefined();
  expect(settings("scylladb://127.0.0.1:9042/shop").sslOptions).toBeUndefined();
});

test.each(["yes", "1", "TRUE", ""])("tls=%s is refused: it would be plain text", async (value) => {
  const opened = async () => open(`cassandra://127.0.0.1:9042/shop?tls=${value}`);
  expect(await codeOf(opened())).toBe("INPUT_INVALID");
});
