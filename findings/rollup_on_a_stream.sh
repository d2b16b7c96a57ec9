#!/bin/bash
# Guess: GROUP BY ROLLUP (window(ts, '1 minute'), k) on a stream gives the grand total as well, or is refused, as a
# grouping without a window of the event time is (STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION).
# Seen on Spark 4.3.0, output mode append: it is accepted, the rows of the sets with the window come out, and the grand
# total never does, in no batch and without a word; the same query over the same rows as a batch has it.
set -eu
W=$(mktemp -d); trap 'rm -rf "$W"' EXIT
python3 -m venv "$W/v"
"$W/v/bin/pip" -q install pyspark==4.3.0 setuptools
W="$W" "$W/v/bin/python" - <<'PY'
import json, os, sys, pyspark
from pyspark.sql import SparkSession
w = os.environ["W"]
s = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC")
     .config("spark.sql.shuffle.partitions", "1").getOrCreate())
s.sparkContext.setLogLevel("OFF")
os.mkdir(w + "/in")
with open(w + "/in/e.json", "w") as f:
    for k, ts, n in [("a", "12:00:00", 1), ("b", "12:00:20", 2), ("a", "12:01:30", 4), ("z", "12:05:00", 8)]:
        f.write(json.dumps({"k": k, "ts": "2026-01-01 " + ts, "n": n}) + "\n")
schema = "k STRING, ts TIMESTAMP, n INT"
s.readStream.schema(schema).json(w + "/in").createOrReplaceTempView("e")
s.read.schema(schema).json(w + "/in").createOrReplaceTempView("b")
query = "SELECT date_format(window.start, 'HH:mm') w, k, sum(n) s FROM %s GROUP BY ROLLUP (window(ts, '1 minute'), k)"
out = []
(s.sql(query % "STREAM e WATERMARK ts DELAY OF INTERVAL 10 SECONDS").writeStream.foreachBatch(lambda d, i: out.extend(tuple(r) for r in d.collect()))
 .option("checkpointLocation", w + "/c").trigger(availableNow=True).start().awaitTermination())
total = [tuple(r) for r in s.sql(query % "b").collect() if r.w is None]
print("pyspark", pyspark.__version__)
print("stream:", sorted(out, key=str))
print("grand total of the batch:", total)
ok = total == [(None, None, 15)] and len(out) == 5 and all(r[0] is not None for r in out)
sys.exit(0 if ok else 1)
PY
