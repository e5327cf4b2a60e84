"""redis-py against the embedded Redis engine: the job of a small application, as its manual writes it."""

import os
import threading
import time

import pytest
import redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import LockNotOwnedError, ReadOnlyError, ResponseError, WatchError
from redis.retry import Retry

URL = os.environ.get("KEYFOLD_REDIS_URL", "redis://127.0.0.1:6379")


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def r(request):
    with redis.Redis.from_url(URL, protocol=request.param, decode_responses=True) as client:
        client.flushall()
        yield client


def test_server(r):
    assert r.ping() is True
    assert r.info("server")["redis_version"].startswith("7.2")
    assert r.client_info()["lib-name"].startswith("redis-py")
    assert r.config_get("maxmemory") == {"maxmemory": "0"}
    assert r.command_count() > 200
    assert r.time()[0] > 1_700_000_000


def test_types(r):
    assert r.set("text", "ü", ex=100, nx=True) is True
    assert r.set("text", "again", nx=True) is None
    assert (r.get("text"), 98 < r.ttl("text") <= 100) == ("ü", True)
    assert r.incrbyfloat("float", 0.1) == 0.1
    assert r.hset("hash", mapping={"a": 1, "b": "two"}) == 2
    assert r.hgetall("hash") == {"a": "1", "b": "two"}
    assert r.rpush("list", "a", "b", "c") == 3
    assert r.lpos("list", "c") == 2
    assert r.lmpop(2, "none", "list", direction="RIGHT", count=2) == ["list", ["c", "b"]]
    assert r.sadd("set", "x", "y") == 2
    assert r.smembers("set") == {"x", "y"}
    assert r.zadd("board", {"one": 1, "two": 2.5}) == 2
    assert [tuple(pair) for pair in r.zrange("board", 0, -1, withscores=True)] == [("one", 1.0), ("two", 2.5)]
    assert r.zscore("board", "two") == 2.5
    assert r.pfadd("sketch", *range(1000)) == 1
    assert abs(r.pfcount("sketch") - 1000) < 30
    assert r.geoadd("places", (13.4, 52.5, "Berlin")) == 1
    assert r.geosearch("places", longitude=13, latitude=52, radius=100, unit="km") == ["Berlin"]
    assert r.bitfield("bits").set("u8", 0, 255).incrby("u8", 0, 1).execute() == [0, 0]
    assert r.object("encoding", "hash") == "listpack"
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        r.incr("hash")


def test_bytes():
    with redis.Redis.from_url(URL) as client:
        value = bytes(range(256))
        client.set(b"\x00\xff", value)
        assert client.get(b"\x00\xff") == value
        assert client.restore("copy", 0, client.dump(b"\x00\xff")) == b"OK"
        assert client.get("copy") == value


def test_pipelines_and_transactions(r):
    with r.pipeline(transaction=False) as pipe:
        for i in range(500):
            pipe.rpush("numbers", i)
        assert pipe.execute() == list(range(1, 501))
    with r.pipeline() as pipe:
        pipe.watch("counter")
        r.set("counter", 5)
        pipe.multi()
        pipe.incr("counter")
        with pytest.raises(WatchError):
            pipe.execute()
    assert r.transaction(lambda pipe: pipe.multi() or pipe.incr("counter"), "counter") == [6]
    with r.pipeline() as pipe:
        pipe.set("text", "x").lpush("text", "y")
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            pipe.execute()


def test_scripts_and_functions(r):
    script = r.register_script("return {redis.call('INCRBY', KEYS[1], ARGV[1]), 3.99, 'x'}")
    assert script(keys=["n"], args=[5]) == [5, 3, "x"]
    r.script_flush()
    assert script(keys=["n"], args=[2]) == [7, 3, "x"]
    r.function_load("#!lua name=lib\nredis.register_function('f', function(k, a) return a[1] .. '!' end)", replace=True)
    assert r.fcall("f", 0, "hi") == "hi!"
    with pytest.raises(ResponseError, match="user_script"):
        r.eval("return redis.call('SET', KEYS[1])", 1, "n")


def test_streams(r):
    ids = [r.xadd("events", {"n": i}) for i in range(5)]
    assert r.xgroup_create("events", "group", id="0") is True
    read = r.xreadgroup("group", "me", {"events": ">"}, count=3)
    entries = read[0][1] if isinstance(read, list) else read["events"][0]
    assert [entry[0] for entry in entries] == ids[:3]
    assert r.xack("events", "group", ids[0]) == 1
    assert r.xpending("events", "group")["pending"] == 2
    claimed = r.xautoclaim("events", "group", "other", min_idle_time=0)
    assert [entry[0] for entry in claimed[1]] == ids[1:3]
    assert r.xinfo_stream("events")["length"] == 5


def test_pubsub(r):
    with r.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe("news")
        listener.psubscribe("n*")
        heard = []
        until = time.monotonic() + 5
        while time.monotonic() < until and len(heard) < 2:
            if r.pubsub_numsub("news")[0][1] == 1 and r.pubsub_numpat() == 1 and not heard:
                r.publish("news", "hello")
            message = listener.get_message(timeout=0.2)
            if message:
                heard.append((message["type"], message["data"]))
        assert ("message", "hello") in heard and ("pmessage", "hello") in heard


def test_blocking_in_order(r):
    got = []

    def wait(name):
        with redis.Redis.from_url(URL, decode_responses=True) as own:
            got.append((name, own.blpop("queue", timeout=5)))

    threads = []
    for name in "abc":
        threads.append(threading.Thread(target=wait, args=(name,)))
        threads[-1].start()
        until = time.monotonic() + 5
        while r.info("clients")["blocked_clients"] < len(threads) and time.monotonic() < until:
            time.sleep(0.01)
    r.rpush("queue", 1)
    threads[0].join()
    r.rpush("queue", 2)
    threads[1].join()
    r.rpush("queue", 3)
    threads[2].join()
    assert [(name, *pair) for name, pair in got] == [("a", "queue", "1"), ("b", "queue", "2"), ("c", "queue", "3")]


def test_locks_and_scans(r):
    lock = r.lock("stock", timeout=0.2)
    assert lock.acquire() is True
    assert r.lock("stock").acquire(blocking=False) is False
    time.sleep(0.25)
    with pytest.raises(LockNotOwnedError):
        lock.release()
    r.mset({f"k{i}": i for i in range(300)})
    assert len(set(r.scan_iter("k*", count=20))) == 300


def test_reconnects():
    retry = Retry(ExponentialBackoff(base=0.01), 3)
    with redis.Redis.from_url(URL, retry=retry, retry_on_error=[ConnectionError, ReadOnlyError]) as client:
        client.set("alive", 1)
        with redis.Redis.from_url(URL) as other:
            other.client_kill_filter(_id=client.client_id())
        assert client.get("alive") == b"1"
