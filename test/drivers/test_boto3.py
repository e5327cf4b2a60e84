"""boto3, client and resource, against the embedded DynamoDB, unchanged."""

import os
import threading
from decimal import Decimal

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key
from botocore.config import Config
from botocore.exceptions import ClientError

URL = os.environ["KEYFOLD_DYNAMODB_URL"]
ARGUMENTS = dict(
    endpoint_url=URL,
    region_name="eu-west-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
    config=Config(retries={"max_attempts": 3}),
)


@pytest.fixture
def client():
    return boto3.client("dynamodb", **ARGUMENTS)


@pytest.fixture
def table():
    resource = boto3.resource("dynamodb", **ARGUMENTS)
    table = resource.create_table(
        TableName="music",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "artist", "AttributeType": "S"},
            {"AttributeName": "song", "AttributeType": "S"},
            {"AttributeName": "year", "AttributeType": "N"},
        ],
        KeySchema=[
            {"AttributeName": "artist", "KeyType": "HASH"},
            {"AttributeName": "song", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-year",
                "KeySchema": [{"AttributeName": "year", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    table.wait_until_exists()
    yield table
    table.delete()
    table.wait_until_not_exists()


def test_waiters_and_description(table):
    table.load()
    assert table.table_status == "ACTIVE"
    assert table.item_count == 0
    assert table.key_schema == [
        {"AttributeName": "artist", "KeyType": "HASH"},
        {"AttributeName": "song", "KeyType": "RANGE"},
    ]


def test_batch_writer_query_and_scan(table):
    with table.batch_writer(overwrite_by_pkeys=["artist", "song"]) as batch:
        for i in range(310):
            batch.put_item(Item={"artist": "a%d" % (i % 3), "song": "s%03d" % i, "year": 2000 + i % 2, "n": i})
        batch.delete_item(Key={"artist": "a0", "song": "s000"})
    found, start = [], {}
    while True:
        page = table.query(
            KeyConditionExpression=Key("artist").eq("a1") & Key("song").between("s100", "s199"),
            FilterExpression=Attr("n").gt(150) & Attr("missing").not_exists(),
            Limit=10,
            **start,
        )
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert [item["n"] for item in found] == [Decimal(i) for i in range(151, 200) if i % 3 == 1]
    assert table.scan(Select="COUNT")["Count"] == 309
    assert table.query(IndexName="by-year", KeyConditionExpression=Key("year").eq(2001), Select="COUNT")["Count"] == 155


def test_types_survive(table):
    item = {
        "artist": "x",
        "song": "y",
        "decimal": Decimal("-12345678901234567890.000000000000000012"),
        "bytes": b"\x00\xff",
        "set": {"a", "b"},
        "numbers": {Decimal("1.5"), Decimal(2)},
        "list": [1, None, True, {"deep": ["er"]}],
        "empty": "",
    }
    table.put_item(Item=item)
    found = table.get_item(Key={"artist": "x", "song": "y"}, ConsistentRead=True)["Item"]
    assert found["bytes"].value == b"\x00\xff"
    assert {**found, "bytes": b"\x00\xff"} == item


def test_conditions_and_counters(table):
    key = {"artist": "x", "song": "y"}
    table.put_item(Item={**key, "n": 0}, ConditionExpression=Attr("artist").not_exists())
    with pytest.raises(ClientError) as error:
        table.put_item(Item=key, ConditionExpression=Attr("artist").not_exists())
    assert error.value.response["Error"]["Code"] == "ConditionalCheckFailedException"

    def add():
        own = boto3.session.Session().resource("dynamodb", **ARGUMENTS).Table("music")
        for _ in range(25):
            own.update_item(Key=key, UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": 1})

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert table.get_item(Key=key)["Item"]["n"] == 100


def test_transactions(table, client):
    put = {"Put": {"TableName": "music", "Item": {"artist": {"S": "t"}, "song": {"S": "1"}}}}
    check = {
        "ConditionCheck": {
            "TableName": "music",
            "Key": {"artist": {"S": "t"}, "song": {"S": "2"}},
            "ConditionExpression": "attribute_exists(artist)",
        }
    }
    with pytest.raises(client.exceptions.TransactionCanceledException) as error:
        client.transact_write_items(TransactItems=[put, check])
    assert [reason["Code"] for reason in error.value.response["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    client.transact_write_items(TransactItems=[put])
    got = client.transact_get_items(TransactItems=[{"Get": {"TableName": "music", "Key": put["Put"]["Item"]}}])
    assert got["Responses"] == [{"Item": put["Put"]["Item"]}]


def test_paginators_and_partiql(table, client):
    for i in range(30):
        client.execute_statement(
            Statement="INSERT INTO music VALUE {'artist': 'p', 'song': ?, 'n': ?}",
            Parameters=[{"S": "%02d" % i}, {"N": str(i)}],
        )
    pages = list(client.get_paginator("query").paginate(
        TableName="music",
        KeyConditionExpression="artist = :a",
        ExpressionAttributeValues={":a": {"S": "p"}},
        PaginationConfig={"PageSize": 7},
    ))
    assert sum(page["Count"] for page in pages) == 30
    assert len(pages) == 5
    rows = client.execute_statement(Statement="SELECT song FROM music WHERE artist = 'p' AND begins_with(song, '1')")
    assert [row["song"]["S"] for row in rows["Items"]] == ["%02d" % i for i in range(10, 20)]
