CREATE STREAMING TABLE q2
COMMENT 'Selection: bids on one auction of 123'
AS SELECT auction, price FROM STREAM bid WHERE auction % 123 = 0;
