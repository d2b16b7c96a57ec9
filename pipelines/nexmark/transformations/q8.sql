CREATE STREAMING TABLE q8
COMMENT 'New users: who registered and opened an auction within the same ten seconds'
AS SELECT window.start AS window_start, id, name
FROM (
  SELECT p.dateTime AS dateTime, p.id, p.name
  FROM STREAM person AS p JOIN STREAM auction AS a
    ON p.id = a.seller AND window(p.dateTime, '10 seconds') = window(a.dateTime, '10 seconds'))
GROUP BY window(dateTime, '10 seconds'), id, name;
