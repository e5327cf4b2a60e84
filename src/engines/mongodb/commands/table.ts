import { adminCommands } from "./admin.js";
import { aggregateCommands } from "./aggregate.js";
import { authenticationCommands } from "./authenticate.js";
import { collectionCommands } from "./collections.js";
import type { Command } from "./command.js";
import { explainCommands } from "./explain.js";
import { findAndModifyCommands } from "./find-and-modify.js";
import { handshakeCommands } from "./handshake.js";
import { indexCommands } from "./indexes.js";
import { readCommands } from "./read.js";
import { sessionCommands } from "./sessions.js";
import { unsupportedCommands } from "./unsupported.js";
import { writeCommands } from "./write.js";

/** Every command that MongoDB has and people ask for, sorted by name; the support page is made from it. */
export const commands: readonly Command[] = [
  ...adminCommands,
  ...aggregateCommands,
  ...authenticationCommands,
  ...collectionCommands,
  ...explainCommands,
  ...findAndModifyCommands,
  ...handshakeCommands,
  ...indexCommands,
  ...readCommands,
  ...sessionCommands,
  ...unsupportedCommands,
  ...writeCommands,
].sort((a, b) => (a.name < b.name ? -1 : 1));

const byName = new Map(commands.map((command) => [command.name, command]));

/** The command of this name, supported or not. */
export function findCommand(name: string): Command | undefined {
  return byName.get(name);
}
