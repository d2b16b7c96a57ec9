#!/bin/bash
# Guess: LEFT JOIN LATERAL explode(a) without ON keeps a row whose array is empty, with NULL behind it, as ON true does
# (and as LATERAL VIEW OUTER does).
# Seen on Spark 4.3.0: without ON the row is gone, as by an inner join; with ON true it is there.
set -eu
W=$(mktemp -d); trap 'rm -rf "$W"' EXIT
python3 -m venv "$W/v"
"$W/v/bin/pip" -q install pyspark==4.3.0 setuptools
"$W/v/bin/python" - <<'PY'
import sys, pyspark
from pyspark.sql import SparkSession
s = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
s.sparkContext.setLogLevel("OFF")
q = "SELECT k, x FROM VALUES ('a', array(1, 2)), ('b', array()) AS t(k, a) LEFT JOIN LATERAL explode(a) AS e(x)"
without = sorted((tuple(r) for r in s.sql(q).collect()), key=str)
on_true = sorted((tuple(r) for r in s.sql(q + " ON true").collect()), key=str)
print("pyspark", pyspark.__version__)
print("without ON:", without)
print("ON true:   ", on_true)
ok = without == [("a", 1), ("a", 2)] and on_true == [("a", 1), ("a", 2), ("b", None)]
sys.exit(0 if ok else 1)
PY
