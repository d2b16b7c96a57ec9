CREATE STREAMING TABLE o AS SELECT CAST(value AS STRING) AS v, headers FROM STREAM raw;

CREATE STREAMING TABLE traces AS
SELECT CAST(value AS STRING) AS v, size(headers) AS n, headers[0].key AS first, CAST(headers[0].value AS STRING) AS text
FROM STREAM raw WHERE headers IS NOT NULL;

CREATE TEMPORARY VIEW copies AS SELECT key, value, headers FROM STREAM raw;
