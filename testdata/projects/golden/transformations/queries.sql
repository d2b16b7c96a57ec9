-- The queries of the golden files, in the columns of their expected answers.
CREATE TEMPORARY VIEW purchase AS
SELECT * FROM (
  SELECT e.* EXCEPT (timestamp), try_to_timestamp(e.timestamp) AS ts, partition, offset
  FROM (
    SELECT from_json(CAST(value AS STRING),
      'event_id STRING, timestamp STRING, user_id STRING, user_segment STRING, product_id INT,
       product_name STRING, category STRING, quantity INT, unit_price DOUBLE, base_amount DOUBLE,
       discount_rate DOUBLE, discount_amount DOUBLE, final_amount DOUBLE, region STRING,
       device STRING, payment_method STRING') AS e, partition, offset
    FROM STREAM purchase_raw)
) WATERMARK ts DELAY OF INTERVAL 10 SECONDS
WHERE ts IS NOT NULL;

CREATE STREAMING TABLE q1 AS
SELECT window.start AS window_start, window.end AS window_end, category, region,
       count(*) AS order_count, sum(final_amount) AS total_sales,
       avg(final_amount) AS avg_order_value, count(DISTINCT user_id) AS unique_customers
FROM STREAM purchase
GROUP BY window(ts, '1 minute'), category, region;

CREATE STREAMING TABLE q2 AS
SELECT window.start AS window_start, window.end AS window_end, user_segment,
       count(*) AS orders, sum(final_amount) AS revenue, avg(discount_rate) AS avg_discount,
       sum(quantity) AS total_items, sum(final_amount) / count(*) AS revenue_per_order
FROM STREAM purchase
GROUP BY window(ts, '2 minutes'), user_segment;

CREATE STREAMING TABLE q3 AS
SELECT partition, offset, event_id, final_amount
FROM STREAM purchase
WHERE final_amount > 50000;

CREATE STREAMING TABLE q4 AS
SELECT window.start AS window_start, category, sum(final_amount) AS total_sales,
       count(*) AS order_count, avg(final_amount) AS avg_order_value,
       count(DISTINCT user_id) AS unique_customers
FROM STREAM purchase
GROUP BY window(ts, '1 hour'), category;

CREATE STREAMING TABLE q5_products AS
SELECT window.start AS window_start, product_id, product_name, category,
       sum(quantity) AS total_quantity, sum(final_amount) AS total_revenue, count(*) AS order_count
FROM STREAM purchase
GROUP BY window(ts, '1 hour'), product_id, product_name, category;

CREATE MATERIALIZED VIEW q5 AS
SELECT window_start, product_id, product_name, category, total_quantity, total_revenue, order_count,
       rank() OVER (PARTITION BY window_start ORDER BY total_revenue DESC) AS revenue_rank
FROM q5_products;
