const assert = require("node:assert/strict");
const { MongoClient } = require("mongodb");
const keyfold = require("keyfold");
const { mongodb } = require("keyfold/mongodb");
const { startEngines } = require("keyfold/testing");

async function main() {
  assert.equal(typeof keyfold.defineModel, "function");
  assert.equal(typeof mongodb, "function");
  const engines = await startEngines({ mongodb: true });
  const client = new MongoClient(engines.mongodb.url);
  assert.equal((await client.db("admin").command({ ping: 1 })).ok, 1);
  await client.close();
  await engines.close();
  console.log("cjs ok");
}

main();
