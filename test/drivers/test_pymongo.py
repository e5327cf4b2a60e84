"""pymongo against the embedded MongoDB engine: the job of a small application, as its manual writes it."""

import os
from datetime import datetime, timezone

import pytest
from bson import Decimal128, Int64, ObjectId
from pymongo import ASCENDING, DESCENDING, MongoClient, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern


@pytest.fixture(scope="module")
def client():
    with MongoClient(os.environ["KEYFOLD_MONGODB_URL"], serverSelectionTimeoutMS=5000) as connected:
        yield connected


@pytest.fixture
def events(client):
    client.drop_database("pymongo")
    return client.pymongo.events


def test_handshake(client):
    hello = client.admin.command("hello")
    assert hello["isWritablePrimary"] is True
    assert hello["maxWireVersion"] == 21
    assert client.server_info()["version"].startswith("7.0")
    assert client.is_primary


def test_types_survive(events):
    stored = {
        "_id": ObjectId(),
        "int32": 7,
        "int64": Int64(2**53 + 1),
        "double": 0.1,
        "decimal": Decimal128("2.550"),
        "text": "naïve £",
        "bytes": b"\x00\xff",
        "at": datetime(2010, 12, 1, 8, 26, tzinfo=timezone.utc).replace(tzinfo=None),
        "none": None,
        "list": [1, "a", {"b": True}],
    }
    events.insert_one(stored)
    found = events.find_one({"_id": stored["_id"]})
    assert found == stored
    assert list(found) == list(stored)
    assert isinstance(found["int64"], Int64)


def test_duplicate_key(events):
    events.create_index([("user", ASCENDING), ("day", ASCENDING)], unique=True, name="user_day")
    events.insert_one({"user": "u1", "day": 1})
    with pytest.raises(DuplicateKeyError) as raised:
        events.insert_one({"user": "u1", "day": 1})
    assert raised.value.code == 11000
    assert raised.value.details["keyPattern"] == {"user": 1, "day": 1}
    assert raised.value.details["keyValue"] == {"user": "u1", "day": 1}


def test_insert_many_in_parts(events):
    documents = [{"_id": i} for i in range(5)]
    documents.insert(2, {"_id": 0})
    with pytest.raises(BulkWriteError) as raised:
        events.insert_many(documents, ordered=False)
    assert raised.value.details["nInserted"] == 5
    assert [error["index"] for error in raised.value.details["writeErrors"]] == [2]


def test_cursor_over_many_batches(events):
    events.insert_many({"_id": i, "even": i % 2 == 0} for i in range(2500))
    found = [each["_id"] for each in events.find({"even": True}).sort("_id", DESCENDING).batch_size(100)]
    assert found == list(range(2498, -1, -2))
    assert events.count_documents({"even": False}) == 1250
    assert events.estimated_document_count() == 2500


def test_updates(events):
    events.insert_one({"_id": 1, "n": 1, "tags": ["a"]})
    result = events.update_one({"_id": 1}, {"$inc": {"n": 2}, "$push": {"tags": {"$each": ["b", "c"], "$slice": -2}}})
    assert (result.matched_count, result.modified_count) == (1, 1)
    assert events.find_one({"_id": 1}) == {"_id": 1, "n": 3, "tags": ["b", "c"]}
    upserted = events.update_one({"_id": 2}, {"$setOnInsert": {"n": 9}}, upsert=True)
    assert upserted.upserted_id == 2
    after = events.find_one_and_update({"_id": 2}, {"$mul": {"n": 2}}, return_document=ReturnDocument.AFTER)
    assert after == {"_id": 2, "n": 18}
    bulk = events.bulk_write([UpdateOne({"_id": i}, {"$set": {"seen": True}}, upsert=True) for i in range(1, 5)])
    assert (bulk.matched_count, bulk.upserted_count) == (2, 2)


def test_aggregation(events):
    events.insert_many(
        {"_id": i, "user": f"u{i % 3}", "type": "purchase" if i % 2 else "view", "amount": Decimal128(f"{i}.10")}
        for i in range(30)
    )
    rows = list(
        events.aggregate(
            [
                {"$match": {"type": "purchase"}},
                {"$group": {"_id": "$user", "total": {"$sum": "$amount"}, "count": {"$sum": 1}}},
                {"$sort": {"_id": 1}},
            ]
        )
    )
    assert rows == [
        {"_id": "u0", "total": Decimal128("75.50"), "count": 5},
        {"_id": "u1", "total": Decimal128("65.50"), "count": 5},
        {"_id": "u2", "total": Decimal128("85.50"), "count": 5},
    ]


def test_an_index_serves_the_query(events):
    events.insert_many({"_id": i, "user": i % 100, "at": i} for i in range(1000))
    events.create_index([("user", ASCENDING), ("at", DESCENDING)])
    plan = events.find({"user": 5}).sort("at", DESCENDING).explain()
    assert plan["executionStats"]["totalKeysExamined"] == 10
    assert plan["executionStats"]["totalDocsExamined"] == 10
    events.drop_indexes()
    assert events.find({"user": 5}).explain()["executionStats"]["totalDocsExamined"] == 1000
    assert list(events.index_information()) == ["_id_"]


def test_session_and_concerns(client, events):
    with client.start_session(causal_consistency=True) as session:
        strict = events.with_options(write_concern=WriteConcern("majority"), read_concern=ReadConcern("majority"))
        strict.insert_one({"_id": 1}, session=session)
        assert strict.find_one({"_id": 1}, session=session) == {"_id": 1}
        assert session.operation_time is not None
        assert session.cluster_time is not None


def test_what_is_not_there_is_refused(events):
    with pytest.raises(OperationFailure) as stage:
        list(events.aggregate([{"$noSuchStage": {}}]))
    assert stage.value.code == 40324
    with pytest.raises(OperationFailure) as operator:
        events.find_one({"a": {"$noSuchOperator": 1}})
    assert operator.value.code == 2
    with pytest.raises(OperationFailure) as command:
        events.database.command("noSuchCommand")
    assert command.value.code == 59
