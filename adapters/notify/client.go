package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/nagare-stream/nagare/engine/retry"
)

// Headers of requests.
const (
	deliveryHeader  = "X-Nagare-Delivery"  // names a notification: the same for each try
	signatureHeader = "X-Nagare-Signature" // t=<unix seconds>,v1=<hex of HMAC-SHA256 over "<t>.<body>">
)

// Limits of answers and tries.
const (
	mostAnswer    = 64 << 10 // bytes of an answer that are read
	shownAnswer   = 200      // characters of it that are shown
	mostRedirects = 3
	mostRetryWait = time.Hour // of Retry-After
)

// sendWaits is how long a notification waits for another try.
var sendWaits = retry.Waits{First: 500 * time.Millisecond, Most: 30 * time.Second}

// A request is what a form makes of a notification.
type request struct {
	url  string
	body []byte
}

type verdict int

const (
	accepted  verdict = iota
	refused           // trying again cannot help
	unsettled         // it can
)

// An outcome is what became of a request.
type outcome struct {
	verdict   verdict
	uncertain bool          // no answer came, and the receiver may have got the request
	after     time.Duration // wait at least as long, says the receiver
	text      string        // what went wrong, for people; no secrets
}

// A client sends requests to one receiver.
type client struct {
	r       *Receiver
	http    *http.Client
	version string
}

// newClient makes a client; a nil transport is one of its own, whose connections go to addresses that are allowed.
func newClient(r *Receiver, transport http.RoundTripper, version string, keepAlive bool) *client {
	if transport == nil {
		dialer := &net.Dialer{Timeout: r.Timeout, Control: control(r.AllowPrivate || saysPrivate(hostOf(r.URL)))}
		transport = &http.Transport{
			// No proxy: it would hide where a request goes. A webhook is rare, and a connection of its own is never one
			// that the other side has closed meanwhile.
			DialContext: dialer.DialContext, DisableKeepAlives: !keepAlive, MaxIdleConns: 1, IdleConnTimeout: time.Minute,
			TLSHandshakeTimeout: r.Timeout, MaxResponseHeaderBytes: mostAnswer, DisableCompression: true, ForceAttemptHTTP2: true,
		}
	}
	return &client{r: r, version: version, http: &http.Client{Transport: transport, CheckRedirect: sameHost}}
}

// sameHost follows redirects that keep method and body, to the same host.
func sameHost(next *http.Request, via []*http.Request) error {
	first := via[0]
	if next.Method != first.Method || next.URL.Host != first.URL.Host || next.URL.Scheme != first.URL.Scheme || len(via) > mostRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// hostOf is the host of a url that was checked.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// sign is the signature of a body at a time.
func sign(secret, body []byte, at time.Time) string {
	h := hmac.New(sha256.New, secret)
	t := strconv.FormatInt(at.Unix(), 10)
	h.Write([]byte(t + "."))
	h.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(h.Sum(nil))
}

// send makes one request and waits for its answer, at most the receiver's timeout.
func (c *client) send(ctx context.Context, q request, headers map[string]string) outcome {
	ctx, cancel := context.WithTimeout(ctx, c.r.Timeout)
	defer cancel()
	var traced, written atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { traced.Store(true) },
		WroteHeaders: func() { written.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, c.method(), q.url, bytes.NewReader(q.body))
	if err != nil {
		return outcome{verdict: refused, text: "its url cannot be used"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "nagare/"+c.version)
	for name, values := range c.r.Headers {
		req.Header[name] = values
		if name == "Host" {
			req.Host = values[0]
		}
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	if c.r.Secret != nil {
		req.Header.Set(signatureHeader, sign(c.r.Secret, q.body, time.Now()))
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return c.broken(ctx, err, !traced.Load() || written.Load())
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, mostAnswer)) // what is cut off is not needed: the status is there
	return c.judge(answer, text)
}

func (c *client) method() string {
	if c.r.Method == "" {
		return http.MethodPost
	}
	return c.r.Method
}

// broken is a request without an answer. What could not even connect is certainly not there.
func (c *client) broken(ctx context.Context, err error, sent bool) outcome {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		sent = false
	}
	var address *addressError
	if errors.As(err, &address) {
		return outcome{verdict: unsettled, text: address.Error()} // a name may resolve to something else later
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return outcome{verdict: unsettled, uncertain: sent, text: fmt.Sprintf("no answer within %v", c.r.Timeout)}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return outcome{verdict: unsettled, uncertain: sent, text: "it closed the connection without an answer"}
	}
	return outcome{verdict: unsettled, uncertain: sent, text: c.redact(rootText(err))}
}

// rootText is an error's text without the url, whose path may be a secret.
func rootText(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}

// judge tells from a status whether a request is done, unwanted or to be tried again.
func (c *client) judge(answer *http.Response, body []byte) outcome {
	code := answer.StatusCode
	text := fmt.Sprintf("it answers %d %s", code, http.StatusText(code))
	if shown := c.redact(excerpt(body)); shown != "" {
		text += ": " + shown
	}
	switch {
	case code >= 200 && code < 300:
		return outcome{verdict: accepted}
	case code >= 300 && code < 400:
		return outcome{verdict: refused, text: text + "; a redirect to another place is not followed: set option.url to it"}
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
		// A gateway that had no answer does not know what became of the request either.
		lost := code == http.StatusBadGateway || code == http.StatusGatewayTimeout
		return outcome{verdict: unsettled, uncertain: lost, after: retryAfter(answer.Header.Get("Retry-After"), time.Now()), text: text}
	}
	return outcome{verdict: refused, text: text}
}

// retryAfter reads the header: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32); err == nil {
		wait = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), mostRetryWait)
}

// excerpt is the first characters of an answer, on one line.
func excerpt(body []byte) string {
	text := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(string(body[:min(len(body), 8*shownAnswer)]), "\uFFFD"))
	return cut(strings.Join(strings.Fields(text), " "), shownAnswer)
}

// redact takes out of a text what is secret: an answer may show what was sent.
func (c *client) redact(text string) string {
	hide := func(secret string) {
		if len(secret) >= 4 {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	hide(string(c.r.Secret))
	hide(c.r.URL)
	for _, values := range c.r.Headers {
		for _, v := range values {
			hide(v)
			if _, token, ok := strings.Cut(v, " "); ok { // Bearer TOKEN
				hide(token)
			}
		}
	}
	return text
}
