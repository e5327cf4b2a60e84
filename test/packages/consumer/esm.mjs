import assert from "node:assert/strict";
import { defineModel, entity, get } from "keyfold";
import { mongodb } from "keyfold/mongodb";
import { startEngines } from "keyfold/testing";
import { MongoClient } from "mongodb";

assert.equal(typeof defineModel, "function");
assert.equal(typeof entity, "function");
assert.equal(typeof get, "function");
assert.equal(typeof mongodb, "function");

for (const beside of [false, true]) {
  const engines = await startEngines({ mongodb: true, beside });
  const client = new MongoClient(engines.mongodb.url);
  await client.db("shop").collection("line").insertOne({ seq: 1 });
  assert.equal(await client.db("shop").collection("line").countDocuments({}), 1);
  await engines.reset();
  assert.equal(await client.db("shop").collection("line").countDocuments({}), 0);
  assert.equal(engines.pid === undefined, !beside);
  await client.close();
  await engines.close();
}
console.log("esm ok");
