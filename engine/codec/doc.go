// Package codec turns bytes into columns and columns into bytes.
//
// Inwards: JSON decodes a batch of JSON records straight into the columns that some query needs;
// ValueDecoder is the same for a single text (SQL's from_json); CSVCell makes JSON values of
// the cells of a CSV file. Outwards: AppendJSON (SQL's to_json, and an exact form for row topics),
// AppendRowCSV, AppendValueText (SQL's CAST AS STRING). For state and tables there are AppendRow, a
// compact row, and AppendKey, whose byte order is the SQL order.
//
// How a record is decoded, in two steps:
//
//	{"id": "e1", "amount": 12.5, "note": "…"}          the record
//	        └1       └2                                step 1: one scan checks the whole record and
//	                                                   keeps a span for each needed field
//	id: e1 …   amount: 12.5 …                          step 2: a kernel per column reads its spans
//
// Step 1 has two scanners. The strict one (json_scan.go) accepts exactly RFC 8259 in UTF-8 and says
// where a record goes wrong. The learned one (json_learn.go) remembers which key text followed which, so that
// it compares eight bytes at a time in place of parsing; it may give up on any record, which the strict one
// then takes. What the learned one accepts it has checked as fully as the strict one.
//
// The rules of values (which JSON value fits which column) are in json_column.go and json_value.go.
package codec
