import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEngines } from "keyfold/testing";
import { expect } from "vitest";
import { seededRandom } from "../../src/testing/random.js";
import { call, tableInput } from "../dynamodb/client.js";

// The embedded DynamoDB is killed with SIGKILL while it is written to, again and again over one folder of data. After
// each restart: what was acknowledged is there, transactions are whole or absent, nothing is there that was not sent,
// the index holds exactly the items that it should, and the counts are right.

type Item = { [name: string]: { S?: string; N?: string } };

/** What the writers know: items by their ids, of single writes and of transactions. */
interface Known {
  /** Whether it was acknowledged, and with which others it was written. */
  readonly group: readonly string[];
  acknowledged: boolean;
}

export interface KillSummary {
  readonly kills: number;
  readonly acknowledged: number;
  readonly transactions: number;
  readonly unknown: number;
}

const table = tableInput("kept", {
  AttributeDefinitions: [
    { AttributeName: "pk", AttributeType: "S" },
    { AttributeName: "sk", AttributeType: "S" },
    { AttributeName: "kind", AttributeType: "S" },
  ],
  GlobalSecondaryIndexes: [
    {
      IndexName: "byKind",
      KeySchema: [
        { AttributeName: "kind", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
      Projection: { ProjectionType: "KEYS_ONLY" },
    },
  ],
});

function itemOf(id: string): Item {
  return {
    pk: { S: `p${Number(id) % 17}` },
    sk: { S: id },
    kind: { S: `k${Number(id) % 3}` },
    text: { S: `text ${id}` },
  };
}

async function everything(port: number, index?: string): Promise<Item[]> {
  const items: Item[] = [];
  let start: unknown;
  do {
    const { status, json } = await call(port, "Scan", {
      TableName: "kept",
      ...(index === undefined ? {} : { IndexName: index }),
      ...(start === undefined ? {} : { ExclusiveStartKey: start }),
    });
    expect(status, JSON.stringify(json)).toBe(200);
    items.push(...(json["Items"] as Item[]));
    start = json["LastEvaluatedKey"];
  } while (start !== undefined);
  return items;
}

/** Kills the engine `kills` times under load; throws where a promise was broken. The seed replays the choices. */
export async function proveDynamodbKills(kills: number, seed: number): Promise<KillSummary> {
  const random = seededRandom(seed);
  const dataDir = await mkdtemp(join(tmpdir(), "keyfold-kill-"));
  const known = new Map<string, Known>();
  let next = 0;
  try {
    for (let round = 0; round <= kills; round++) {
      const engines = await startEngines({ dynamodb: { dataDir }, beside: true });
      const { port } = engines.dynamodb;
      try {
        if (round === 0) expect((await call(port, "CreateTable", table)).status).toBe(200);
        else await verify(port, known, `seed ${seed}, after kill ${round}`);
        if (round === kills) break;
        let running = true;
        const writers = Array.from({ length: 4 }, async () => {
          while (running) {
            const count = random() < 0.5 ? 1 : 2 + Math.floor(random() * 8);
            const group = Array.from({ length: count }, () => String(next++));
            const about: Known = { group, acknowledged: false };
            for (const id of group) known.set(id, about);
            try {
              const { status, json } = await write(port, group);
              expect(status, JSON.stringify(json)).toBe(200);
              about.acknowledged = true;
            } catch (error) {
              if (/closed|ECONN|no answer/.test(String(error))) return;
              throw error;
            }
          }
        });
        await new Promise((resolve) => setTimeout(resolve, 30 + random() * 250));
        process.kill(engines.pid as number, "SIGKILL");
        running = false;
        await Promise.all(writers);
      } finally {
        await engines.close();
      }
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
  const groups = [...new Set(known.values())];
  return {
    kills,
    acknowledged: [...known.values()].filter(({ acknowledged }) => acknowledged).length,
    transactions: groups.filter(({ group, acknowledged }) => acknowledged && group.length > 1).length,
    unknown: groups.filter(({ acknowledged }) => !acknowledged).length,
  };
}

/** One item by itself, or several in a transaction. */
function write(port: number, group: readonly string[]) {
  const [only] = group;
  if (group.length === 1) return call(port, "PutItem", { TableName: "kept", Item: itemOf(only!) });
  const TransactItems = group.map((id) => ({ Put: { TableName: "kept", Item: itemOf(id) } }));
  return call(port, "TransactWriteItems", { TransactItems });
}

async function verify(port: number, known: ReadonlyMap<string, Known>, when: string): Promise<void> {
  const items = await everything(port);
  const ids = new Set(items.map(({ sk }) => sk!.S!));
  expect(ids.size, when).toBe(items.length);
  for (const item of items) {
    expect(known.has(item["sk"]!.S!), `${when}: nobody sent ${item["sk"]!.S}`).toBe(true);
    expect(item, when).toEqual(itemOf(item["sk"]!.S!));
  }
  for (const { group, acknowledged } of new Set(known.values())) {
    const there = group.filter((id) => ids.has(id)).length;
    if (acknowledged) expect(there, `${when}: ${group} was acknowledged`).toBe(group.length);
    else expect([0, group.length], `${when}: ${group} is torn`).toContain(there);
  }
  const indexed = (await everything(port, "byKind")).map(({ sk }) => sk!.S!);
  expect(indexed.sort(), `${when}: index`).toEqual([...ids].sort());
  const { json } = await call(port, "DescribeTable", { TableName: "kept" });
  expect((json["Table"] as { ItemCount: number }).ItemCount, `${when}: count`).toBe(items.length);
}
