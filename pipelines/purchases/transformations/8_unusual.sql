-- Sales of a minute against the 30 minutes before it, by category and region: how many standard deviations the
-- newest minute is off. A median and a MAD (median of the distances from it) stand where a mean and a deviation
-- would: one outlier in the past moves them by little, so the next one is seen as well.
CREATE TEMPORARY VIEW sales_recent AS
SELECT window.end - INTERVAL 1 MINUTE AS minute, category, region,
       collect_list(struct(window_start, total_sales)) AS minutes
FROM STREAM sales_by_minute WATERMARK window_start DELAY OF INTERVAL 0 SECONDS
GROUP BY window(window_start, '31 minutes', '1 minute'), category, region;

CREATE TEMPORARY VIEW sales_score AS
SELECT minute, category, region, sales, median, spread, (sales - median) / spread AS score
FROM (
  SELECT minute, category, region, sales, median,
         -- 1.4826 is 1/Φ⁻¹(3/4): with it the MAD of normally distributed values is their standard deviation
         -- (Rousseeuw, Croux, "Alternatives to the Median Absolute Deviation", JASA 88, 1993). Minutes that are
         -- all but equal have a MAD near 0: a spread is at least a twentieth of the median, and one yen.
         greatest(1.4826 * (distances[(size(distances) - 1) DIV 2] + distances[size(distances) DIV 2]) / 2, 0.05 * abs(median), 1) AS spread
  FROM (
    SELECT minute, category, region, sales, median, array_sort(transform(past, x -> abs(x - median))) AS distances
    FROM (
      SELECT minute, category, region, sales, past, (past[(size(past) - 1) DIV 2] + past[size(past) DIV 2]) / 2 AS median
      FROM (
        SELECT minute, category, region,
               get(filter(minutes, m -> m.window_start = minute), 0).total_sales AS sales,
               array_sort(transform(filter(minutes, m -> m.window_start < minute), m -> m.total_sales)) AS past
        FROM STREAM sales_recent)
      WHERE sales IS NOT NULL AND size(past) >= 20)));

CREATE TEMPORARY VIEW sales_unusual AS
SELECT minute, category, region, round(sales) AS sales, round(median) AS usual, round(score, 1) AS score,
       CASE WHEN score > 0 THEN 'above' ELSE 'below' END AS side
FROM STREAM sales_score
WHERE abs(score) > 4;
