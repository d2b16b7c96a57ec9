CREATE STREAMING TABLE q6_bids
COMMENT 'Bids while their auction was open'
AS SELECT a.id, a.seller, b.price, b.dateTime, b.bidder, b.extra
FROM STREAM auction AS a JOIN STREAM bid AS b
  ON a.id = b.auction AND b.dateTime BETWEEN a.dateTime AND a.dateTime + INTERVAL 1 MINUTE
WHERE b.dateTime <= a.expires;

CREATE MATERIALIZED VIEW q6
COMMENT 'Average selling price by seller: of the last eleven auctions that were closed'
AS SELECT seller, id, avg(price) OVER (PARTITION BY seller ORDER BY dateTime, id ROWS BETWEEN 10 PRECEDING AND CURRENT ROW) AS price
FROM (
  SELECT *, row_number() OVER (PARTITION BY id, seller ORDER BY price DESC, dateTime, bidder, extra) AS place FROM q6_bids)
WHERE place = 1;
