-- Results as topics: one view per sink of spark-pipeline.yml, with the key and the JSON value of each row.
CREATE TEMPORARY VIEW sales_by_minute_json AS
SELECT concat_ws('|', category, region) AS key, to_json(struct(*)) AS value FROM STREAM sales_by_minute;

CREATE TEMPORARY VIEW segment_metrics_json AS
SELECT user_segment AS key, to_json(struct(*)) AS value FROM STREAM segment_metrics;

CREATE TEMPORARY VIEW anomalies_json AS
SELECT user_id AS key, to_json(struct(*)) AS value FROM STREAM anomalies;

CREATE TEMPORARY VIEW customer_scores_json AS
SELECT user_id AS key, to_json(struct(*)) AS value FROM STREAM customer_scores;

CREATE TEMPORARY VIEW hourly_sales_json AS
SELECT category AS key, to_json(struct(*)) AS value FROM STREAM hourly_sales;

CREATE TEMPORARY VIEW product_sales_json AS
SELECT CAST(product_id AS STRING) AS key, to_json(struct(*)) AS value FROM STREAM product_sales;
