CREATE STREAMING TABLE q9_bids
COMMENT 'Auctions with the bids while they were open'
AS SELECT a.id, a.itemName, a.description, a.initialBid, a.reserve, a.dateTime, a.expires, a.seller, a.category, a.extra,
          b.auction, b.bidder, b.price, b.dateTime AS bid_dateTime, b.extra AS bid_extra
FROM STREAM auction AS a JOIN STREAM bid AS b
  ON a.id = b.auction AND b.dateTime BETWEEN a.dateTime AND a.dateTime + INTERVAL 1 MINUTE
WHERE b.dateTime <= a.expires;

CREATE MATERIALIZED VIEW q9
COMMENT 'Winning bids: the highest bid on each auction while it was open, the earliest of several'
AS SELECT * EXCEPT (place) FROM (
  SELECT *, row_number() OVER (PARTITION BY id ORDER BY price DESC, bid_dateTime, bidder, bid_extra) AS place FROM q9_bids)
WHERE place = 1;
