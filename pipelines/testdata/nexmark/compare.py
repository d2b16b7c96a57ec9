"""Compares what nagare made of Nexmark's events with DuckDB: compare.py RECORDS TABLES, two paths.

Each qN.sql beside this file is asked of the events in the records, and the answer has to be the rows of TABLES/qN.csv, whatever their
order: columns of the same names in the same order, and each row as often here as there.
"""
import pathlib
import sys

import duckdb

events, tables = sys.argv[1:]
db = duckdb.connect()
db.execute(
    """CREATE TABLE event AS SELECT make_timestamp(ts * 1000) AS arrived, unnest(payload)
    FROM read_json(?, format = 'newline_delimited', columns = {ts: 'BIGINT', payload: 'STRUCT(
        event_type INTEGER,
        person STRUCT(id BIGINT, "name" VARCHAR, emailAddress VARCHAR, creditCard VARCHAR, city VARCHAR, state VARCHAR,
            dateTime TIMESTAMP, extra VARCHAR),
        auction STRUCT(id BIGINT, itemName VARCHAR, description VARCHAR, initialBid BIGINT, reserve BIGINT,
            dateTime TIMESTAMP, expires TIMESTAMP, seller BIGINT, category BIGINT, extra VARCHAR),
        bid STRUCT(auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, dateTime TIMESTAMP,
            extra VARCHAR))'})""",
    [events],
)
for number, kind in enumerate(("person", "auction", "bid")):
    db.execute(f"CREATE VIEW {kind} AS SELECT unnest({kind}) FROM event WHERE event_type = {number}")

failed = 0
for file in sorted(pathlib.Path(__file__).parent.glob("q*.sql"), key=lambda f: int(f.stem[1:])):
    query, csv = file.stem, str(pathlib.Path(tables) / f"{file.stem}.csv")
    db.execute(f"CREATE TABLE {query} AS {file.read_text()}")
    columns = {name: kind for name, kind, *_ in db.execute(f"DESCRIBE {query}").fetchall()}
    with open(csv, encoding="utf-8") as f:
        head = f.readline().strip().split(",")
    if head != list(columns):
        print(f"{query}: the columns are {head}, DuckDB's are {list(columns)}")
        failed += 1
        continue
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    db.execute(
        f"""CREATE TABLE ours AS SELECT * FROM read_csv('{csv}', header = true, delim = ',', quote = '"', escape = '"',
            allow_quoted_nulls = false, columns = {{{types}}})"""
    )
    rows = db.execute(f"SELECT count(*) FROM {query}").fetchone()[0]
    wrong = [
        (what, found)
        for what, one, other in (("not in DuckDB's answer", "ours", query), ("missing", query, "ours"))
        if (found := db.execute(f"SELECT count(*), min(t) FROM (FROM {one} EXCEPT ALL FROM {other}) AS t").fetchone())[0]
    ]
    for what, (count, row) in wrong:
        print(f"{query}: {count} rows {what}, as {row}")
    if not rows:
        print(f"{query}: DuckDB finds no rows, so nothing is shown by it")
    failed += bool(wrong) or not rows
    if not wrong:
        print(f"{query}: {rows} rows, equal")
    db.execute(f"DROP TABLE ours; DROP TABLE {query}")
sys.exit(failed > 0)
