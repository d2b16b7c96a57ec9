CREATE STREAMING TABLE q1
COMMENT 'Currency: every bid, in euros'
AS SELECT auction, bidder, 0.908 * price AS price, dateTime, extra FROM STREAM bid;
