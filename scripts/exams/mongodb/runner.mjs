// A runner for files of the unified test format, on the official Node driver.
// https://github.com/mongodb/specifications/blob/master/source/unified-test-format/unified-test-format.md
import { MongoClient, WriteConcern } from "mongodb";
import { faultsOf } from "./fail-point.mjs";
import { Mismatch, match } from "./match.mjs";
import { NotSupported, runOperation } from "./operations.mjs";

/** Commands that the format leaves out of the observed events: handshake and authentication. */
const sensitive = new Set(
  "authenticate saslstart saslcontinue getnonce createuser updateuser copydbgetnonce copydbsaslstart copydb hello ismaster".split(
    " ",
  ),
);

const hellos = new Set(["hello", "ismaster"]);

const observed = {
  commandStartedEvent: "commandStarted",
  commandSucceededEvent: "commandSucceeded",
  commandFailedEvent: "commandFailed",
};

/** One test of one file: its entities, its events, its operations. */
export class TestRun {
  #url;
  #faults;
  #setup;
  #entities = new Map();
  #events = new Map();
  #clients = [];
  #sessions = [];

  /**
   * @param url of the server
   * @param setup a client of the runner's own
   * @param faults `{ inject, clear }` of the engine, or undefined where none can be injected
   */
  constructor(url, setup, faults) {
    this.#url = url;
    this.#setup = setup;
    this.#faults = faults;
  }

  async run(file, test) {
    await this.#initialData(file.initialData ?? []);
    await this.createEntities(file.createEntities ?? []);
    for (const operation of test.operations) await this.#operation(operation);
    for (const expected of test.expectEvents ?? []) this.#expectEvents(expected);
    for (const { databaseName, collectionName, documents } of test.outcome ?? []) {
      const found = await this.#setup
        .db(databaseName)
        .collection(collectionName)
        .find({}, { sort: { _id: 1 } })
        .toArray();
      match(documents, found, { entities: this.#entities, path: `outcome of ${collectionName}`, root: false });
    }
  }

  async close() {
    for (const session of this.#sessions) await session.endSession().catch(() => {});
    for (const client of this.#clients) await client.close().catch(() => {});
  }

  async #initialData(collections) {
    for (const { databaseName, collectionName, documents, createOptions } of collections) {
      const db = this.#setup.db(databaseName);
      const majority = { writeConcern: new WriteConcern("majority") };
      await db.dropCollection(collectionName, majority);
      if (documents.length === 0 || createOptions !== undefined)
        await db.createCollection(collectionName, { ...createOptions, ...majority });
      if (documents.length > 0) await db.collection(collectionName).insertMany(documents, majority);
    }
  }

  async createEntities(descriptions) {
    for (const description of descriptions) {
      const [[kind, spec]] = Object.entries(description);
      this.#entities.set(spec.id, await this.#createEntity(kind, spec));
    }
  }

  async #createEntity(kind, spec) {
    const get = (id) => this.#entities.get(id);
    switch (kind) {
      case "client":
        return this.#createClient(spec);
      case "database":
        return get(spec.client).db(spec.databaseName, spec.databaseOptions);
      case "collection":
        return get(spec.database).collection(spec.collectionName, spec.collectionOptions);
      case "session": {
        const session = get(spec.client).startSession(spec.sessionOptions);
        this.#sessions.push(session);
        return session;
      }
      default:
        throw new NotSupported(`entity ${kind}`);
    }
  }

  #createClient(spec) {
    if (spec.serverApi !== undefined) throw new NotSupported("a client with serverApi");
    if (spec.storeEventsAsEntities !== undefined) throw new NotSupported("storeEventsAsEntities");
    if (spec.autoEncryptOpts !== undefined) throw new NotSupported("client-side encryption");
    const { appname, ...uriOptions } = spec.uriOptions ?? {};
    const url = new URL(this.#url);
    for (const [name, value] of Object.entries(uriOptions)) url.searchParams.set(name, String(value));
    const client = new MongoClient(url.href, {
      monitorCommands: true,
      ...(appname === undefined ? {} : { appName: appname }),
    });
    const ignored = new Set([
      ...(spec.observeSensitiveCommands === true ? [] : sensitive),
      ...(spec.ignoreCommandMonitoringEvents ?? []).map((name) => name.toLowerCase()),
    ]);
    const events = [];
    this.#events.set(spec.id, events);
    for (const type of spec.observeEvents ?? []) {
      const name = observed[type];
      if (name === undefined) throw new NotSupported(`events of type ${type}`);
      client.on(name, (event) => {
        const command = event.commandName.toLowerCase();
        // Of the hellos only those with credentials in them are left out, which the driver empties.
        const emptied = Object.keys(event.command ?? event.reply ?? {}).length === 0;
        if (!ignored.has(command) || (hellos.has(command) && !emptied)) events.push({ type, event });
      });
    }
    this.#clients.push(client);
    return client;
  }

  events(client) {
    return this.#events.get(client) ?? [];
  }

  async collectionExists(database, collection) {
    return (
      (await this.#setup.db(database).listCollections({ name: collection }, { nameOnly: true }).toArray()).length > 0
    );
  }

  async indexExists(database, collection, index) {
    const indexes = await this.#setup.db(database).collection(collection).listIndexes().toArray();
    return indexes.some(({ name }) => name === index);
  }

  async failPoint(description) {
    const faults = faultsOf(description);
    if (this.#faults === undefined) throw new NotSupported("fail points on this server");
    await this.#faults.clear();
    for (const fault of faults) await this.#faults.inject(fault);
  }

  #kindOf(object) {
    const entity = object === "testRunner" ? this : this.#entities.get(object);
    const kinds = { MongoClient: "client", Db: "database", Collection: "collection", ClientSession: "session" };
    const kind = entity === this ? "testRunner" : (kinds[entity?.constructor.name] ?? "cursor");
    return { entity, kind };
  }

  async #operation(operation) {
    const { entity, kind } = this.#kindOf(operation.object);
    const args = { ...operation.arguments };
    if (args.session !== undefined) args.session = this.#entities.get(args.session);
    let result;
    try {
      result = await runOperation(kind, operation.name, entity, args);
    } catch (error) {
      if (error instanceof NotSupported || operation.expectError === undefined) {
        if (operation.ignoreResultAndError === true && !(error instanceof NotSupported)) return;
        throw error;
      }
      this.#expectError(operation.expectError, error);
      return;
    }
    if (operation.expectError !== undefined) throw new Mismatch(`${operation.name} should have failed`);
    if (operation.saveResultAsEntity !== undefined) this.#entities.set(operation.saveResultAsEntity, result);
    if ("expectResult" in operation && operation.ignoreResultAndError !== true)
      match(operation.expectResult, result, { entities: this.#entities, path: operation.name });
  }

  #expectError(expected, error) {
    const fail = (why) => {
      throw new Mismatch(`another error: ${why} (${error.name}: ${error.message})`);
    };
    const fromServer =
      error.name === "MongoServerError" ||
      error.name.startsWith("MongoBulkWrite") ||
      error.name === "MongoWriteConcernError";
    if (expected.isClientError === true && fromServer) fail("it is the server's");
    if (expected.isClientError === false && !fromServer) fail("it is the client's");
    if (expected.isTimeoutError === true) throw new NotSupported("timeouts of operations");
    if (
      expected.errorContains !== undefined &&
      !error.message.toLowerCase().includes(expected.errorContains.toLowerCase())
    )
      fail(`it does not say "${expected.errorContains}"`);
    if (expected.errorCode !== undefined && error.code !== expected.errorCode) fail(`its code is ${error.code}`);
    if (
      expected.errorCodeName !== undefined &&
      (error.codeName ?? error.errorResponse?.codeName) !== expected.errorCodeName
    )
      fail(`its code name is ${error.codeName}`);
    for (const label of expected.errorLabelsContain ?? [])
      if (!error.hasErrorLabel(label)) fail(`it lacks the label ${label}`);
    for (const label of expected.errorLabelsOmit ?? [])
      if (error.hasErrorLabel(label)) fail(`it has the label ${label}`);
    if (expected.errorResponse !== undefined)
      match(expected.errorResponse, error.errorResponse, { entities: this.#entities, path: "error response" });
    if (expected.expectResult !== undefined)
      match(expected.expectResult, error.result ?? error, { entities: this.#entities, path: "partial result" });
  }

  #expectEvents({ client, eventType = "command", events, ignoreExtraEvents = false }) {
    if (eventType !== "command") throw new NotSupported(`events of type ${eventType}`);
    const seen = this.events(client);
    if (seen.length < events.length || (seen.length > events.length && !ignoreExtraEvents))
      throw new Mismatch(
        `expected ${events.length} events, saw ${seen.map(({ event }) => event.commandName).join(", ") || "none"}`,
      );
    events.forEach((expected, index) => {
      const [[type, wanted]] = Object.entries(expected);
      const { type: seenType, event } = seen[index];
      const path = `event ${index}`;
      if (seenType !== type) throw new Mismatch(`${path} is a ${seenType}, not a ${type}`);
      const context = { entities: this.#entities };
      if (wanted.hasServiceId !== undefined || wanted.hasServerConnectionId !== undefined)
        throw new NotSupported("service and connection ids of events");
      if (wanted.command !== undefined) match(wanted.command, event.command, { ...context, path: `${path}.command` });
      if (wanted.reply !== undefined) match(wanted.reply, event.reply, { ...context, path: `${path}.reply` });
      for (const name of ["commandName", "databaseName"])
        if (wanted[name] !== undefined) match(wanted[name], event[name], { ...context, path: `${path}.${name}` });
    });
  }
}
