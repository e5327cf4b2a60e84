import { invalidNamespace } from "../errors.js";

/** Bytes that a full name `database.collection` may have at most. */
const maxNamespaceBytes = 255;

/** Throws 73 InvalidNamespace when no database can have this name. */
export function checkDatabaseName(name: string): void {
  if (name.length === 0 || Buffer.byteLength(name) > 63 || /[/\\. "$\0]/.test(name)) {
    if (name !== "$external") throw invalidNamespace(`Invalid database name: '${name}'`);
  }
}

/** Throws 73 InvalidNamespace when no collection can have this name. */
export function checkCollectionName(db: string, name: string): void {
  if (name.length === 0) throw invalidNamespace(`Invalid namespace specified '${db}.'`);
  if (name.startsWith(".") || name.endsWith(".") || name.includes("\0") || name.includes("$")) {
    throw invalidNamespace(`Invalid namespace specified '${db}.${name}'`);
  }
  const bytes = Buffer.byteLength(`${db}.${name}`);
  if (bytes > maxNamespaceBytes) {
    throw invalidNamespace(`Fully qualified namespace is too long. Namespace: ${db}.${name} Max: ${maxNamespaceBytes}`);
  }
}
