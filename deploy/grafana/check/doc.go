// Command check reads a dashboard as Grafana's own library for dashboards does, strictly, and tells what is missing,
// wrong or unknown in it. It is a module of its own: nothing else here needs that library.
package main
