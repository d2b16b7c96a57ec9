package plan

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/sql"
)

// What is read and has no effect here is listed in README.md under Limits, and a test keeps that list; what would
// give other results is refused.

// idleSourceOptions are about Spark's micro-batches and executors.
func idleSourceOptions() []string {
	return []string{"maxOffsetsPerTrigger", "minOffsetsPerTrigger", "maxTriggerDelay", "minPartitions", "groupIdPrefix",
		"fetchOffset.numRetries", "fetchOffset.retryIntervalMs", "kafkaConsumer.pollTimeoutMs"}
}

// idleSinkOptions are read for every format: where Spark keeps its own progress.
func idleSinkOptions() []string { return []string{"checkpointLocation"} }

// idleClauses are constructs of SQL; each is written as it is called in README.md.
func idleClauses() []string {
	return []string{"USING", "PARTITIONED BY", "CLUSTER BY", "TBLPROPERTIES", "COMMENT", "NOT NULL", "IF NOT EXISTS", "OR REPLACE", "USE", "/*+ … */"}
}

// WithoutEffect is all that check accepts in a project and that changes nothing here, as README.md names it.
func WithoutEffect() []string {
	list := append(idleSourceOptions(), idleSinkOptions()...)
	return append(list, idleClauses()...)
}

// refusedOption finds options that Spark has and that would change what is written or read, where nagare does not
// do so.
func (r *resolver) refusedOption(kind, name, format, option string, s Setting) bool {
	at := fmt.Sprintf("%s.%s.option.%s", kind, name, option)
	switch {
	case kind == "source" && option == "endingOffsets":
		r.fault(sql.Fault{Pos: s.Pos, Message: at + ": a stream has no end", Hint: "leave it out; `nagare run --once` ends where the topics end"})
	case kind == "sink" && contains(fileOptions(format), option):
		r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("%s has no effect on format %s here", at, format), Hint: "leave it out"})
	case kind == "sink" && format == "console" && option == "truncate" && s.Value != "false":
		r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("%s is %q, and rows are printed whole", at, s.Value), Hint: "write false, or leave it out"})
	default:
		return false
	}
	return true
}

// fileOptions are those of Spark's writers that a format does not have here.
func fileOptions(format string) []string {
	switch format {
	case "json":
		return []string{"compression", "ignoreNullFields", "timestampFormat", "dateFormat", "encoding", "lineSep"}
	case "csv":
		return []string{"compression", "sep", "nullValue", "timestampFormat", "dateFormat", "encoding", "lineSep", "quote", "quoteAll", "escape", "emptyValue"}
	}
	return nil
}

// sparkResults is what keys of Spark that change results have to be: as results are here.
var sparkResults = map[string]string{
	"spark.sql.ansi.enabled":                                "true",
	"spark.sql.caseSensitive":                               "false",
	"spark.sql.mapKeyDedupPolicy":                           "EXCEPTION",
	"spark.sql.timestampType":                               "TIMESTAMP_LTZ",
	"spark.sql.jsonGenerator.ignoreNullFields":              "true",
	"spark.sql.groupByOrdinal":                              "true",
	"spark.sql.orderByOrdinal":                              "true",
	"spark.sql.groupByAliases":                              "true",
	"spark.sql.storeAssignmentPolicy":                       "ANSI",
	"spark.sql.parser.quotedRegexColumnNames":               "false",
	"spark.sql.ansi.doubleQuotedIdentifiers":                "false",
	"spark.sql.ansi.enforceReservedKeywords":                "false",
	"spark.sql.streaming.multipleWatermarkPolicy":           "min",
	"spark.sql.legacy.timeParserPolicy":                     "CORRECTED",
	"spark.sql.ansi.relationPrecedence":                     "false",
	"spark.sql.charAsVarchar":                               "false",
	"spark.sql.crossJoin.enabled":                           "true",
	"spark.sql.lateralColumnAlias.enableImplicitResolution": "true",
	"spark.sql.parser.escapedStringLiterals":                "false",
	"spark.sql.preserveCharVarcharTypeInfo":                 "false",
	"spark.sql.session.collation.default":                   "UTF8_BINARY",
}

// sparkSetting refuses a key of Spark by which a project gives other results there than here. Other keys of Spark
// and of others mean nothing here.
func (r *resolver) sparkSetting(s Setting) {
	want, known := sparkResults[s.Key]
	if !known && strings.HasPrefix(s.Key, "spark.sql.legacy.") {
		want, known = "false", true
	}
	if known && !strings.EqualFold(s.Value, want) {
		r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("%s is %q, and results here are those of %q", s.Key, s.Value, want), Hint: "leave it out, or write " + want})
	}
}
