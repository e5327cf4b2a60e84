import { Doc } from "../bson/doc.js";
import { mongoError } from "../errors.js";
import type { Command, CommandRequest, Engine } from "./command.js";
import type { Scram } from "./scram.js";

function scramOf(request: CommandRequest, engine: Engine): Scram {
  if (request.db !== "admin" || engine.scram === undefined) throw mongoError(18, "Authentication failed.");
  return engine.scram;
}

export const authenticationCommands: readonly Command[] = [
  {
    name: "saslStart",
    summary: "Begins a login by SCRAM-SHA-256 or SCRAM-SHA-1.",
    supported: true,
    open: true,
    api: true,
    run: (request, engine) => scramOf(request, engine).start(request.client, request.body),
  },
  {
    name: "saslContinue",
    summary: "Goes on with a login.",
    supported: true,
    open: true,
    api: true,
    run: (request, engine) => scramOf(request, engine).continue(request.client, request.body),
  },
  {
    name: "logout",
    summary: "Ends the login of a connection.",
    supported: true,
    open: true,
    run: (request, engine) => {
      if (engine.scram !== undefined) {
        request.client.authenticated = false;
        request.client.user = undefined;
      }
      return new Doc();
    },
  },
  {
    name: "connectionStatus",
    summary: "Who is logged in on this connection.",
    supported: true,
    open: true,
    fields: ["showPrivileges"],
    run: (request) => {
      const { user } = request.client;
      const users =
        user === undefined
          ? []
          : [
              Doc.from([
                ["user", user],
                ["db", "admin"],
              ]),
            ];
      const roles =
        user === undefined
          ? []
          : [
              Doc.from([
                ["role", "root"],
                ["db", "admin"],
              ]),
            ];
      return Doc.from([
        [
          "authInfo",
          Doc.from([
            ["authenticatedUsers", users],
            ["authenticatedUserRoles", roles],
          ]),
        ],
      ]);
    },
  },
];
