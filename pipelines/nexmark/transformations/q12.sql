-- The benchmark groups by the time at which a row is processed. Here it is the time at which its record was appended to the
-- topic, so that whoever computes it again gets the same.
CREATE TEMPORARY VIEW q12_arrived AS
SELECT * FROM (
  SELECT e.event_type, e.bid, arrived
  FROM (
    SELECT from_json(CAST(value AS STRING), 'event_type INT, bid STRUCT<bidder: BIGINT>') AS e, timestamp AS arrived
    FROM STREAM nexmark_raw)
) WATERMARK arrived DELAY OF INTERVAL 0 SECONDS;

CREATE STREAMING TABLE q12
COMMENT 'Windows of arrival: bids of each bidder that came in each ten seconds'
AS SELECT window.start AS starttime, window.end AS endtime, bid.bidder, count(*) AS bid_count
FROM STREAM q12_arrived
WHERE event_type = 2
GROUP BY window(arrived, '10 seconds'), bid.bidder;
