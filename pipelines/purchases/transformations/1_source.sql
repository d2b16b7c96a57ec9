-- Every purchase with a usable time. A malformed value gives a struct of NULLs, so it has no time and
-- goes no further; the ledger counts it as invalid and purchase-events$invalid keeps it.
CREATE TEMPORARY VIEW purchase AS
SELECT * FROM (
  SELECT e.* EXCEPT (timestamp), try_to_timestamp(e.timestamp) AS ts
  FROM (
    SELECT from_json(CAST(value AS STRING),
      'event_id STRING, timestamp STRING, user_id STRING, user_segment STRING, product_id INT,
       product_name STRING, category STRING, quantity INT, unit_price DOUBLE, base_amount DOUBLE,
       discount_rate DOUBLE, discount_amount DOUBLE, final_amount DOUBLE, region STRING,
       device STRING, payment_method STRING') AS e
    FROM STREAM purchase_raw)
) WATERMARK ts DELAY OF INTERVAL 10 SECONDS
WHERE ts IS NOT NULL;
