// The operations of the unified test format, as calls of the official driver.
import assert from "node:assert/strict";

/** Thrown for what this runner has not got; the test counts as skipped, with this reason. */
export class NotSupported extends Error {}

const lowerReturn = ({ returnDocument, ...rest }) =>
  returnDocument === undefined ? rest : { ...rest, returnDocument: returnDocument.toLowerCase() };

/** Reads a cursor to its end, and closes it whatever happens. */
async function all(cursor) {
  try {
    return await cursor.toArray();
  } finally {
    await cursor.close();
  }
}

const collection = {
  aggregate: (on, { pipeline, ...options }) => all(on.aggregate(pipeline, options)),
  bulkWrite: (on, { requests, ...options }) => on.bulkWrite(requests, options),
  count: (on, { filter, ...options }) => on.count(filter, options),
  countDocuments: (on, { filter, ...options }) => on.countDocuments(filter, options),
  createFindCursor: async (on, { filter, ...options }) => {
    const cursor = on.find(filter, options);
    await cursor.hasNext(); // the format wants the first request sent now
    return cursor;
  },
  createIndex: (on, { keys, ...options }) => on.createIndex(keys, options),
  deleteMany: (on, { filter, ...options }) => on.deleteMany(filter, options),
  deleteOne: (on, { filter, ...options }) => on.deleteOne(filter, options),
  distinct: (on, { fieldName, filter, ...options }) => on.distinct(fieldName, filter, options),
  dropIndex: (on, { name, ...options }) => on.dropIndex(name, options),
  dropIndexes: (on, options) => on.dropIndexes(options),
  estimatedDocumentCount: (on, options) => on.estimatedDocumentCount(options),
  find: (on, { filter, ...options }) => all(on.find(filter, options)),
  findOne: (on, { filter, ...options }) => on.findOne(filter, options),
  findOneAndDelete: (on, { filter, ...options }) => on.findOneAndDelete(filter, options),
  findOneAndReplace: (on, { filter, replacement, ...options }) =>
    on.findOneAndReplace(filter, replacement, lowerReturn(options)),
  findOneAndUpdate: (on, { filter, update, ...options }) => on.findOneAndUpdate(filter, update, lowerReturn(options)),
  insertMany: (on, { documents, ...options }) => on.insertMany(documents, options),
  insertOne: (on, { document, ...options }) => on.insertOne(document, options),
  listIndexes: (on, options) => all(on.listIndexes(options)),
  listIndexNames: async (on, options) => (await all(on.listIndexes(options))).map(({ name }) => name),
  rename: (on, { to, ...options }) => on.rename(to, options),
  replaceOne: (on, { filter, replacement, ...options }) => on.replaceOne(filter, replacement, options),
  updateMany: (on, { filter, update, ...options }) => on.updateMany(filter, update, options),
  updateOne: (on, { filter, update, ...options }) => on.updateOne(filter, update, options),
};

const database = {
  aggregate: (on, { pipeline, ...options }) => all(on.aggregate(pipeline, options)),
  createCollection: (on, { collection: name, ...options }) => on.createCollection(name, options),
  createCommandCursor: async (on, { command, commandName: _, cursorType, ...options }) => {
    if (cursorType !== undefined) throw new NotSupported("a cursor type for runCursorCommand");
    const cursor = on.runCursorCommand(command, options);
    await cursor.hasNext();
    return cursor;
  },
  dropCollection: async (on, { collection: name, ...options }) => on.dropCollection(name, options),
  listCollectionNames: async (on, { filter, ...options }) =>
    (await all(on.listCollections(filter, { ...options, nameOnly: true }))).map(({ name }) => name),
  listCollectionObjects: (on, { filter, ...options }) => all(on.listCollections(filter, options)),
  listCollections: (on, { filter, ...options }) => all(on.listCollections(filter, options)),
  modifyCollection: (on, { collection: collMod, ...rest }) => on.command({ collMod, ...rest }),
  runCommand: (on, { command, commandName: _, session, readPreference, timeoutMS }) =>
    on.command(command, defined({ session, readPreference, timeoutMS })),
  runCursorCommand: (on, { command, commandName: _, batchSize, maxTimeMS, comment, ...options }) => {
    const cursor = on.runCursorCommand(command, options);
    if (batchSize !== undefined) cursor.setBatchSize(batchSize);
    if (maxTimeMS !== undefined) cursor.setMaxTimeMS(maxTimeMS);
    if (comment !== undefined) cursor.setComment(comment);
    return all(cursor);
  },
};

const client = {
  close: (on) => on.close(),
  listDatabaseNames: async (on, { filter, ...options }) =>
    (
      await on
        .db()
        .admin()
        .listDatabases({ ...options, ...defined({ filter }), nameOnly: true })
    ).databases.map(({ name }) => name),
  listDatabaseObjects: async (on, options) => (await on.db().admin().listDatabases(options)).databases,
  listDatabases: async (on, options) => (await on.db().admin().listDatabases(options)).databases,
};

const session = {
  endSession: (on) => on.endSession(),
};

const cursor = {
  close: (on) => on.close(),
  iterateOnce: (on) => on.tryNext(),
  iterateUntilDocumentOrError: (on) => on.next(),
};

/** The two last commands that a client sent, for the assertions on their sessions. */
const lastTwo = (runner, name) => {
  const sent = runner.events(name).filter(({ type }) => type === "commandStartedEvent");
  assert.ok(sent.length >= 2, "fewer than two commands were sent");
  return sent.slice(-2).map(({ event }) => event.command.lsid);
};

/** Operations of the runner itself: faults, assertions, waiting. */
const testRunner = {
  assertCollectionExists: async (runner, { databaseName, collectionName }) =>
    assert.ok(await runner.collectionExists(databaseName, collectionName), `${collectionName} is not there`),
  assertCollectionNotExists: async (runner, { databaseName, collectionName }) =>
    assert.ok(!(await runner.collectionExists(databaseName, collectionName)), `${collectionName} is there`),
  assertDifferentLsidOnLastTwoCommands: async (runner, { client: name }) =>
    assert.notDeepEqual(...lastTwo(runner, name)),
  assertIndexExists: async (runner, { databaseName, collectionName, indexName }) =>
    assert.ok(await runner.indexExists(databaseName, collectionName, indexName), `index ${indexName} is not there`),
  assertIndexNotExists: async (runner, { databaseName, collectionName, indexName }) =>
    assert.ok(!(await runner.indexExists(databaseName, collectionName, indexName)), `index ${indexName} is there`),
  assertSameLsidOnLastTwoCommands: async (runner, { client: name }) => assert.deepEqual(...lastTwo(runner, name)),
  assertSessionDirty: async (_, { session: on }) => assert.equal(on.serverSession.isDirty, true),
  assertSessionNotDirty: async (_, { session: on }) => assert.equal(on.serverSession.isDirty, false),
  createEntities: (runner, { entities }) => runner.createEntities(entities),
  failPoint: (runner, { failPoint }) => runner.failPoint(failPoint),
  wait: (_, { ms }) => new Promise((resolve) => setTimeout(resolve, ms)),
};

const tables = { collection, database, client, session, cursor, testRunner };

function defined(options) {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** Runs one operation on an entity of a kind. */
export async function runOperation(kind, name, on, args) {
  const run = tables[kind]?.[name];
  if (run === undefined) throw new NotSupported(`operation ${kind}.${name}`);
  return run(on, args);
}
