import { expect } from "vitest";
import { startDynamodb } from "../../src/engines/dynamodb/server.js";
import { seededRandom } from "../../src/testing/random.js";
import { call, tableInput } from "./client.js";

// Random writes that change, add and take away the attributes that indexes are made of; after them each index has
// exactly what a plain map of the items says that it should have, in its order.

type Item = { [name: string]: { S?: string; N?: string } };

const text = (value: string) => ({ S: value });

function attributes(random: () => number): Item {
  const item: Item = {};
  if (random() < 0.8) item["group"] = text(`g${Math.floor(random() * 5)}`);
  if (random() < 0.8) item["score"] = { N: String(Math.floor(random() * 2_000 - 1_000) / 10) };
  if (random() < 0.5) item["note"] = text("n".repeat(Math.floor(random() * 20)));
  return item;
}

export async function proveIndexes(writes: number, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const engine = await startDynamodb();
  const ask = async (operation: string, input: object) => {
    const { status, json } = await call(engine.port, operation, input);
    expect(status, `seed ${seed}: ${JSON.stringify(json)}`).toBe(200);
    return json;
  };
  try {
    await ask(
      "CreateTable",
      tableInput("records", {
        AttributeDefinitions: [
          { AttributeName: "pk", AttributeType: "S" },
          { AttributeName: "sk", AttributeType: "S" },
          { AttributeName: "group", AttributeType: "S" },
          { AttributeName: "score", AttributeType: "N" },
        ],
        GlobalSecondaryIndexes: [
          {
            IndexName: "byGroup",
            KeySchema: [
              { AttributeName: "group", KeyType: "HASH" },
              { AttributeName: "score", KeyType: "RANGE" },
            ],
            Projection: { ProjectionType: "ALL" },
          },
          {
            IndexName: "groups",
            KeySchema: [{ AttributeName: "group", KeyType: "HASH" }],
            Projection: { ProjectionType: "KEYS_ONLY" },
          },
        ],
        LocalSecondaryIndexes: [
          {
            IndexName: "byScore",
            KeySchema: [
              { AttributeName: "pk", KeyType: "HASH" },
              { AttributeName: "score", KeyType: "RANGE" },
            ],
            Projection: { ProjectionType: "INCLUDE", NonKeyAttributes: ["note"] },
          },
        ],
      }),
    );
    const oracle = new Map<string, Item>();
    const key = () => ({ pk: text(`p${Math.floor(random() * 10)}`), sk: text(`s${Math.floor(random() * 30)}`) });
    for (let at = 0; at < writes; at += 20) {
      // Twenty at once in a batch, in a transaction, or one by one.
      const chosen = new Map<string, Item>();
      while (chosen.size < 20) {
        const each = key();
        chosen.set(JSON.stringify(each), each);
      }
      const how = random();
      const requests: object[] = [];
      for (const [id, each] of chosen) {
        const gone = random() < 0.2;
        const item: Item = { ...each, kept: text("k"), ...attributes(random) };
        if (gone) oracle.delete(id);
        else oracle.set(id, item);
        if (how < 0.3) requests.push(gone ? { DeleteRequest: { Key: each } } : { PutRequest: { Item: item } });
        else if (how < 0.6) {
          requests.push(
            gone ? { Delete: { TableName: "records", Key: each } } : { Put: { TableName: "records", Item: item } },
          );
        } else if (gone) await ask("DeleteItem", { TableName: "records", Key: each });
        else await ask("UpdateItem", { TableName: "records", Key: each, ...updateTo(item) });
      }
      if (how < 0.3) await ask("BatchWriteItem", { RequestItems: { records: requests } });
      else if (how < 0.6) await ask("TransactWriteItems", { TransactItems: requests });
    }
    const all = [...oracle.values()];
    const order = (items: unknown[]) => items.map((each) => JSON.stringify(each, sortedKeys(each))).sort();
    const scan = async (index?: string) =>
      (await ask("Scan", { TableName: "records", ...(index === undefined ? {} : { IndexName: index }) }))[
        "Items"
      ] as Item[];
    const pick = (names: string[]) => (item: Item) =>
      Object.fromEntries(names.filter((name) => item[name] !== undefined).map((name) => [name, item[name]]));
    expect(order(await scan()), `seed ${seed}`).toEqual(order(all));
    const grouped = all.filter(({ group, score }) => group !== undefined && score !== undefined);
    expect(order(await scan("byGroup")), `seed ${seed}`).toEqual(order(grouped));
    expect(order(await scan("groups")), `seed ${seed}`).toEqual(
      order(all.filter(({ group }) => group !== undefined).map(pick(["pk", "sk", "group"]))),
    );
    expect(order(await scan("byScore")), `seed ${seed}`).toEqual(
      order(all.filter(({ score }) => score !== undefined).map(pick(["pk", "sk", "score", "note"]))),
    );
    for (const name of ["g0", "g1", "g2", "g3", "g4"]) {
      const page = await ask("Query", {
        TableName: "records",
        IndexName: "byGroup",
        KeyConditionExpression: "#g = :g AND score >= :low",
        ExpressionAttributeNames: { "#g": "group" },
        ExpressionAttributeValues: { ":g": text(name), ":low": { N: "-50" } },
      });
      const scores = (page["Items"] as Item[]).map(({ score }) => Number(score?.N));
      const expected = grouped.filter(({ group, score }) => group?.S === name && Number(score?.N) >= -50);
      expect(scores, `seed ${seed}`).toEqual(expected.map(({ score }) => Number(score?.N)).sort((a, b) => a - b));
    }
    const { Table: table } = (await ask("DescribeTable", { TableName: "records" })) as {
      Table: { ItemCount: number; GlobalSecondaryIndexes: { IndexName: string; ItemCount: number }[] };
    };
    expect(table.ItemCount).toBe(all.length);
    expect(table.GlobalSecondaryIndexes.find(({ IndexName }) => IndexName === "byGroup")?.ItemCount).toBe(
      grouped.length,
    );
  } finally {
    await engine.close();
  }
}

/** An update that leaves the item with exactly these attributes; `kept` is there so that there is always one to set. */
function updateTo(item: Item): object {
  const names = ["group", "score", "note"];
  const set = names.filter((name) => item[name] !== undefined);
  const gone = names.filter((name) => item[name] === undefined);
  return {
    UpdateExpression: [
      `SET ${["kept", ...set].map((name) => `#${name} = :${name}`).join(", ")}`,
      ...(gone.length > 0 ? [`REMOVE ${gone.map((name) => `#${name}`).join(", ")}`] : []),
    ].join(" "),
    ExpressionAttributeNames: Object.fromEntries(["kept", ...names].map((name) => [`#${name}`, name])),
    ExpressionAttributeValues: Object.fromEntries(["kept", ...set].map((name) => [`:${name}`, item[name]])),
  };
}

function sortedKeys(value: unknown): string[] {
  const names = new Set<string>();
  JSON.stringify(value, (name, each: unknown) => {
    names.add(name);
    return each;
  });
  return [...names].sort();
}
