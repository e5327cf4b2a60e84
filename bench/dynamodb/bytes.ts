import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** What each client adds to a bundle, minified and gzipped, with the SDK and zod left out. */
const contenders = [
  {
    name: "keyfold",
    code: 'export { connect, decimal, defineModel, entity, get, list } from "keyfold"; export { dynamodb } from "keyfold/dynamodb";',
  },
  { name: "ElectroDB", code: 'export { Entity, Service } from "electrodb";' },
  {
    name: "DynamoDB Toolbox",
    code: 'export { Entity, Table, item, string, number, PutItemCommand, GetItemCommand, UpdateItemCommand, DeleteItemCommand, QueryCommand, BatchWriteCommand, BatchGetCommand, executeBatchWrite, executeBatchGet } from "dynamodb-toolbox";',
  },
];

export async function clientBytes(): Promise<string> {
  const lines = ["bytes in a bundle, minified and gzipped, SDK and zod left out   [goal: fewer than the others]"];
  for (const { name, code } of contenders) {
    const { outputFiles } = await build({
      stdin: { contents: code, resolveDir: process.cwd() },
      bundle: true,
      minify: true,
      write: false,
      format: "esm",
      platform: "node",
      external: ["zod", "@aws-sdk/*", "@smithy/*"],
      logLevel: "error",
    });
    const bytes = gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
    lines.push(`  ${name.padEnd(20)}${bytes.toLocaleString("en").padStart(9)}`);
  }
  return `${lines.join("\n")}\n`;
}
