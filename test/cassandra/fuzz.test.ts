import { connect, type Socket } from "node:net";
import fc from "fast-check";
import { startEngines, type TestEngines } from "keyfold/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { clientOf, contacts } from "./clients.js";

let engines: TestEngines<"cassandra">;
let port: number;
beforeAll(async () => {
  engines = await startEngines({ cassandra: true });
  ({ port } = contacts(engines.cassandra.url));
});
afterAll(() => engines.close());

function send(bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, "127.0.0.1", () => socket.end(bytes));
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
    socket.resume();
    socket.setTimeout(1000, () => socket.destroy());
  });
}

function frame(code: number, body: Uint8Array, flags = 0, version = 4): Buffer {
  const head = Buffer.from([version, flags, 0, 1, code, 0, 0, 0, 0]);
  head.writeUInt32BE(body.length, 5);
  return Buffer.concat([head, body]);
}

const startup = frame(1, Buffer.from("\x00\x01\x00\x0bCQL_VERSION\x00\x053.0.0", "latin1"));

it("answers broken frames with an error or a closed connection, and lives on", async () => {
  const frames = fc.array(
    fc.record({
      code: fc.integer({ min: 0, max: 20 }),
      body: fc.uint8Array({ maxLength: 80 }),
      flags: fc.constantFrom(0, 0, 0, 1, 2, 4, 8, 255),
      version: fc.constantFrom(4, 4, 4, 3, 5, 0x84, 66, 0),
    }),
    { maxLength: 6 },
  );
  await fc.assert(
    fc.asyncProperty(frames, fc.boolean(), async (list, greets) => {
      await send(
        Buffer.concat([
          ...(greets ? [startup] : []),
          ...list.map((each) => frame(each.code, each.body, each.flags, each.version)),
        ]),
      );
    }),
    { numRuns: 150 },
  );
  const client = await clientOf(port, "127.0.0.1");
  expect((await client.execute("SELECT key FROM system.local")).rows).toHaveLength(1);
  await client.shutdown();
});

it("answers statements made of anything with CQL's own errors", async () => {
  const client = await clientOf(port, "127.0.0.1");
  await client.execute("CREATE KEYSPACE f WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
  await client.execute(
    "CREATE TABLE f.t (p int, c text, s int static, l list<int>, m map<text, int>, PRIMARY KEY (p, c))",
  );
  const words = fc.constantFrom(
    ..."SELECT INSERT UPDATE DELETE FROM INTO SET WHERE AND IN IF NOT EXISTS p c s l m f.t * ( ) [ ] { } , = < >= ? : ; 1 -2 0.5 'x' \"y\" null token( max( count(*) as json distinct group by order limit using ttl timestamp 9 contains key allow filtering values begin batch apply create table primary".split(
      " ",
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(words, { minLength: 1, maxLength: 20 }), async (list) => {
      const error = (await client.execute(list.join(" ")).then(
        () => undefined,
        (reason: unknown) => reason,
      )) as { code?: number; message?: string } | undefined;
      if (error === undefined) return;
      expect(error.message).not.toContain("Unexpected error in the embedded engine");
      expect([0x2000, 0x2200, 0x2100, 0x2300, 0x2400, 0x000a]).toContain(error.code);
    }),
    { numRuns: 500 },
  );
  await client.shutdown();
});
