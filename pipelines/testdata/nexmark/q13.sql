SELECT b.auction, b.bidder, b.price, b.dateTime, s.value
FROM bid AS b JOIN (SELECT range AS key, 'value-' || range AS value FROM range(10000)) AS s ON b.auction % 10000 = s.key
