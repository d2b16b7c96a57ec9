CREATE TEMPORARY VIEW side_input AS
SELECT id AS key, concat('value-', id) AS value FROM range(10000);

CREATE STREAMING TABLE q13
COMMENT 'Bounded side input: every bid with what a table of 10,000 rows has for its auction'
AS SELECT b.auction, b.bidder, b.price, b.dateTime, s.value
FROM STREAM bid AS b JOIN side_input AS s ON b.auction % 10000 = s.key;
