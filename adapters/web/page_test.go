package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
)

// TestVendoredFilesAreTheirs compares the libraries with their checksums, and their size with what they may have.
func TestVendoredFilesAreTheirs(t *testing.T) {
	const most = 30_000 // bytes of JavaScript, compressed
	sums, err := pageFiles.ReadFile("page/vendor/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for line := range strings.Lines(string(sums)) {
		fields := strings.Fields(line)
		known[fields[1]] = fields[0]
	}
	entries, err := pageFiles.ReadDir("page/vendor")
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	total, licences := 0, 0
	for _, e := range entries {
		name := e.Name()
		switch {
		case strings.HasPrefix(name, "LICENSE."):
			licences++
			continue
		case name == "SHA256SUMS" || name == "README.md":
			continue
		}
		body, err := pageFiles.ReadFile("page/vendor/" + name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(body)
		if got := hex.EncodeToString(sum[:]); got != known[name] {
			t.Errorf("%s has the checksum %s, and SHA256SUMS says %q", name, got, known[name])
		}
		delete(known, name)
		if strings.HasSuffix(name, ".js") {
			packed.Reset()
			z, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
			_, _ = z.Write(body)
			_ = z.Close()
			total += packed.Len()
		}
	}
	if len(known) > 0 || licences != 4 {
		t.Errorf("%d licences; without a file are %v", licences, known)
	}
	if total == 0 || total > most {
		t.Errorf("the libraries have %d bytes, at most %d", total, most)
	}
}

// inlined is what a strict policy keeps from running: it would be without effect, or a hole.
var inlined = regexp.MustCompile(`(?i)<script(?:[^>]*[^-])?>[^<]|<style|\sstyle=|\son[a-z]+="|javascript:|innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?://`)

// TestPageHasNothingInline looks for scripts and styles in the document, for texts that become HTML, and for addresses of others.
func TestPageHasNothingInline(t *testing.T) {
	for name, a := range openPage().assets {
		body := strings.ReplaceAll(a.body, `xmlns="http://www.w3.org/2000/svg"`, "")
		if found := inlined.FindString(body); found != "" && !strings.HasPrefix(name, "vendor/") {
			t.Errorf("%s has %q", name, found)
		}
	}
}

var imported = regexp.MustCompile(`(?m)(?:from|import)\s*'([^']+)'|(?:src|href)="/page/([^"]+)"`)

// TestPageFindsItsFiles follows every import and link from index.html, and asks the server for each.
func TestPageFindsItsFiles(t *testing.T) {
	s := newTestServer(newFake())
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		w := ask(s, "GET", "/page/"+name, "")
		if w.Code != 200 || w.Header().Get("Content-Security-Policy") != pagePolicy || w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Content-Type") == "" {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
			return
		}
		if again := ask(s, "GET", "/page/"+name, "", "If-None-Match", w.Header().Get("ETag")); again.Code != 304 || again.Body.Len() > 0 {
			t.Errorf("%s: asked again it gives %d and %d bytes", name, again.Code, again.Body.Len())
		}
		if strings.HasPrefix(name, "vendor/") {
			return
		}
		dir := name[:strings.LastIndex(name, "/")+1]
		for _, m := range imported.FindAllStringSubmatch(w.Body.String(), -1) {
			switch to := m[1]; {
			case m[2] != "":
				visit(m[2])
			case strings.HasPrefix(to, "./"):
				visit(dir + to[2:])
			case strings.HasPrefix(to, "../"):
				visit(dir[:strings.LastIndex(strings.TrimSuffix(dir, "/"), "/")+1] + to[3:])
			default:
				t.Errorf("%s imports %q, which no browser finds", name, to)
			}
		}
	}
	visit("index.html")
	for name := range s.page.assets {
		if !seen[name] {
			t.Errorf("nothing needs %s", name)
		}
	}
	if w := ask(s, "GET", "/page/../server.go", ""); w.Code == 200 {
		t.Error("the page gives more than its files")
	}
	for _, name := range []string{"none.js", "vendor/SHA256SUMS", "", "lib"} {
		if w := ask(s, "GET", "/page/"+name, ""); w.Code != 404 || !strings.Contains(w.Body.String(), "the page has no file") {
			t.Errorf("/page/%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// TestBrowsersGetThePage asks for / as a browser and as a program does.
func TestBrowsersGetThePage(t *testing.T) {
	s := newTestServer(newFake())
	if w := ask(s, "GET", "/", "", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8"); w.Code != 200 || !strings.Contains(w.Body.String(), "<!doctype html>") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(s, "GET", "/", "", "Accept", "*/*"); w.Code != 200 || !strings.Contains(w.Body.String(), "nagare: demo") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
