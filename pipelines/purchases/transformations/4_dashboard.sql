-- The hour so far and the hours before it: sales by category, and products by revenue.
CREATE STREAMING TABLE hourly_sales
COMMENT 'Sales of each hour by category'
AS SELECT window.start AS window_start, window.end AS window_end, category,
          sum(final_amount) AS total_sales,
          count(*) AS order_count,
          avg(final_amount) AS avg_order_value,
          count(DISTINCT user_id) AS unique_customers
FROM STREAM purchase
GROUP BY window(ts, '1 hour'), category;

CREATE STREAMING TABLE product_sales
COMMENT 'Sales of each hour by product'
AS SELECT window.start AS window_start, window.end AS window_end, product_id, product_name, category,
          sum(quantity) AS total_quantity,
          sum(final_amount) AS total_revenue,
          count(*) AS order_count
FROM STREAM purchase
GROUP BY window(ts, '1 hour'), product_id, product_name, category;

CREATE MATERIALIZED VIEW top_products
COMMENT 'Products of each hour, the one with the greatest revenue first'
AS SELECT window_start, product_id, product_name, category, total_quantity, total_revenue, order_count,
          rank() OVER (PARTITION BY window_start ORDER BY total_revenue DESC) AS revenue_rank
FROM product_sales
ORDER BY window_start, revenue_rank, product_id;
