package pipelines

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed nexmark purchases retail
var projects embed.FS // the one way in which go:embed can hold a folder

// Default is the project that runs when none is named. Its topic is the one that the generator fills.
const Default = "purchases"

// Names returns the names of the projects, sorted.
func Names() []string {
	entries, err := projects.ReadDir(".")
	if err != nil {
		panic(fmt.Sprintf("list embedded projects: %v", err)) // only a broken build has none
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// Open returns the folder of the project of that name. Its error is fs.ErrNotExist for another name.
func Open(name string) (fs.FS, error) {
	if _, err := fs.Stat(projects, name); err != nil {
		return nil, fmt.Errorf("open embedded project %q: %w", name, err)
	}
	return fs.Sub(projects, name)
}
