-- What the alerts of spark-pipeline.yml are raised by: each row of a view below is one breach of one thing.
-- The process writes a record a second to topic system-metrics (of the machine) and to topic pipeline-metrics
-- (of itself), also when nothing else comes; so silence is a row, too.
CREATE TEMPORARY VIEW machine AS
SELECT * FROM (
  SELECT m.* EXCEPT (timestamp), try_to_timestamp(m.timestamp) AS ts
  FROM (
    SELECT from_json(CAST(value AS STRING),
      'timestamp STRING, host STRING, cpu_percent DOUBLE, memory_percent DOUBLE, memory_available_gb DOUBLE,
       disk_percent DOUBLE, disk_free_gb DOUBLE, disk_path STRING,
       failed ARRAY<STRUCT<collector STRING, reason STRING>>') AS m
    FROM STREAM system_raw)
) WATERMARK ts DELAY OF INTERVAL 2 SECONDS
WHERE ts IS NOT NULL;

CREATE TEMPORARY VIEW progress AS
SELECT * FROM (
  SELECT p.* EXCEPT (timestamp), try_to_timestamp(p.timestamp) AS ts
  FROM (
    SELECT from_json(CAST(value AS STRING),
      'timestamp STRING, kind STRING, name STRING, numInputRows BIGINT, numLateRows BIGINT, lagRecords BIGINT,
       silentSeconds DOUBLE, checkpointSeconds DOUBLE, waitingSeconds DOUBLE, waitingRows BIGINT,
       health ARRAY<STRUCT<part STRING, state STRING, reason STRING>>') AS p
    FROM STREAM pipeline_raw)
) WATERMARK ts DELAY OF INTERVAL 2 SECONDS
WHERE ts IS NOT NULL;

-- Averages of half a minute: one busy second is no alert.
CREATE TEMPORARY VIEW cpu_high AS
SELECT host, round(avg(cpu_percent), 1) AS cpu_percent
FROM STREAM machine
GROUP BY window(ts, '30 seconds'), host
HAVING avg(cpu_percent) > 80;

CREATE TEMPORARY VIEW memory_high AS
SELECT host, round(avg(memory_percent), 1) AS memory_percent, round(avg(memory_available_gb), 1) AS available_gb
FROM STREAM machine
GROUP BY window(ts, '30 seconds'), host
HAVING avg(memory_percent) > 85;

CREATE TEMPORARY VIEW disk_high AS
SELECT host, disk_path, round(avg(disk_percent), 1) AS disk_percent, round(min(disk_free_gb), 1) AS free_gb
FROM STREAM machine
WHERE disk_path IS NOT NULL
GROUP BY window(ts, '30 seconds'), host, disk_path
HAVING avg(disk_percent) > 80;

-- No events are taken in for want of room. The process has kept some for its own records, so this is told meanwhile.
CREATE TEMPORARY VIEW disk_full AS
SELECT name AS project, max_by(part.reason, ts) AS reason
FROM STREAM progress LATERAL VIEW explode(health) AS part
WHERE kind = 'process' AND part.part = 'disk' AND part.state = 'stuck'
GROUP BY window(ts, '10 seconds'), name;

-- What cannot be read of the machine: no rule above sees it.
CREATE TEMPORARY VIEW machine_unread AS
SELECT host, max(failed[0].collector) AS collector, max(failed[0].reason) AS reason
FROM STREAM machine
WHERE size(failed) > 0
GROUP BY window(ts, '30 seconds'), host
HAVING count(*) > 1;

CREATE TEMPORARY VIEW purchases_silent AS
SELECT name AS topic, CAST(max(silentSeconds) AS INT) AS silent_seconds
FROM STREAM progress
WHERE kind = 'source' AND name = 'purchase-events'
GROUP BY window(ts, '10 seconds'), name
HAVING max(silentSeconds) > 30;

-- A lag that is greater at the end of 20 seconds than at their beginning, again and again for a minute (with the
-- alert's for, 40 seconds). A burst is so once and is then worked off.
CREATE TEMPORARY VIEW lag_growing AS
SELECT name AS topic, max_by(lagRecords, ts) AS lag_records, max_by(lagRecords, ts) - min_by(lagRecords, ts) AS grown_by
FROM STREAM progress
WHERE kind = 'source' AND lagRecords IS NOT NULL
GROUP BY window(ts, '20 seconds', '10 seconds'), name
HAVING max_by(lagRecords, ts) > min_by(lagRecords, ts) AND max_by(lagRecords, ts) >= 100;

CREATE TEMPORARY VIEW checkpoint_slow AS
SELECT name AS project, CAST(max(checkpointSeconds) AS INT) AS seconds
FROM STREAM progress
WHERE kind = 'process'
GROUP BY window(ts, '10 seconds'), name
HAVING max(checkpointSeconds) > 30;

CREATE TEMPORARY VIEW delivery_slow AS
SELECT name AS sink, CAST(max(waitingSeconds) AS INT) AS seconds, max_by(waitingRows, ts) AS waiting_rows
FROM STREAM progress
WHERE kind = 'sink'
GROUP BY window(ts, '10 seconds'), name
HAVING max(waitingSeconds) > 30;

CREATE TEMPORARY VIEW late_share AS
SELECT name AS table, sum(numLateRows) AS late_rows, sum(numInputRows) AS rows,
       round(100 * sum(numLateRows) / sum(numInputRows), 1) AS late_percent
FROM STREAM progress
WHERE kind = 'table'
GROUP BY window(ts, '5 minutes', '1 minute'), name
HAVING sum(numLateRows) > 0.01 * sum(numInputRows);
