import type { DynamoGrants, DynamoStatement } from "./types.js";

/** The least rights: reading and writing items to run; creating and changing the table, and filling new places, to apply. */
export function grantsOf(indexes: number, expires: boolean): DynamoGrants {
  const read = ["dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:Query"];
  const write = [
    "dynamodb:BatchWriteItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:PartiQLInsert",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
  ];
  const look = expires ? ["dynamodb:DescribeTimeToLive"] : [];
  const onIndexes: readonly DynamoStatement[] = indexes === 0 ? [] : [{ on: "indexes", actions: ["dynamodb:Query"] }];
  return {
    run: [{ on: "table", actions: [...read, ...write, ...look].sort() }, ...onIndexes],
    apply: [
      {
        on: "table",
        actions: [
          "dynamodb:ConditionCheckItem",
          "dynamodb:CreateTable",
          "dynamodb:DeleteItem",
          "dynamodb:DescribeTable",
          ...look,
          "dynamodb:GetItem",
          "dynamodb:PutItem",
          "dynamodb:Query",
          "dynamodb:Scan",
          "dynamodb:UpdateItem",
          "dynamodb:UpdateTable",
          ...(expires ? ["dynamodb:UpdateTimeToLive"] : []),
        ],
      },
    ],
  };
}

/** Two IAM policies (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html); region and account are left to fill in. */
export function renderGrants(grants: DynamoGrants, table: string): string {
  const arn = `arn:aws:dynamodb:\${AWS::Region}:\${AWS::AccountId}:table/${table}`;
  const policy = (statements: readonly DynamoStatement[]): unknown => ({
    Version: "2012-10-17",
    Statement: statements.map(({ on, actions }) => ({
      Effect: "Allow",
      Action: actions,
      Resource: on === "table" ? arn : `${arn}/index/*`,
    })),
  });
  return `${JSON.stringify({ "keyfold-run": policy(grants.run), "keyfold-apply": policy(grants.apply) }, undefined, 2)}\n`;
}
