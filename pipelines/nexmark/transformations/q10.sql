CREATE STREAMING TABLE q10
COMMENT 'Log to a file system: every bid with its day and minute'
AS SELECT auction, bidder, price, dateTime, extra, date_format(dateTime, 'yyyy-MM-dd') AS dt, date_format(dateTime, 'HH:mm') AS hm
FROM STREAM bid;
