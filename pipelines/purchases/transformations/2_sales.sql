-- The tutorial's three queries: sales per minute, segments per two minutes, and what is unusual.
CREATE STREAMING TABLE sales_by_minute
COMMENT 'Sales of each minute by category and region'
AS SELECT window.start AS window_start, window.end AS window_end, category, region,
          count(*) AS order_count,
          sum(final_amount) AS total_sales,
          avg(final_amount) AS avg_order_value,
          count(DISTINCT user_id) AS unique_customers
FROM STREAM purchase
GROUP BY window(ts, '1 minute'), category, region;

CREATE STREAMING TABLE segment_metrics
COMMENT 'What each customer segment bought in two minutes'
AS SELECT window.start AS window_start, window.end AS window_end, user_segment,
          count(*) AS orders,
          sum(final_amount) AS revenue,
          avg(discount_rate) AS avg_discount,
          sum(quantity) AS total_items,
          sum(final_amount) / count(*) AS revenue_per_order
FROM STREAM purchase
GROUP BY window(ts, '2 minutes'), user_segment;

CREATE STREAMING TABLE anomalies
COMMENT 'Purchases of more than 50,000 yen'
AS SELECT event_id, ts, user_id, user_segment, product_name, category, region, quantity, final_amount,
          'high_value_transaction' AS anomaly_type
FROM STREAM purchase
WHERE final_amount > 50000;
