package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
)

// Others is a socket through which other machines come in. All that they ask for needs the token, as the password of
// any name (browsers ask for it) or as a bearer's.
type Others struct {
	// TLS encrypts; nil: nothing does.
	TLS *tls.Config
	// Name reports whether a Host header, without its port, may name this machine; needed with TLS. Without TLS addresses,
	// localhost and the machine's own name may: no page of another site has one of these.
	Name func(host string) bool
}

// realm is what a browser shows where it asks for the token.
const realm = `Basic realm="nagare: any name, and as password the text of the file token in the data folder", charset="UTF-8"`

// A door is a way in: who may come through it, under which names.
type door struct {
	scheme  string
	isOurs  func(host string) bool
	tell    string // by which address to ask instead
	guarded bool   // nothing is told without the token
}

// fromOthers is the key of a context whose request came in from other machines.
type fromOthers struct{}

// isFromOthers reports a request of another machine: what only programs of this one may do is refused to it.
func isFromOthers(r *http.Request) bool { return r.Context().Value(fromOthers{}) != nil }

// ServeOthers answers other machines until Close. It returns nil after Close. Its connections have a limit of their
// own: others cannot take those of this machine.
func (s *Server) ServeOthers(l net.Listener, o Others) error {
	if o.TLS != nil {
		l = tls.NewListener(l, o.TLS)
	}
	server := s.newHTTP(&s.otherConns, s.forOthers(o))
	s.others.Store(server)
	if s.base.Err() != nil { // closed before
		return l.Close()
	}
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve other machines at %s: %w", l.Addr(), err)
	}
	return nil
}

// forOthers is the handler of that socket.
func (s *Server) forOthers(o Others) http.Handler {
	d := door{scheme: "https", guarded: true, tell: "a name that the certificate is for", isOurs: func(host string) bool { return o.Name(hostName(host)) }}
	if o.TLS == nil {
		d.scheme, d.tell = "http", "an address or the name of this machine"
		d.isOurs = func(host string) bool { return isMachineName(hostName(host)) }
	}
	inner := s.guard(d, s.inner)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), fromOthers{}, true)))
	})
}

// hostName is a Host header without its port, which a tunnel or a container may have changed.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

func isMachineName(name string) bool {
	if net.ParseIP(name) != nil || strings.EqualFold(name, "localhost") {
		return true
	}
	own, err := os.Hostname()
	return err == nil && own != "" && strings.EqualFold(name, own)
}
