import { randomBytes } from "node:crypto";
import type { Client } from "../client.js";
import { lookup, wrongArity } from "../execute.js";
import { allCommands } from "../info/info.js";
import { Double, ErrorReply, err, OK, type Reply, ReplyMap } from "../protocol/reply.js";
import { long, longIn } from "./arguments.js";
import { help } from "./generic.js";

/*
 * Users have names and passwords, and each may do everything: rules that would restrict one are refused, for a rule
 * that is taken and not kept would be worse than none.
 */

const categories = [
  "keyspace",
  "read",
  "write",
  "set",
  "sortedset",
  "list",
  "hash",
  "string",
  "bitmap",
  "hyperloglog",
  "geo",
  "stream",
  "pubsub",
  "admin",
  "fast",
  "slow",
  "blocking",
  "dangerous",
  "connection",
  "transaction",
  "scripting",
];

export function aclWhoami(c: Client): Reply {
  return c.user;
}

export function aclUsers(c: Client): Reply {
  return ["default", ...[...c.server.users.keys()].filter((name) => name !== "default")].sort();
}

export function aclList(c: Client): Reply {
  return (aclUsers(c) as string[]).map((name) => {
    const open = name === "default" && c.server.config.requirepass === "";
    return `user ${name} on ${open ? "nopass" : "(password)"} ~* &* +@all`;
  });
}

export function aclGetuser(c: Client, a: string[]): Reply {
  const name = a[2]!;
  if (name !== "default" && !c.server.users.has(name)) return null;
  const open = name === "default" && c.server.config.requirepass === "";
  return new ReplyMap([
    "flags",
    open ? ["on", "nopass"] : ["on"],
    "passwords",
    [],
    "commands",
    "+@all",
    "keys",
    "~*",
    "channels",
    "&*",
    "selectors",
    [],
  ]);
}

const harmless = new Set(["on", "~*", "&*", "+@all", "allkeys", "allchannels", "allcommands", "resetpass"]);

export function aclSetuser(c: Client, a: string[]): Reply {
  const name = a[2]!;
  let password: string | undefined;
  for (const rule of a.slice(3)) {
    if (rule.startsWith(">")) password = rule.slice(1);
    else if (!harmless.has(rule.toLowerCase())) {
      return err(
        `Error in ACL SETUSER modifier '${rule}': this server knows users with a password and all rights (on ~* &* +@all) only`,
      );
    }
  }
  if (name === "default")
    return err("Error in ACL SETUSER: set the default user's password with CONFIG SET requirepass");
  if (password === undefined && !c.server.users.has(name)) {
    return err("Error in ACL SETUSER: a user needs a password here (>password)");
  }
  if (password !== undefined) c.server.users.set(name, password);
  return OK;
}

export function aclDeluser(c: Client, a: string[]): Reply {
  let removed = 0;
  for (const name of a.slice(2)) {
    if (name === "default") return err("The 'default' user cannot be removed");
    if (c.server.users.delete(name)) removed++;
    for (const client of [...c.server.clients.values()]) {
      if (client.user !== name || client === c) continue;
      client.transport?.destroy();
    }
  }
  return removed;
}

export function aclCat(c: Client, a: string[]): Reply {
  if (a.length === 2) return categories;
  if (a.length > 3) return err("wrong number of arguments for 'acl|cat' command");
  const wanted = a[2]!.toLowerCase();
  if (!categories.includes(wanted)) return err(`Unknown category '${a[2]}'`);
  return allCommands(c.server)
    .filter((command) => command.categories.includes(wanted))
    .map(({ fullName }) => fullName);
}

export function aclGenpass(_c: Client, a: string[]): Reply {
  if (a.length > 3) return err("wrong number of arguments for 'acl|genpass' command");
  const bits =
    a.length === 3
      ? longIn(
          a[2]!,
          1,
          4096,
          err("ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096"),
        )
      : 256;
  return randomBytes(Math.ceil(bits / 8))
    .toString("hex")
    .slice(0, Math.ceil(bits / 4));
}

/** Logins that failed; other denials there are none. */
export function aclLog(c: Client, a: string[]): Reply {
  const { aclLog: log, now } = c.server;
  if (a.length > 3) return err("wrong number of arguments for 'acl|log' command");
  if (a[2]?.toUpperCase() === "RESET") {
    log.clear();
    return OK;
  }
  const count = a.length === 3 ? Math.max(0, long(a[2]!)) : 10;
  return log.entries
    .slice(0, count)
    .map(
      (entry) =>
        new ReplyMap([
          ...["count", entry.count, "reason", "auth", "context", entry.inTransaction ? "multi" : "toplevel"],
          ...["object", entry.object, "username", entry.user],
          ...["age-seconds", new Double((now - entry.createdAt) / 1000), "client-info", entry.client],
          ...["entry-id", entry.id, "timestamp-created", entry.createdAt, "timestamp-last-updated", entry.updatedAt],
        ]),
    );
}

/** Whether a user could run a command: those that there are may run all. */
export function aclDryrun(c: Client, a: string[]): Reply {
  const name = a[2]!;
  if (name !== "default" && !c.server.users.has(name)) return err(`User '${name}' not found`);
  const command = lookup(c.server, a.slice(3));
  if (command instanceof ErrorReply) return err(`Command '${a[3]}' not found`);
  const given = a.length - 3;
  return (command.arity >= 0 ? given !== command.arity : given < -command.arity) ? wrongArity(command) : OK;
}

const NO_FILE = err(
  "This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.",
);

export function aclFile(): Reply {
  return NO_FILE;
}

export function aclHelp(): Reply {
  return help("ACL", [
    "CAT [<category>]",
    "    The categories, or the commands of one.",
    "DELUSER <username> [<username> ...]",
    "    Remove users.",
    "GENPASS [<bits>]",
    "    A random password.",
    "GETUSER <username>",
    "    A user.",
    "DRYRUN <username> <command> [<arg> ...]",
    "    Whether a user may run a command.",
    "LIST",
    "    The users with their rules.",
    "LOG [<count> | RESET]",
    "    Logins that failed.",
    "SETUSER <username> on >password ~* &* +@all",
    "    Make a user, or change the password.",
    "USERS",
    "    The users' names.",
    "WHOAMI",
    "    The connection's user.",
  ]);
}
