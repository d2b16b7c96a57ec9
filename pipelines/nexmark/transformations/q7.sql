CREATE STREAMING TABLE q7_highest
COMMENT 'The highest price of each ten seconds'
AS SELECT window.start AS window_start, window.end AS window_end, max(price) AS maxprice
FROM STREAM bid
GROUP BY window(dateTime, '10 seconds');

CREATE STREAMING TABLE q7_bids
COMMENT 'Every bid, kept for the view'
AS SELECT auction, price, bidder, dateTime, extra FROM STREAM bid;

CREATE MATERIALIZED VIEW q7
COMMENT 'Highest bid: the bids with the highest price of each ten seconds'
AS SELECT b.auction, b.price, b.bidder, b.dateTime, b.extra
FROM q7_bids AS b JOIN q7_highest AS h
  ON b.price = h.maxprice AND b.dateTime BETWEEN h.window_end - INTERVAL 10 SECONDS AND h.window_end;
