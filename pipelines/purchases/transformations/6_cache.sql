-- Results for programs that look them up in Redis: one view per redis sink of spark-pipeline.yml. A key,
-- with the field or member, holds every grouping column, so that no row takes another one's place.

-- What a customer is worth, as his newest purchase says: time decides, not the order of arrival.
CREATE TEMPORARY VIEW clv_cache AS
SELECT concat('clv:', user_id) AS key,
       to_json(struct(user_id, user_segment, predicted_clv, event_id, ts)) AS value,
       ts AS time
FROM STREAM customer_scores
WHERE predicted_clv IS NOT NULL;

-- Sales of an hour by category; the hour so far, too.
CREATE TEMPORARY VIEW hourly_sales_cache AS
SELECT concat('hourly_sales:', date_format(window_start, "yyyy-MM-dd'T'HH:mm"), ':', category) AS key,
       to_json(struct(*)) AS value
FROM STREAM hourly_sales;

-- Products of an hour by revenue, a sorted set an hour: ZREVRANGE gives the best.
CREATE TEMPORARY VIEW top_products_cache AS
SELECT concat('top_products:', date_format(window_start, "yyyy-MM-dd'T'HH:mm")) AS key,
       concat(product_id, '|', product_name, '|', category) AS member,
       total_revenue AS score
FROM STREAM product_sales;
