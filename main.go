// Command nagare runs streaming pipelines written in the SQL of Spark Declarative Pipelines.
package main

import (
	"os"

	"github.com/nagare-stream/nagare/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
