-- What the screens at the docks ask Redis for.

-- Bikes put back at a station, a hash a station with a field for each quarter of an hour; the present one, too.
CREATE TEMPORARY VIEW returns_cache AS
SELECT concat('returns:', station) AS key,
       date_format(window_start, 'HH:mm') AS field,
       CAST(trips AS STRING) AS value
FROM STREAM returns_by_station;

-- The newest overdue trip of a bike.
CREATE TEMPORARY VIEW overdue_cache AS
SELECT concat('overdue:', bike) AS key,
       to_json(struct(trip, station, minutes)) AS value,
       ended AS time
FROM STREAM overdue;

-- Stations by the bikes put back in a quarter of an hour: ZREVRANGE gives the busiest.
CREATE TEMPORARY VIEW busy_cache AS
SELECT concat('busy:', date_format(window_start, 'HH:mm')) AS key, station AS member, trips AS score
FROM STREAM returns_by_station;
