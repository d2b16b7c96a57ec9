package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: check DASHBOARD.json")
		os.Exit(2)
	}
	if err := check(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func check(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	plugins.RegisterDefaultPlugins() // panels and queries are read by their kinds
	var d dashboard.Dashboard
	// Version 0.0.22 returns an error without a text where nothing is wrong.
	if err := d.UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
		return err
	}
	if err := d.Validate(); err != nil && err.Error() != "" {
		return err
	}
	if len(d.Panels) == 0 {
		return errors.New("it has no panels")
	}
	fmt.Printf("%s: %d panels\n", path, len(d.Panels))
	return nil
}
