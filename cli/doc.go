// Package cli is the command line: what a user types, and what the terminal shows.
//
// Data goes to stdout, messages to stderr. Every error names the thing, the place and the fix.
//
//	main.go      from arguments to an exit code
//	root.go      the commands and the flags that all of them take
//	project.go   which project is meant, read and resolved
//	target.go    the running process of a data folder, or the folder itself
//	client.go    requests to either of them; inprocess.go the way without a socket
//	output.go    rows as a table, JSON or CSV
//	top.go       nagare top; top_model.go its keys, top_view.go what it draws
//	alerts.go    nagare alerts list and show; alerttest.go, alertgrade.go and silence.go the others
//	doctor.go    nagare doctor; doctor_machine.go, doctor_parts.go and doctor_rows.go its checks
//	run.go       nagare run; once.go its bounded forms; screen.go and lines.go what it shows
//
// and a file for each other command. A command that looks at a pipeline asks the API, whether a
// process runs or not: without one it opens the folder and asks the same handler without a socket.
package cli
