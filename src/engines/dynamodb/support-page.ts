import { operations } from "./commands/table.js";

/** docs/engines/dynamodb.md, made from the table that the engine itself works from. */
export function supportPage(): string {
  const line = ({ name, summary }: { name: string; summary: string }): string => `| \`${name}\` | ${summary} |`;
  const table = (supported: boolean): string =>
    [
      "| name | what it does |",
      "| --- | --- |",
      ...operations
        .filter((each) => each.supported === supported)
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map(line),
    ].join("\n");
  return `${[
    "# The embedded DynamoDB engine: what it supports",
    "<!-- Made by scripts/support-page.mjs from the engine's table of operations: do not edit. -->",
    "The engine speaks DynamoDB's JSON 1.0 protocol over HTTP, and that of DynamoDB Streams on the same port: point the `endpoint` of any AWS SDK to it. What is not supported is refused with an error; nothing is accepted and ignored. Errors have the names and texts of DynamoDB's own.",
    "## How it behaves",
    [
      "- **Storage.** Memory by default; with a data folder, LMDB. There a write is acknowledged after its batch is committed, so it survives the death of the process, and a transaction is kept whole or not at all. Large tables are there at once after a start.",
      "- **States.** A table can be used as soon as `CreateTable` has answered, though the answer says `CREATING`. A new index is filled in the background; it says `CREATING`, and cannot be read, until it is whole. `ItemCount` and `TableSizeBytes` are exact.",
      "- **Consistency.** On one node every read is the latest; a read that asks for a strong one of a global index is refused, and each is counted as what it asked for.",
      "- **Order.** `Scan` goes in the order of a hash of the partition key, as DynamoDB does; segments of a parallel scan are parts of it.",
      "- **Limits** as DynamoDB's: items of 400 KB, keys of 2,048 and 1,024 bytes, pages of 1 MB, answers of 16 MB, transactions of 100 items and 4 MB, expressions of 4 KB and 300 operators, 38 digits, 32 levels, 20 global and 5 local indexes.",
      "- **Units** (`ReturnConsumedCapacity`) and sizes of collections are counted as documented. Nothing is throttled, unless the engine is started with `throughput: true` (`keyfold dev --throughput`): then tables have what they were given with five minutes of burst, and each partition 3,000 read and 1,000 write units a second; errors tell their `ThrottlingReasons`.",
      "- **Transactions** are done one after another, so they never conflict; a `ClientRequestToken` counts for ten minutes, after a restart of a data folder too.",
      "- **Expiry.** An item is removed within a second after its time (AWS takes up to days); the stream tells that DynamoDB did it.",
      "- **Streams.** One shard is open; after four hours (`streamShardMs`, by the engine's clock) it is closed with an `EndingSequenceNumber`, and its child, which names it as `ParentShardId`, takes over. Records are kept for a day, closed shards and streams too. Partitions do not split, so there is one line of shards.",
      "- **Signatures** are taken apart, and verified where credentials are set (`auth`: the access key and its secret). Without credentials the engine serves loopback addresses and names alone. The region is the one that a request was signed for; all regions see the same tables. The account is 123456789012.",
      "- **Not there**: replicas in other regions, backups, exports and imports, Kinesis, policies of IAM, CloudWatch.",
    ].join("\n"),
    "## Beside other servers",
    "`npm run test:real -- dynamodb` sends one seeded workload of writes, conditions, batches, transactions and pages through keyfold's adapter to this engine and to two others, and compares every answer and its order. What is left, judged by the documentation and by the conformance suite that was captured on AWS:",
    [
      "| server | difference | who is right |",
      "| --- | --- | --- |",
      "| dynalite 4.0 | none in what it has; it knows no transactions, so models with unique values, strong copies or sums do not run on it | |",
      "| moto 5 | a page that `Limit` ends at the last item of a partition has no `LastEvaluatedKey` | this engine: DynamoDB stops at `Limit` and does not look ahead, so an empty page follows |",
    ].join("\n"),
    "With `KEYFOLD_TEST_DYNAMODB_URL` (`dynamodb:///?region=eu-west-1` for AWS, `http://host:port` for a server) the same command runs the suites of the client there, and makes that server the judge.",
    `## Operations\n\n${operations.filter((each) => each.supported).length} supported.`,
    table(true),
    "Refused, with an error that DynamoDB has for what is not there:",
    table(false),
  ].join("\n\n")}\n`;
}
