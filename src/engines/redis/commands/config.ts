import type { Client } from "../client.js";
import { Config } from "../config/config.js";
import type { Setting } from "../config/settings.js";
import { globMatch, isLiteral } from "../data/glob.js";
import { allCommands } from "../info/info.js";
import { err, OK, type Reply, ReplyMap, SYNTAX } from "../protocol/reply.js";
import { help } from "./generic.js";

/** CONFIG and its subcommands. */

export function configGet(c: Client, a: string[]): Reply {
  const found = new Map<string, string>();
  for (const text of a.slice(2)) {
    const pattern = text.toLowerCase();
    if (isLiteral(pattern)) {
      const setting = Config.find(pattern);
      if (setting !== undefined) found.set(pattern, c.server.config.get(setting));
      continue;
    }
    for (const name of Config.names()) {
      if (globMatch(pattern, name)) found.set(name, c.server.config.get(Config.find(name)!));
    }
  }
  return new ReplyMap([...found].flat());
}

export function configSet(c: Client, a: string[]): Reply {
  if (a.length % 2 !== 0) return SYNTAX;
  const { server } = c;
  const chosen = new Map<Setting, { name: string; value: string }>();
  for (let i = 2; i < a.length; i += 2) {
    const setting = Config.find(a[i]!);
    if (setting === undefined) {
      return err(`Unknown option or number of arguments for CONFIG SET - '${a[i]}'`);
    }
    if (chosen.has(setting)) {
      return err(`CONFIG SET failed (possibly related to argument '${a[i]}') - duplicate parameter`);
    }
    chosen.set(setting, { name: a[i]!, value: a[i + 1]! });
  }
  const values = new Map<Setting, string>();
  for (const [setting, { name, value }] of chosen) {
    try {
      values.set(setting, server.config.check(setting, value));
    } catch (error) {
      return err(`CONFIG SET failed (possibly related to argument '${name}') - ${(error as Error).message}`);
    }
  }
  if (server.persistence === undefined && values.get(Config.find("appendonly")!) === "yes") {
    return err(
      "CONFIG SET failed (possibly related to argument 'appendonly') - this server keeps its data in memory: start it with a data directory",
    );
  }
  server.config.apply(values);
  server.configured();
  return OK;
}

export function configResetstat(c: Client): Reply {
  c.server.stats.reset();
  for (const command of allCommands(c.server)) command.stats.reset();
  return OK;
}

export function configRewrite(c: Client): Reply {
  try {
    return c.server.rewriteSettings() ? OK : err("The server is running without a config file");
  } catch (error) {
    return err(`Rewriting config file: ${(error as Error).message}`);
  }
}

export function configHelp(): Reply {
  return help("CONFIG", [
    "GET <pattern>",
    "    Settings whose names match, and their values.",
    "SET <directive> <value>",
    "    Change a setting.",
    "RESETSTAT",
    "    Begin the figures of INFO anew.",
    "REWRITE",
    "    Write the settings to the configuration file.",
  ]);
}
