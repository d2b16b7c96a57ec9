SELECT time_bucket(INTERVAL 10 SECONDS, arrived) AS starttime, starttime + INTERVAL 10 SECONDS AS endtime, bid.bidder AS bidder, count(*) AS bid_count
FROM event WHERE event_type = 2 GROUP BY ALL
