CREATE STREAMING TABLE q5_bids
COMMENT 'Bids on each auction in each ten seconds, every two seconds'
AS SELECT window.start AS window_start, window.end AS window_end, auction, count(*) AS num
FROM STREAM bid
GROUP BY window(dateTime, '10 seconds', '2 seconds'), auction;

CREATE MATERIALIZED VIEW q5
COMMENT 'Hot items: the auctions with the most bids of each ten seconds'
AS SELECT window_start, window_end, auction, num FROM (
  SELECT *, rank() OVER (PARTITION BY window_start ORDER BY num DESC) AS place FROM q5_bids)
WHERE place = 1;
