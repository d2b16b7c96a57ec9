package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed page
var pageFiles embed.FS

// pagePolicy lets the page run its own files and ask its own origin, and nothing else: no script or style in the
// document, none of another host, no frame around it. Texts that are data can therefore not run, whatever they are.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// A page is the files of which the page is made.
type page struct{ assets map[string]asset }

// An asset is a file, and what a browser compares to know whether it has it already.
type asset struct {
	body, kind, etag string
}

// pageKinds is the types of the files that are served; others are for those who read the source.
var pageKinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
}

func openPage() *page {
	p := &page{assets: map[string]asset{}}
	err := fs.WalkDir(pageFiles, "page", func(name string, d fs.DirEntry, err error) error {
		kind, served := pageKinds[path.Ext(name)]
		if err != nil || d.IsDir() || !served {
			return err
		}
		body, err := pageFiles.ReadFile(name)
		if err != nil {
			return err
		}
		p.assets[strings.TrimPrefix(name, "page/")] = newAsset(string(body), kind)
		return nil
	})
	if err != nil {
		panic("BUG: the page is not in the program: " + err.Error())
	}
	p.preload()
	return p
}

// preload has index.html name all modules, so that browsers ask for them at once and not one behind the other.
func (p *page) preload() {
	var links strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p.assets)) {
		if strings.HasSuffix(name, ".js") && !strings.HasSuffix(name, ".iife.min.js") {
			links.WriteString(`<link rel="modulepreload" href="/page/` + name + "\">\n")
		}
	}
	index := p.assets["index.html"]
	p.assets["index.html"] = newAsset(strings.Replace(index.body, "</head>", links.String()+"</head>", 1), index.kind)
}

func newAsset(body, kind string) asset {
	sum := sha256.Sum256([]byte(body))
	return asset{body, kind, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

// ServeHTTP answers /page/….
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.serve(w, r, strings.TrimPrefix(r.URL.Path, "/page/"))
}

// serve answers with a file. Browsers keep it, and ask each time whether it is still the same: another version of the
// program has other files at the same addresses.
func (p *page) serve(w http.ResponseWriter, r *http.Request, name string) {
	a, ok := p.assets[name]
	if !ok {
		fail(w, http.StatusNotFound, "the page has no file "+strconv.Quote(name), 1)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", a.etag)
	h.Set("Content-Security-Policy", pagePolicy)
	if r.Header.Get("If-None-Match") == a.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write([]byte(a.body))
}

// charts tells what the page shows of the project's tables.
func (s *Server) charts(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{"project": s.backend.Info().Project, "charts": s.backend.Charts()})
}
