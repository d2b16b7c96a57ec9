-- Trips of a bike-share scheme, told when a bike is put back into a dock. Docks lose their connection
-- for a while now and then, so a trip can be told two minutes late.
CREATE TEMPORARY VIEW trip AS
SELECT * FROM (
  SELECT e.* EXCEPT (ended), try_to_timestamp(e.ended) AS ended
  FROM (
    SELECT from_json(CAST(value AS STRING),
      'trip STRING, bike STRING, station STRING, ended STRING, minutes INT, fare DECIMAL(8,2), member STRING') AS e
    FROM STREAM trip_raw)
) WATERMARK ended DELAY OF INTERVAL 2 MINUTES
WHERE ended IS NOT NULL;

CREATE STREAMING TABLE returns_by_station
COMMENT 'Bikes put back in each quarter of an hour'
AS SELECT window.start AS window_start, window.end AS window_end, station,
          count(*) AS trips,
          avg(minutes) AS mean_minutes,
          sum(fare) AS fares,
          count(DISTINCT member) AS members
FROM STREAM trip
GROUP BY window(ended, '15 minutes'), station;

CREATE STREAMING TABLE overdue
COMMENT 'Trips of more than two hours'
AS SELECT trip, bike, station, ended, minutes, member
FROM STREAM trip
WHERE minutes > 120;

CREATE TEMPORARY VIEW overdue_json AS
SELECT bike AS key, to_json(struct(trip, station, ended, minutes)) AS value
FROM STREAM overdue;

CREATE MATERIALIZED VIEW busiest
COMMENT 'The two stations of each quarter of an hour with the most bikes put back'
AS SELECT * FROM (
  SELECT window_start, station, trips,
         rank() OVER (PARTITION BY window_start ORDER BY trips DESC) AS place
  FROM returns_by_station)
WHERE place <= 2
ORDER BY window_start, place, station;
