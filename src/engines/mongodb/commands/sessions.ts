import { Binary } from "bson";
import { Doc, int32 } from "../bson/doc.js";
import type { Value } from "../bson/values.js";
import { newUuid } from "../data/collection.js";
import { sessionTimeoutMinutes } from "../data/sessions.js";
import { wrongType } from "./arguments.js";
import type { Command, CommandRequest, Engine } from "./command.js";

function idText(value: Value): string | undefined {
  const id = value instanceof Doc ? value.get("id") : undefined;
  return id instanceof Binary ? Buffer.from(id.value()).toString("latin1") : undefined;
}

function ids(request: CommandRequest): string[] {
  const { name } = request.command;
  const list = request.body.get(name);
  if (!Array.isArray(list)) throw wrongType(name, name, list ?? null, "array");
  return list.map((each, at) => {
    const id = idText(each);
    if (id === undefined) throw wrongType(name, `${name}.${at}`, each, "object");
    return id;
  });
}

function end(request: CommandRequest, engine: Engine): Doc {
  const all = ids(request);
  engine.cursors.closeOfSessions(new Set(all));
  engine.sessions.end(all);
  return new Doc();
}

export const sessionCommands: readonly Command[] = [
  {
    name: "startSession",
    summary: "Makes a session's id.",
    supported: true,
    fields: [],
    run: () =>
      Doc.from([
        ["id", Doc.from([["id", newUuid()]])],
        ["timeoutMinutes", int32(sessionTimeoutMinutes)],
      ]),
  },
  {
    name: "endSessions",
    summary: "Ends sessions and their cursors.",
    supported: true,
    fields: [],
    api: true,
    run: end,
  },
  { name: "killSessions", summary: "Ends sessions and their cursors.", supported: true, fields: [], run: end },
  {
    name: "refreshSessions",
    summary: "Keeps sessions from timing out.",
    supported: true,
    fields: [],
    run: (request, engine) => {
      for (const id of ids(request)) engine.sessions.touch(id);
      return new Doc();
    },
  },
  {
    name: "killAllSessions",
    summary: "Ends all sessions and their cursors.",
    supported: true,
    fields: [],
    run: (_request, engine) => {
      engine.cursors.clear();
      engine.sessions.endAll();
      return new Doc();
    },
  },
];
