import type { Command } from "./command.js";

const names: readonly (readonly [string, string])[] = [
  ["abortTransaction", "Ends a transaction without its changes."],
  ["bulkWrite", "Writes to several collections in one command (8.0)."],
  ["collMod", "Changes options of a collection or an index."],
  ["commitTransaction", "Ends a transaction with its changes."],
  ["compact", "Gives space back to the file system."],
  ["convertToCapped", "Makes a collection capped."],
  ["createRole", "Defines a role."],
  ["createUser", "Adds a user."],
  ["currentOp", "What the server is doing."],
  ["dbHash", "Hashes of the collections of a database."],
  ["dropUser", "Removes a user."],
  ["fsync", "Flushes all to the disk."],
  ["getClusterParameter", "A parameter of the cluster."],
  ["getDefaultRWConcern", "The default read and write concern."],
  ["killOp", "Ends an operation."],
  ["listCommands", "What commands there are."],
  ["mapReduce", "Aggregates with JavaScript."],
  ["profile", "The profiler."],
  ["reIndex", "Builds all indexes again."],
  ["renameCollection", "Gives a collection another name."],
  ["replSetGetConfig", "The configuration of the replica set."],
  ["replSetGetStatus", "The state of the replica set."],
  ["rolesInfo", "What roles there are."],
  ["setParameter", "Changes a parameter."],
  ["shutdown", "Stops the server."],
  ["top", "Times by collection."],
  ["usersInfo", "What users there are."],
  ["validate", "Checks the data of a collection."],
];

/** Commands that MongoDB knows and this engine does not have yet: answered with 59 CommandNotFound, as unknown ones are. */
export const unsupportedCommands: readonly Command[] = names.map(([name, summary]) => ({
  name,
  summary,
  supported: false,
}));
