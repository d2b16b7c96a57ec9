-- The benchmark's one stream of events, and its people, auctions and bids. Every event moves the time of all three.
CREATE TEMPORARY VIEW event AS
SELECT * FROM (
  SELECT e.event_type, e.person, e.auction, e.bid, coalesce(e.bid.dateTime, e.auction.dateTime, e.person.dateTime) AS dateTime
  FROM (
    SELECT from_json(CAST(value AS STRING),
      'event_type INT,
       person STRUCT<id: BIGINT, name: STRING, emailAddress: STRING, creditCard: STRING, city: STRING, state: STRING,
         dateTime: TIMESTAMP, extra: STRING>,
       auction STRUCT<id: BIGINT, itemName: STRING, description: STRING, initialBid: BIGINT, reserve: BIGINT,
         dateTime: TIMESTAMP, expires: TIMESTAMP, seller: BIGINT, category: BIGINT, extra: STRING>,
       bid STRUCT<auction: BIGINT, bidder: BIGINT, price: BIGINT, channel: STRING, url: STRING, dateTime: TIMESTAMP,
         extra: STRING>') AS e
    FROM STREAM nexmark_raw)
) WATERMARK dateTime DELAY OF INTERVAL 4 SECONDS;

CREATE TEMPORARY VIEW person AS
SELECT person.id, person.name, person.emailAddress, person.creditCard, person.city, person.state, dateTime, person.extra
FROM STREAM event WHERE event_type = 0;

CREATE TEMPORARY VIEW auction AS
SELECT auction.id, auction.itemName, auction.description, auction.initialBid, auction.reserve, dateTime, auction.expires,
       auction.seller, auction.category, auction.extra
FROM STREAM event WHERE event_type = 1;

CREATE TEMPORARY VIEW bid AS
SELECT bid.auction, bid.bidder, bid.price, bid.channel, bid.url, dateTime, bid.extra
FROM STREAM event WHERE event_type = 2;
