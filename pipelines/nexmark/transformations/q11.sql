CREATE STREAMING TABLE q11
COMMENT 'User sessions: bids of each bidder until ten seconds without one'
AS SELECT session_window.start AS starttime, session_window.end AS endtime, bidder, count(*) AS bid_count
FROM STREAM bid
GROUP BY session_window(dateTime, '10 seconds'), bidder;
