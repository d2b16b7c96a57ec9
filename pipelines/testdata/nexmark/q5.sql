WITH hop AS (
  SELECT auction, w AS window_start, w + INTERVAL 10 SECONDS AS window_end, count(*) AS num
  FROM (SELECT auction, unnest([time_bucket(INTERVAL 2 SECONDS, dateTime) - i * INTERVAL 2 SECONDS FOR i IN range(5)]) AS w FROM bid)
  GROUP BY auction, w),
most AS (SELECT window_start, window_end, max(num) AS maxn FROM hop GROUP BY window_start, window_end)
SELECT window_start, window_end, auction, num FROM hop JOIN most USING (window_start, window_end) WHERE num >= maxn
