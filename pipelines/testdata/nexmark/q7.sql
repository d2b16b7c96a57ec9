SELECT b.auction, b.price, b.bidder, b.dateTime, b.extra
FROM bid AS b JOIN (
  SELECT max(price) AS maxprice, time_bucket(INTERVAL 10 SECONDS, dateTime) + INTERVAL 10 SECONDS AS window_end
  FROM bid GROUP BY window_end) AS h ON b.price = h.maxprice
WHERE b.dateTime BETWEEN h.window_end - INTERVAL 10 SECONDS AND h.window_end
