package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/node"
)

// A client asks the API of a process, or of a folder that this process has opened.
type client struct {
	base  string // "http://host:port"
	token string
	http  *http.Client
}

func newClient(address, token string) *client {
	return &client{base: "http://" + address, token: token, http: &http.Client{Transport: &http.Transport{Proxy: nil}}}
}

// newLocalClient asks a node in this process, without a socket.
func newLocalClient(n *node.Node) *client {
	return &client{base: "http://localhost", token: n.Token(), http: &http.Client{Transport: inProcess{n.Server().Handler()}}}
}

// do sends a request. An answer that is no success is an error with the exit code it stands for.
func (c *client) do(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Response, error) {
	resp, err := c.send(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	return c.success(resp)
}

// send sends a request and gives whatever is answered.
func (c *client) send(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Response, error) {
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	if method != http.MethodGet {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("ask the running process: %w", err)
	}
	return resp, nil
}

// success is do for an answer that is there.
func (c *client) success(resp *http.Response) (*http.Response, error) {
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var f web.Failure
	if err := json.NewDecoder(resp.Body).Decode(&f); err != nil || f.Message == "" {
		return nil, fmt.Errorf("ask the running process: %s %s answers %s", resp.Request.Method, resp.Request.URL.Path, resp.Status)
	}
	return nil, remote(f)
}

// get reads an answer in JSON.
func get[T any](ctx context.Context, c *client, path string) (T, error) {
	return send[T](ctx, c, http.MethodGet, path, nil, nil)
}

func send[T any](ctx context.Context, c *client, method, path string, query url.Values, body io.Reader) (T, error) {
	var v T
	resp, err := c.do(ctx, method, path, query, body)
	if err != nil {
		return v, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		return v, fmt.Errorf("read the answer to %s: %w", path, err)
	}
	return v, nil
}

func (c *client) status(ctx context.Context) (web.StatusAnswer, error) {
	return get[web.StatusAnswer](ctx, c, "/api/status")
}

// rows copies an answer of rows to w, as it comes.
func (c *client) rows(ctx context.Context, path string, query url.Values, w io.Writer) error {
	return c.copyRows(ctx, http.MethodGet, path, query, nil, w)
}

// queryRows copies the rows of a SELECT to w.
func (c *client) queryRows(ctx context.Context, text string, query url.Values, w io.Writer) error {
	return c.copyRows(ctx, http.MethodPost, "/api/query", query, strings.NewReader(text), w)
}

func (c *client) copyRows(ctx context.Context, method, path string, query url.Values, body io.Reader, w io.Writer) error {
	if query.Get("format") == formCSV {
		query.Set("raw", "true") // other programs read it
	}
	resp, err := c.do(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	return copyAnswer(ctx, resp, w)
}

// copyAnswer copies an answer of rows to w, as it comes. It fails as the query did, which is told behind the rows.
func copyAnswer(ctx context.Context, resp *http.Response, w io.Writer) error {
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("read rows: %w", err)
	}
	if text := resp.Trailer.Get(web.FailureTrailer); text != "" {
		return errors.New(text)
	}
	return nil
}

// apiPath is the address of a thing, whose name may be any text.
func apiPath(kind, name string) string {
	segment := url.PathEscape(name)
	if name == "." || name == ".." { // would be the folder, and the one above it
		segment = strings.ReplaceAll(name, ".", "%2E")
	}
	return "/api/" + kind + "/" + segment
}

func tablePath(name string) string { return apiPath("tables", name) }

func topicPath(name string) string { return apiPath("topics", name) }

func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

func itoa(n int) string { return strconv.Itoa(n) }
