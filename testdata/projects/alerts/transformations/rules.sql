-- Each row of busy is one breach: a minute in which a region sold many books.
CREATE TEMPORARY VIEW purchase AS
SELECT * FROM (
  SELECT e.* EXCEPT (timestamp), try_to_timestamp(e.timestamp) AS ts
  FROM (SELECT from_json(CAST(value AS STRING), 'timestamp STRING, category STRING, final_amount DOUBLE, region STRING') AS e FROM STREAM purchase_raw)
) WATERMARK ts DELAY OF INTERVAL 10 SECONDS
WHERE ts IS NOT NULL;

CREATE STREAMING TABLE books_by_minute
AS SELECT window.end AS window_end, region, round(sum(final_amount), 2) AS sales
FROM STREAM purchase WHERE category = 'books'
GROUP BY window(ts, '1 minute'), region;

CREATE TEMPORARY VIEW busy
AS SELECT *, CASE WHEN sales > 550000 THEN 'critical' ELSE 'warning' END AS severity
FROM STREAM books_by_minute WHERE sales > 475000;
