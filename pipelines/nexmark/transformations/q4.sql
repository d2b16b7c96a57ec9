CREATE STREAMING TABLE q4_bids
COMMENT 'Bids while their auction was open'
AS SELECT a.id, a.category, b.price
FROM STREAM auction AS a JOIN STREAM bid AS b
  ON a.id = b.auction AND b.dateTime BETWEEN a.dateTime AND a.dateTime + INTERVAL 1 MINUTE
WHERE b.dateTime <= a.expires;

CREATE MATERIALIZED VIEW q4
COMMENT 'Average price of a category: of the highest bids on its auctions while they were open'
AS SELECT category, avg(final) AS final
FROM (SELECT id, category, max(price) AS final FROM q4_bids GROUP BY id, category)
GROUP BY category;
