CREATE STREAMING TABLE q3
COMMENT 'Local items: who sells in category 10 in Oregon, Idaho or California'
AS SELECT p.name, p.city, p.state, a.id
FROM STREAM auction AS a INNER JOIN STREAM person AS p ON a.seller = p.id
WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA');
