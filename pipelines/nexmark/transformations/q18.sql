CREATE STREAMING TABLE q18_bids
COMMENT 'Every bid, kept for the view'
AS SELECT auction, bidder, price, channel, url, dateTime, extra FROM STREAM bid;

CREATE MATERIALIZED VIEW q18
COMMENT 'Last bid: the newest of each bidder on each auction'
AS SELECT auction, bidder, price, channel, url, dateTime, extra FROM (
  SELECT *, row_number() OVER (PARTITION BY bidder, auction ORDER BY dateTime DESC, price DESC, extra) AS place FROM q18_bids)
WHERE place = 1;
