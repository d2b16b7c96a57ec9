#!/bin/bash
# Guess: with decode_responses=True every reply of redis-py is text, and ZRANDMEMBER ... WITHSCORES gives pairs of
# member and float, as ZRANGE, ZPOPMIN and ZRANGEBYSCORE do, whatever version of the protocol is spoken.
# Seen with redis-py 8.1.0 against redis-server 7.0: with the client's defaults (RESP3 on the wire) it gives one flat list
# of members as str and scores as *bytes* (['b', b'2.5']); with protocol=2 a flat list of str (['b', '2.5']); with protocol=3
# pairs with floats ([['b', 2.5]]). Three answers of one call, of which the default one mixes text and bytes.
# Needs redis-server 7. Exits 0 while that is so.
set -eu
command -v redis-server >/dev/null || { echo "needs redis-server"; exit 2; }
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" -q install redis==8.1.0
redis-server --port 0 --unixsocket "$dir/s" --save "" --appendonly no --dir "$dir" >"$dir/log" 2>&1 &
pid=$!
"$dir/venv/bin/python" - "$dir/s" <<'P'
import sys, time
import redis
for _ in range(100):
    try:
        redis.Redis(unix_socket_path=sys.argv[1]).ping()
        break
    except redis.ConnectionError:
        time.sleep(0.05)
got = {}
for protocol in (None, 2, 3):
    with redis.Redis(unix_socket_path=sys.argv[1], decode_responses=True, **({} if protocol is None else {"protocol": protocol})) as r:
        r.delete("z")
        r.zadd("z", {"b": 2.5})
        got[protocol] = r.zrandmember("z", 1, withscores=True)
        if protocol is None:
            print("redis-py", redis.__version__, "redis-server", r.info("server")["redis_version"])
            print("ZRANGE, by default:", r.zrange("z", 0, -1, withscores=True))
for protocol, answer in got.items():
    print("ZRANDMEMBER, protocol", protocol or "by default", "->", answer)
same = got == {None: ["b", b"2.5"], 2: ["b", "2.5"], 3: [["b", 2.5]]}
print("as described" if same else "CHANGED")
sys.exit(not same)
P
