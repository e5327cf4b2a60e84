import { ObjectId } from "bson";
import { Doc, int32 } from "../bson/doc.js";
import { DateTime } from "../bson/values.js";
import { sessionTimeoutMinutes } from "../data/sessions.js";
import { maxDocumentBytes, maxMessageBytes, maxWriteBatch } from "../protocol/message.js";
import type { Command, CommandRequest, Engine } from "./command.js";

/** The version whose behaviour this engine follows. */
export const version = "7.0.14";
export const maxWireVersion = 21;
export const replicaSetName = "keyfold";

const electionId = new ObjectId("7fffffff0000000000000001");

function greeting(request: CommandRequest, engine: Engine, legacy: boolean): Doc {
  const { body, client } = request;
  const metadata = body.get("client");
  if (metadata instanceof Doc && client.metadata === undefined)
    client.metadata = Doc.raw(Buffer.from(metadata.toBytes()));
  const me = engine.address();
  const now = new DateTime(engine.clock.now());
  const reply = new Doc();
  if (body.get("helloOk") === true) reply.set("helloOk", true);
  reply
    .set(legacy ? "ismaster" : "isWritablePrimary", true)
    .set("hosts", [me])
    .set("setName", replicaSetName)
    .set("setVersion", int32(1))
    .set("secondary", false)
    .set("primary", me)
    .set("me", me)
    .set("electionId", electionId)
    .set(
      "lastWrite",
      Doc.from([
        [
          "opTime",
          Doc.from([
            ["ts", engine.clusterTime.now()],
            ["t", 1n],
          ]),
        ],
        ["lastWriteDate", new DateTime(engine.clusterTime.now().getHighBits() * 1000)],
      ]),
    )
    .set("maxBsonObjectSize", int32(maxDocumentBytes))
    .set("maxMessageSizeBytes", int32(maxMessageBytes))
    .set("maxWriteBatchSize", int32(maxWriteBatch))
    .set("localTime", now)
    .set("logicalSessionTimeoutMinutes", int32(sessionTimeoutMinutes))
    .set("connectionId", int32(client.connectionId))
    .set("minWireVersion", int32(0))
    .set("maxWireVersion", int32(maxWireVersion))
    .set("readOnly", false);
  if (engine.scram !== undefined) {
    const user = body.get("saslSupportedMechs");
    if (typeof user === "string") reply.set("saslSupportedMechs", engine.scram.mechanismsOf(user));
    const speculative = body.get("speculativeAuthenticate");
    if (speculative instanceof Doc) {
      const answer = engine.scram.speculate(client, speculative);
      if (answer !== undefined) reply.set("speculativeAuthenticate", answer);
    }
  }
  return reply;
}

export const handshakeCommands: readonly Command[] = [
  {
    name: "hello",
    summary: "Says what this server is: the primary of a one-node replica set, wire versions 0 to 21.",
    supported: true,
    open: true,
    api: true,
    run: (request, engine) => greeting(request, engine, false),
  },
  {
    name: "isMaster",
    summary: "The older name of hello.",
    supported: true,
    open: true,
    run: (request, engine) => greeting(request, engine, true),
  },
  {
    name: "ismaster",
    summary: "Another spelling of isMaster.",
    supported: true,
    open: true,
    run: (request, engine) => greeting(request, engine, true),
  },
  {
    name: "ping",
    summary: "Answers that the server is there.",
    supported: true,
    open: true,
    api: true,
    fields: [],
    run: () => new Doc(),
  },
];
