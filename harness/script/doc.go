// Package script tests a project with texts, for people who write no Go. A script lies in the folder
// tests of a project and reads as a transcript: commands with what goes in, and behind ---- what is new
// in the tables.
//
//	# Trips that are told too late are late for their quarter of an hour.
//	day 2026-03-01
//
//	send trips
//	trip=t1 station=dock ended=@12:01 minutes=10
//	trip=t2 station=dock ended=@12:18 minutes=7
//	----
//	watermark 2026-03-01T12:16:00Z
//	returns_by_station window_start=2026-03-01T12:00:00Z … station=dock trips=1
//
//	send trips
//	trip=t3 station=hill ended=@12:05 minutes=5
//	----
//	late 1
//
// Before the first command:
//
//	set KEY = VALUE        a setting of the project for this script
//	day 2026-03-01         the day of times such as @12:01 or @12:01:30.5; without it 1970-01-01
//
// The commands, each with its output up to the next blank line:
//
//	send TOPIC [partition=N] [key=TEXT] [at=TIME]
//	                       records, one a line: name=value words become a JSON object, any other line is
//	                       the value as it is; at is their append time
//	pass 10m               wall clock passes, so that silent partitions become idle
//	close                  the topics end, and every window closes
//	table NAME             all rows of a table or view
//	topic NAME             all records of a topic, as partition key value
//	alerts                 changes of state of incidents since the last time
//	query                  the rows of the SELECT on the lines that follow
//
// Send, pass and close give what is new: the watermark, rows of streaming tables, and how many rows were
// late, future, invalid, duplicate or filtered. A value is NULL, or quoted as in JSON where it has to be;
// of what goes in, numbers, true, false and NULL are what they look like, and "7" is a text.
//
// Topics have one partition unless the script sets another number, so that its rows have one order. A
// script runs three times: straight, with a restart and with a crash after every command but pass (an
// idle timeout begins anew with a restart). All three have to give the same.
//
// The files: parse.go reads and writes scripts, value.go the words of a line, run.go runs one, ways.go
// all of them.
package script
