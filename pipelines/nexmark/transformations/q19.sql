CREATE STREAMING TABLE q19_bids
COMMENT 'Every bid, kept for the view'
AS SELECT auction, bidder, price, channel, url, dateTime, extra FROM STREAM bid;

CREATE MATERIALIZED VIEW q19
COMMENT 'Top bids: the ten highest of each auction'
AS SELECT * FROM (
  SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC, dateTime, bidder, extra) AS place FROM q19_bids)
WHERE place <= 10;
