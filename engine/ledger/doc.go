// Package ledger is the books: what became of every row that was read, per table and per topic, so that whatever is
// missing in a result is told.
//
//	outcome.go  the outcomes of a row, and counting them
//	ledger.go   Count, Ledger, Loss, UnfitValues
package ledger
