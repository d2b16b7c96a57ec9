SELECT min(dateTime) AS starttime, max(dateTime) + INTERVAL 10 SECONDS AS endtime, bidder, count(*) AS bid_count
FROM (
  SELECT *, sum(begins) OVER (PARTITION BY bidder ORDER BY dateTime RANGE UNBOUNDED PRECEDING) AS session
  FROM (
    SELECT *, CASE WHEN dateTime - lag(dateTime) OVER (PARTITION BY bidder ORDER BY dateTime) <= INTERVAL 10 SECONDS THEN 0 ELSE 1 END AS begins
    FROM bid))
GROUP BY bidder, session
