// Package web is the process on its loopback port: JSON for programs and for a second shell, metrics
// for Prometheus, health for whoever starts it.
//
//	GET  /                      the page for browsers; what there is as text for others
//	GET  /page/…                what the page is made of, embedded (page.go)
//	GET  /api/page              what the page shows of the project's tables
//	GET  /api/status            process, tables, partitions, checkpoints
//	GET  /api/tables            tables and views
//	GET  /api/tables/{name}     rows; ?open=true with those of open windows, ?limit=N the newest, ?format=, ?maxAge=MS may be as old (answers.go)
//	GET  /api/query?sql=        rows of a SELECT of up to 64 KB, ?format=
//	POST /api/query             rows of the SELECT in the body, up to 1 MB, ?format=; needs no token. As application/json: a
//	                            statement with the SET and CREATE TEMPORARY VIEW before it (QueryRequest)
//	GET  /api/queries/{id}      how many rows a query of that id has read so far
//	GET  /api/tail/{name}       follows a table or topic; ?n=N rows of before, ?updates=true open rows, ?format=
//	GET  /api/explain/{name}    a table's plan, and why its window is open; ?key=COLUMN=VALUE&key=… the records behind one row
//	GET  /api/alerts            each alert, with the incidents that are pending or firing; ?all=true those that are over, too
//	POST /api/alerts            takes what an Alertmanager tells its webhooks (token); GET shows it as external
//	GET  /api/silences          POST makes or changes one, as Alertmanager's /api/v2/silences; DELETE /api/silences/{id} ends it (token)
//	GET  /api/alerts/{id}       an incident, by its id or how that begins, with all its changes of state
//	POST /api/alerts/test       replays a rule over the topics; answers progress and the result (token)
//	GET  /api/doctor            what nagare doctor finds, with its fixes
//	GET  /api/progress          in the names of Spark's StreamingQueryProgress
//	GET  /api/progress/history  the last minutes of it, of each table and source; ?since=MS what came after
//	GET  /api/ledger            what became of every row
//	GET  /api/watermarks        where each partition stands, why windows are open, how late rows are
//	GET  /api/events            status and progress once a second, made once for all who look (server-sent events)
//	POST /api/check             all faults of the SELECT in the body with their places, or its columns; needs no token
//	POST /api/plan              what becomes of the tables by the project in the body, which is not run (token)
//	GET  /api/names             tables, topics, columns, functions and keywords: the words of a query
//	GET  /api/dataflow          the graph of the project, drawn, with rates; ?views=true with its temporary views
//	GET  /api/topics            topics; /api/topics/{name} one of them
//	PUT  /api/topics/{name}     makes a topic; ?partitions=N&retention=D&key=F          (token)
//	PATCH /api/topics/{name}    gives it more partitions; ?partitions=N                 (token)
//	POST /api/topics/{name}     appends NDJSON, answered when it is durable             (token)
//	POST /api/topics/{name}?file=PATH  appends a file of this machine; answers progress (token)
//	POST /api/topics/{name}/resend  appends records of TABLE$late or TOPIC$invalid to their topic again  (token)
//	GET  /metrics, /-/healthy, /-/ready
//
// Above maxConnections a request is answered 503 (connections.go).
//
// Formats of rows: json (an array), jsonl, csv, and cells: a line with the columns, then an array of
// texts a row. In csv a text that begins with = + - @, a tab or a line end has a ' before it, so that no
// spreadsheet takes it for a formula; with ?raw=true it stands as it is. A failure is {"error": …, "exit": the exit code it stands for}.
//
// Who may ask: only loopback hosts by name (a page of another site that has its name point here is
// refused), no page of another origin, and nobody without the folder's token when something changes.
// Other machines come in by a socket of their own, with TLS, and show the token for everything (others.go).
package web
