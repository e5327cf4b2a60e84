import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startLaggingCopy } from "../../examples/consistency/lagging-copy.js";

// One process writes, another reads from a copy that is behind. Both are real processes on the built package.
let passOn: () => void = () => {};
/** What the copy waits for before it takes a write over. */
let held: Promise<void> = Promise.resolve();
let servers: Awaited<ReturnType<typeof startLaggingCopy>>;
beforeAll(async () => {
  servers = await startLaggingCopy(() => held);
});
afterAll(() => {
  passOn();
  return servers?.stop();
});

const shared = `
  import { apply, connect, defineModel, entity, get } from "keyfold";
  import { mongodb, open } from "keyfold/mongodb";
  import { z } from "zod";
  const visit = entity("visit", { schema: z.object({ id: z.string(), count: z.int() }), key: ["id"] });
  const model = defineModel({ entities: { visit }, patterns: { visitById: get(visit) } });
  const [url, id, token] = process.argv.slice(1);
  const client = open(url);
  const adapter = mongodb(client.db("shop"));
  const shop = connect(model, adapter);
`;
const end = "await shop.$close(); await client.close();";
const writer = `${shared}
  await apply(model, adapter);
  const session = shop.$session();
  await session.visit.insert({ id, count: 7 });
  console.log(JSON.stringify(session.$token()));
  ${end}`;
const reader = `${shared}
  const session = token === undefined ? shop : shop.$session(token);
  console.log(JSON.stringify((await session.visit.get({ id }))?.count ?? null));
  ${end}`;

async function run(script: string, ...args: string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script, ...args]);
  return JSON.parse(stdout);
}

test("another process continues the session by its token; without the token it reads the past", async () => {
  // The design reaches the copy first: what lags afterwards is the record.
  await run(writer, servers.primaryUrl, "first");
  expect(await run(reader, servers.copyUrl, "first")).toBe(7);
  held = new Promise((resolve) => {
    passOn = resolve;
  });
  const token = (await run(writer, servers.primaryUrl, "second")) as string;
  expect(await run(reader, servers.copyUrl, "second")).toBeNull();
  const withToken = run(reader, servers.copyUrl, "second", token);
  setTimeout(passOn, 500);
  expect(await withToken).toBe(7);
}, 120_000);
