-- Products with more than 10 of revenue this hour. Returns have a negative amount.
CREATE TEMPORARY VIEW s AS
SELECT * FROM (SELECT j.product, j.amount, try_to_timestamp(j.at) AS ts
  FROM (SELECT from_json(CAST(value AS STRING), 'product STRING, at STRING, amount DOUBLE') AS j FROM STREAM raw))
WATERMARK ts DELAY OF INTERVAL 1 SECOND;
CREATE STREAMING TABLE best AS
SELECT window.start AS hour, product, sum(amount) AS revenue FROM STREAM s GROUP BY window(ts, '1 hour'), product HAVING sum(amount) > 10;
CREATE TEMPORARY VIEW top AS SELECT 'top' AS key, product AS member, revenue AS score FROM STREAM best;
CREATE TEMPORARY VIEW fields AS SELECT 'revenue' AS key, product AS field, revenue AS value FROM STREAM best;
-- WHERE lets go, and the key moves with the revenue
CREATE TEMPORARY VIEW large AS SELECT concat('large:', date_format(hour, 'HH'), ':', product) AS key, revenue AS value FROM STREAM best WHERE revenue > 40;
CREATE TEMPORARY VIEW ranks AS SELECT concat('sold:', CAST(revenue AS INT)) AS key, product AS value FROM STREAM best;
-- the last price of a product, row by row; none when it came back
CREATE STREAMING TABLE sold AS SELECT product, amount FROM STREAM s;
CREATE TEMPORARY VIEW prices AS SELECT concat('price:', product) AS key, CASE WHEN amount > 0 THEN amount END AS value FROM STREAM sold;
