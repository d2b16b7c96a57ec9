CREATE STREAMING TABLE q0
COMMENT 'Pass through: every bid'
AS SELECT auction, bidder, price, dateTime, extra FROM STREAM bid;
