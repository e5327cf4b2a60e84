const { MongoClient } = require("mongodb");
const { attachEngines } = require("keyfold/testing/attach");

let engines;
let client;

beforeAll(async () => {
  engines = await attachEngines();
  client = new MongoClient(process.env.KEYFOLD_MONGODB_URL);
});
beforeEach(() => engines.reset());
afterAll(async () => {
  await client.close();
  await engines.close();
});

const lines = () => client.db("shop").collection("line");

test.each([1, 2])("data is gone between tests (%i)", async () => {
  expect(await lines().countDocuments()).toBe(0);
  await lines().insertOne({ _id: 1 });
});

test("a fault reaches the engine", async () => {
  const fault = await engines.faults.inject({ command: "find", fault: { kind: "error", code: 50, message: "slow" } });
  await expect(lines().findOne({})).rejects.toMatchObject({ code: 50 });
  expect(await fault.hits()).toBe(1);
});
