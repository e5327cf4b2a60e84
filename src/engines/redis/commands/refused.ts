import type { Client } from "../client.js";
import { err, type Reply } from "../protocol/reply.js";
import { help } from "./generic.js";

/* Commands that have nothing to work on here, and say so: replication, and modules. */

const NO_REPLICATION = err("this server has no replication: it neither feeds replicas nor follows a master");

export function replication(): Reply {
  return NO_REPLICATION;
}

/** A master without replicas answers this, too. */
export function failover(_c: Client, a: string[]): Reply {
  if (a.length === 2 && a[1]!.toUpperCase() === "ABORT") return err("No failover in progress.");
  return err("FAILOVER requires connected replicas.");
}

export function moduleList(): Reply {
  return [];
}

/** Refused before it is run, as Redis does unless its settings allow it. */
export function moduleLoad(): Reply {
  return err("this server has no modules");
}

export function moduleHelp(): Reply {
  return help("MODULE", [
    "LIST",
    "    The modules: this server has none.",
    "LOAD <path> [<arg> [<arg> ...]]",
    "    Refused.",
    "LOADEX <path> [CONFIG NAME VALUE]... [ARGS ...]",
    "    Refused.",
    "UNLOAD <name>",
    "    Refused.",
  ]);
}
