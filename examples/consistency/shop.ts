// What the examples share: a small model, and an embedded engine with its design applied.
import { apply, decimal, defineModel, entity, get, list } from "keyfold";
import { mongodb } from "keyfold/mongodb";
import { startEngines } from "keyfold/testing";
import { MongoClient } from "mongodb";
import { z } from "zod";

const account = entity("account", {
  schema: z.object({ id: z.string(), owner: z.string(), visits: z.int(), balance: decimal(2) }),
  key: ["id"],
});

export const model = defineModel({
  entities: { account },
  patterns: {
    accountById: get(account, { consistency: "strong" }),
    accountsByOwner: list(account, { by: ["owner"], order: { id: "asc" } }),
  },
});

/** An engine with the model's collections in it, the driver's client, and an end for both. */
export async function start() {
  const engines = await startEngines({ mongodb: true });
  const client = new MongoClient(engines.mongodb.url, { monitorCommands: true });
  let asked: Record<string, unknown> = {};
  client.on("commandStarted", ({ commandName, command }) => {
    if (commandName === "find" || commandName === "aggregate") asked = command;
  });
  const adapter = mongodb(client.db("shop"));
  await apply(model, adapter);
  return {
    engines,
    client,
    adapter,
    /** The last question as the driver sent it. */
    asked: () => asked,
    async stop() {
      await client.close();
      await engines.close();
    },
  };
}
