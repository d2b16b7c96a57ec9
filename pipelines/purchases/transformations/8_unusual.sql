-- Sales of a minute, and its largest purchase, against the 30 minutes before it, by category and region: how many
-- standard deviations the newest minute is off. A median and a MAD (median of the distances from it) stand where a mean
-- and a deviation would: one outlier in the past moves them by little, so the next one is seen as well.
-- nagare alerts grade tells how many of the generator's planted purchases the rule finds, and how often it is wrong.
CREATE STREAMING TABLE sales_measures
COMMENT 'What is compared with its own past: sales and the largest purchase of each minute'
AS SELECT window.start AS window_start, window.end AS window_end, category, region,
          sum(final_amount) AS total_sales,
          max(final_amount) AS largest_purchase
FROM STREAM purchase
GROUP BY window(ts, '1 minute'), category, region;

CREATE TEMPORARY VIEW sales_recent AS
SELECT window.end - INTERVAL 1 MINUTE AS minute, category, region,
       collect_list(struct(window_start, total_sales, largest_purchase)) AS minutes
FROM STREAM sales_measures WATERMARK window_start DELAY OF INTERVAL 0 SECONDS
GROUP BY window(window_start, '31 minutes', '1 minute'), category, region;

-- Each measure of a minute with its score; worst is the one that is farthest off. Each transform adds what the next one
-- needs more than once: a subquery's expressions would be computed anew wherever a column of it is named.
CREATE TEMPORARY VIEW sales_score AS
SELECT minute, category, region,
  array_max(transform(transform(transform(transform(measures,
    m -> struct(m.what AS what, m.yen AS yen, array_sort(m.past) AS past)),
    m -> struct(m.what AS what, m.yen AS yen, m.past AS past,
                (m.past[(size(m.past) - 1) DIV 2] + m.past[size(m.past) DIV 2]) / 2 AS usual)),
    -- 1.4826 is 1/Φ⁻¹(3/4): with it the MAD of normally distributed values is their standard deviation
    -- (Rousseeuw, Croux, "Alternatives to the Median Absolute Deviation", JASA 88, 1993).
    m -> struct(m.what AS what, m.yen AS yen, m.usual AS usual, greatest(abs(m.past[0]), abs(m.past[size(m.past) - 1])) AS most,
                array_sort(transform(m.past, x -> abs(x - m.usual))) AS distances)),
    -- Minutes that are all but equal have a MAD near 0, so a spread is at least a tenth of the greatest minute; where that
    -- is 0 as well there is nothing to compare with.
    m -> struct(coalesce(abs(m.yen - m.usual) / nullif(greatest(
                  1.4826 * (m.distances[(size(m.distances) - 1) DIV 2] + m.distances[size(m.distances) DIV 2]) / 2, 0.1 * m.most), 0), 0) AS score,
                m.what AS what, m.yen AS yen, m.usual AS usual))) AS worst
FROM (
  SELECT minute, category, region,
         array(struct('sales' AS what, newest.total_sales AS yen, transform(past, m -> m.total_sales) AS past),
               struct('largest purchase' AS what, newest.largest_purchase AS yen, transform(past, m -> m.largest_purchase) AS past)) AS measures
  FROM (
    SELECT minute, category, region,
           get(filter(minutes, m -> m.window_start = minute), 0) AS newest,
           filter(minutes, m -> m.window_start < minute) AS past
    FROM STREAM sales_recent)
  WHERE newest IS NOT NULL AND size(past) >= 20);

CREATE TEMPORARY VIEW sales_unusual AS
SELECT minute, category, region, worst.what AS what, CAST(round(worst.yen) AS BIGINT) AS yen, CAST(round(worst.usual) AS BIGINT) AS usual,
       round(worst.score, 1) AS score, CASE WHEN worst.yen > worst.usual THEN 'above' ELSE 'below' END AS side
FROM STREAM sales_score
WHERE worst.score > 6;
