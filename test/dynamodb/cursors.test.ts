import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { dynamodb, open } from "../../src/adapters/dynamodb/index.js";
import { apply, connect, defineModel, entity, list } from "../../src/index.js";
import { seededRandom } from "../../src/testing/random.js";
import { dynamodbUrl, stopDynamodb } from "../client/engines.js";
import { codeOf, freshName } from "../client/shop.js";

afterAll(() => stopDynamodb());

const item = entity("item", { schema: z.object({ group: z.string(), id: z.int() }), key: ["group", "id"] });
const model = defineModel({ entities: { item }, patterns: { items: list(item, { by: ["group"] }) } });

test("10,000 altered cursors are all rejected", async () => {
  const { client } = open(await dynamodbUrl("none"));
  const adapter = dynamodb(client, { table: freshName() });
  await apply(model, adapter);
  const shop = connect(model, adapter);
  await shop.item.insertMany(Array.from({ length: 20 }, (_, id) => ({ group: "g", id })));
  const { cursor } = await shop.items({ group: "g" }, { limit: 5 });
  const given = cursor as string;
  const random = seededRandom(3);
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const letter = (): string => letters[Math.floor(random() * letters.length)] as string;
  let accepted = 0;
  for (let run = 0; run < 10_000; run++) {
    const at = Math.floor(random() * given.length);
    const kind = run % 4;
    const altered =
      kind === 0
        ? given.slice(0, at) + letter() + given.slice(at + 1)
        : kind === 1
          ? given.slice(0, at) + letter() + given.slice(at)
          : kind === 2
            ? given.slice(0, at) + given.slice(at + 1 + Math.floor(random() * 4))
            : Array.from({ length: given.length }, letter).join("");
    if (altered === given) continue;
    if ((await codeOf(shop.items({ group: "g" }, { cursor: altered }))) !== "CURSOR_INVALID") accepted++;
  }
  expect(accepted).toBe(0);
  expect((await shop.items({ group: "g" }, { cursor: given })).items[0]).toEqual({ group: "g", id: 5 });
  client.destroy();
});
