CREATE STREAMING TABLE q17
COMMENT 'Auction statistics of each day'
AS SELECT auction, date_format(window.start, 'yyyy-MM-dd') AS day,
          count(*) AS total_bids,
          count(*) FILTER (WHERE price < 10000) AS rank1_bids,
          count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
          count(*) FILTER (WHERE price >= 1000000) AS rank3_bids,
          min(price) AS min_price, max(price) AS max_price, avg(price) AS avg_price, sum(price) AS sum_price
FROM STREAM bid
GROUP BY window(dateTime, '1 day'), auction;
