import { CreateTableCommand, type DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import {
  $add,
  DeleteItemCommand,
  Entity,
  GetItemCommand,
  item,
  number,
  PutItemCommand,
  QueryCommand,
  string,
  Table,
  UpdateItemCommand,
} from "dynamodb-toolbox";
import { Entity as ElectroEntity, Service } from "electrodb";
import { startEngines } from "keyfold/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { clientOf } from "../dynamodb/client.js";

// The two libraries that people design single tables with, on the embedded engine as they are: the examples of their
// own documentation.

let engines: Awaited<ReturnType<typeof startEngines<{ dynamodb: true }>>>;
let client: DynamoDBClient;

beforeAll(async () => {
  engines = await startEngines({ dynamodb: true });
  client = clientOf(engines.dynamodb.url);
});
beforeEach(async () => {
  await engines.reset();
  const names = ["pk", "sk", "gsi1pk", "gsi1sk"];
  await client.send(
    new CreateTableCommand({
      TableName: "app",
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: names.map((AttributeName) => ({ AttributeName, AttributeType: "S" as const })),
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
      GlobalSecondaryIndexes: [
        {
          IndexName: "gsi1pk-gsi1sk-index",
          KeySchema: [
            { AttributeName: "gsi1pk", KeyType: "HASH" },
            { AttributeName: "gsi1sk", KeyType: "RANGE" },
          ],
          Projection: { ProjectionType: "ALL" },
        },
      ],
    }),
  );
});
afterAll(async () => {
  client.destroy();
  await engines.close();
});

describe("ElectroDB", () => {
  function taskApp() {
    const employees = new ElectroEntity(
      {
        model: { entity: "employee", version: "1", service: "taskapp" },
        attributes: {
          employeeId: { type: "string", required: true },
          team: { type: "string", required: true },
          salary: { type: "number", required: true },
          title: { type: ["engineer", "manager"] as const },
          skills: { type: "set", items: "string" },
        },
        indexes: {
          employee: { pk: { field: "pk", composite: ["employeeId"] }, sk: { field: "sk", composite: [] } },
          coworkers: {
            index: "gsi1pk-gsi1sk-index",
            collection: "workplaces",
            pk: { field: "gsi1pk", composite: ["team"] },
            sk: { field: "gsi1sk", composite: ["employeeId"] },
          },
        },
      },
      { client, table: "app" },
    );
    const tasks = new ElectroEntity(
      {
        model: { entity: "task", version: "1", service: "taskapp" },
        attributes: {
          taskId: { type: "string", required: true },
          team: { type: "string", required: true },
          points: { type: "number", default: 1 },
        },
        indexes: {
          task: { pk: { field: "pk", composite: ["taskId"] }, sk: { field: "sk", composite: [] } },
          assigned: {
            index: "gsi1pk-gsi1sk-index",
            collection: "workplaces",
            pk: { field: "gsi1pk", composite: ["team"] },
            sk: { field: "gsi1sk", composite: ["taskId"] },
          },
        },
      },
      { client, table: "app" },
    );
    return new Service({ employees, tasks });
  }

  it("creates, patches, and reads a collection of several entities", async () => {
    const app = taskApp();
    const { employees, tasks } = app.entities;
    const employee = { employeeId: "e1", team: "jupiter", salary: 100, title: "engineer", skills: ["a", "b"] } as const;
    await employees.create({ ...employee, skills: [...employee.skills] }).go();
    await expect(employees.create({ ...employee, skills: ["a"] }).go()).rejects.toThrow("conditional request failed");
    await employees
      .patch({ employeeId: "e1" })
      .add({ salary: 20, skills: ["c"] })
      .go();
    expect((await employees.get({ employeeId: "e1" }).go()).data).toEqual({
      ...employee,
      salary: 120,
      skills: ["a", "b", "c"],
    });
    await tasks.put(Array.from({ length: 60 }, (_, i) => ({ taskId: `t${i}`, team: "jupiter", points: i }))).go();
    const { data } = await app.collections.workplaces({ team: "jupiter" }).go({ pages: "all" });
    expect(data.employees).toHaveLength(1);
    expect(data.tasks).toHaveLength(60);
    const many = await tasks.query
      .assigned({ team: "jupiter" })
      .where(({ points }, { gte }) => gte(points, 50))
      .go();
    expect(many.data.map(({ points }) => points).sort((a, b) => (a ?? 0) - (b ?? 0))).toEqual([
      50, 51, 52, 53, 54, 55, 56, 57, 58, 59,
    ]);
  });

  it("writes transactions", async () => {
    const app = taskApp();
    const { canceled } = await app.transaction
      .write(({ employees, tasks }) => [
        employees.create({ employeeId: "e9", team: "mars", salary: 1 }).commit(),
        tasks.create({ taskId: "t9", team: "mars" }).commit(),
      ])
      .go();
    expect(canceled).toBe(false);
    const again = await app.transaction
      .write(({ employees, tasks }) => [
        tasks.create({ taskId: "t10", team: "mars" }).commit(),
        employees.create({ employeeId: "e9", team: "mars", salary: 1 }).commit(),
      ])
      .go();
    expect(again.canceled).toBe(true);
    expect(again.data.map(({ code }) => code)).toEqual(["None", "ConditionalCheckFailed"]);
  });
});

it("DynamoDB-Toolbox puts, reads, updates, queries and deletes", async () => {
  const table = new Table({
    documentClient: DynamoDBDocumentClient.from(client),
    name: "app",
    partitionKey: { name: "pk", type: "string" },
    sortKey: { name: "sk", type: "string" },
  });
  const pokemons = new Entity({
    name: "Pokemon",
    table,
    schema: item({
      pk: string().key(),
      sk: string().key(),
      level: number().default(1),
      kind: string().enum("fire", "water").optional(),
    }),
  });
  for (let at = 0; at < 5; at++) {
    await pokemons
      .build(PutItemCommand)
      .item({ pk: "kanto", sk: `p${at}`, kind: at % 2 === 0 ? "fire" : "water" })
      .send();
  }
  await pokemons
    .build(UpdateItemCommand)
    .item({ pk: "kanto", sk: "p1", level: $add(4) })
    .send();
  const { Item } = await pokemons.build(GetItemCommand).key({ pk: "kanto", sk: "p1" }).send();
  expect(Item).toMatchObject({ level: 5, kind: "water" });
  const { Items } = await table
    .build(QueryCommand)
    .entities(pokemons)
    .query({ partition: "kanto", range: { gte: "p1" } })
    .options({ filters: { Pokemon: { attr: "kind", eq: "fire" } } })
    .send();
  expect(Items?.map(({ sk }) => sk)).toEqual(["p2", "p4"]);
  const guarded = pokemons
    .build(DeleteItemCommand)
    .key({ pk: "kanto", sk: "p1" })
    .options({ condition: { attr: "level", gt: 5 } });
  await expect(guarded.send()).rejects.toThrow("conditional request failed");
});
