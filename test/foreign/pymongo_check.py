"""What a Python program does with MongoDB, against the URL in argv[1]; prints "all well" at the end."""

import datetime
import sys

from bson import Decimal128, Int64, ObjectId
from pymongo import ASCENDING, DESCENDING, InsertOne, MongoClient, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

client = MongoClient(sys.argv[1], serverSelectionTimeoutMS=5000)
assert client.server_info()["version"].startswith("7.0")
assert client.admin.command("ping")["ok"] == 1
database = client["foreign"]
lines = database["lines"]

# CRUD, and types that come back as they went in
when = datetime.datetime(2024, 5, 17, 12, 30, 1, 123000)
first = lines.insert_one({"n": 1, "price": Decimal128("2.550"), "big": Int64(2**60), "at": when, "tags": ["a", "b"]})
assert isinstance(first.inserted_id, ObjectId)
back = lines.find_one({"_id": first.inserted_id})
assert back["price"] == Decimal128("2.550") and back["big"] == 2**60 and back["at"] == when, back
lines.insert_many([{"n": n, "who": n % 7} for n in range(2, 1002)])
assert lines.count_documents({}) == 1001
assert lines.estimated_document_count() == 1001
assert lines.update_many({"who": 3}, {"$set": {"three": True}, "$inc": {"n": 10000}}).modified_count == 143
assert lines.find_one_and_update({"n": 2}, {"$push": {"l": 1}}, return_document=ReturnDocument.AFTER)["l"] == [1]
assert lines.replace_one({"n": 4}, {"n": 4, "new": 1}).modified_count == 1
assert lines.update_one({"n": -1}, {"$set": {"x": 1}}, upsert=True).upserted_id is not None
assert lines.delete_one({"n": -1}).deleted_count == 1

# Indexes
assert lines.create_index([("who", ASCENDING), ("n", DESCENDING)]) == "who_1_n_-1"
assert set(lines.index_information()) == {"_id_", "who_1_n_-1"}
plan = lines.find({"who": 5}).sort("n", -1).limit(3).explain()
assert plan["executionStats"]["totalKeysExamined"] == 3, plan["executionStats"]

# Cursors
assert [each["n"] for each in lines.find({"who": 5}, batch_size=10).sort("n", 1)] == list(range(5, 1002, 7))
with lines.find({}, batch_size=2) as cursor:
    next(cursor)
raw = b"".join(lines.find_raw_batches({"who": 5}, {"_id": 0}))
assert len(raw) > 100

# Aggregation
rows = list(
    lines.aggregate(
        [
            {"$match": {"who": {"$in": [1, 2]}}},
            {"$group": {"_id": "$who", "count": {"$sum": 1}, "most": {"$max": "$n"}}},
            {"$sort": {"_id": 1}},
        ]
    )
)
assert [row["_id"] for row in rows] == [1, 2] and [row["count"] for row in rows] == [142, 143], rows

# Bulk writes and errors
result = lines.bulk_write([InsertOne({"_id": "x"}), UpdateOne({"_id": "x"}, {"$set": {"a": 1}}), UpdateOne({"_id": "y"}, {"$set": {"a": 1}}, upsert=True)])
assert (result.inserted_count, result.modified_count, result.upserted_count) == (1, 1, 1)
try:
    lines.bulk_write([InsertOne({"_id": "x"}), InsertOne({"_id": "z"})], ordered=False)
    raise AssertionError("no error")
except BulkWriteError as error:
    assert error.details["nInserted"] == 1 and error.details["writeErrors"][0]["code"] == 11000
try:
    lines.insert_one({"_id": "x"})
    raise AssertionError("no error")
except DuplicateKeyError as error:
    assert error.details["keyPattern"] == {"_id": 1} and error.details["keyValue"] == {"_id": "x"}
for command, code in [({"nonsense": 1}, 59), ({"find": "lines", "filter": {"$nope": 1}}, 2)]:
    try:
        database.command(command)
        raise AssertionError("no error")
    except OperationFailure as error:
        assert error.code == code, error

# Sessions
with client.start_session(causal_consistency=True) as session:
    lines.insert_one({"_id": "s"}, session=session)
    assert lines.find_one({"_id": "s"}, session=session) is not None
    assert session.operation_time is not None
client.drop_database("foreign")
assert "foreign" not in client.list_database_names()
print("all well")
