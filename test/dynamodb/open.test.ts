import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { dynamodb, open } from "../../src/adapters/dynamodb/index.js";
import { startDynamodb } from "../../src/engines/dynamodb/server.js";
import { apply } from "../../src/index.js";
import { model } from "../client/shop.js";

let engine: Awaited<ReturnType<typeof startDynamodb>>;
beforeAll(async () => {
  engine = await startDynamodb();
});
afterAll(() => engine.close());
afterEach(() => void vi.unstubAllEnvs());

/** A machine on which nobody has set up AWS. */
function withoutAws(): void {
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"]) vi.stubEnv(name, undefined);
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere");
  vi.stubEnv("AWS_CONFIG_FILE", "/nowhere");
}

it("reaches an engine on this machine where no credentials are set up", async () => {
  withoutAws();
  const { port } = new URL(engine.url);
  const { client, table } = open(`dynamodb://127.0.0.1:${port}/Without`);
  expect(await apply(model, dynamodb(client, { table }))).toMatchObject({ ready: true });
  client.destroy();
});

it("makes up none for another machine, and takes those of the URL and of the environment first", async () => {
  withoutAws();
  const keyOf = async (url: string): Promise<string> => {
    const { client } = open(url);
    return (await client.config.credentials()).accessKeyId;
  };
  await expect(keyOf("dynamodb://db.example:8000/Shop")).rejects.toThrow("credentials");
  expect(await keyOf("dynamodb://me:secret@127.0.0.1:8000/Shop")).toBe("me");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "mine");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
  expect(await keyOf("dynamodb://127.0.0.1:8000/Shop")).toBe("mine");
});
