package node

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/adapters/web"
)

// Others is a socket of its own for other machines. The one for this machine stays as it is.
type Others struct {
	Listen string // HOST:PORT, or PORT for all addresses of this machine; "": no other machine comes in
	// Cert and Key are files in PEM, which may be renewed while the process runs.
	Cert, Key string
	// Insecure lets other machines come in without TLS, where something else encrypts.
	Insecure bool
}

const othersFlag = "--http-listen"

// An OthersError says why other machines cannot be let in.
type OthersError struct {
	Address, Reason string
	Err             error
}

func (e *OthersError) Error() string {
	text := fmt.Sprintf("let other machines in at %s: %s", e.Address, e.Reason)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *OthersError) Unwrap() error { return e.Err }

// Validate says what is missing. No address that others reach is opened without TLS, unless that is wanted by name.
func (o *Others) Validate() error {
	fault := func(reason string) error { return &OthersError{Address: o.Listen, Reason: reason} }
	switch {
	case o.Listen == "" && (o.Cert != "" || o.Key != "" || o.Insecure):
		return &OthersError{Address: "no address", Reason: "--http-cert, --http-key and --http-insecure are for " + othersFlag + " HOST:PORT, which is missing"}
	case o.Listen == "":
		return nil
	case o.Insecure && (o.Cert != "" || o.Key != ""):
		return fault("--http-insecure is without TLS, so leave it out, or --http-cert and --http-key")
	case !o.Insecure && o.Cert == "" && o.Key == "":
		return fault("that needs TLS, for the token and all data would be read on the way; name a certificate with --http-cert FILE --http-key FILE, or say --http-insecure where something else encrypts")
	case !o.Insecure && o.Cert == "":
		return fault("the key has no certificate; name its file with --http-cert")
	case !o.Insecure && o.Key == "":
		return fault("the certificate has no key; name its file with --http-key")
	}
	_, err := o.address()
	return err
}

// address is where to listen.
func (o *Others) address() (string, error) {
	text := o.Listen
	if _, err := strconv.Atoi(text); err == nil {
		text = ":" + text
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", &OthersError{Address: o.Listen, Reason: "it is no address; name HOST:PORT, or PORT for all addresses of this machine"}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return "", &OthersError{Address: o.Listen, Reason: "a port is a number from 0 to 65535"}
	}
	return net.JoinHostPort(host, port), nil
}

// openOthers takes the address for other machines. An error comes before the folder is touched.
func (n *Node) openOthers() error {
	o := &n.cfg.Others
	if err := o.Validate(); err != nil || o.Listen == "" {
		return err
	}
	address, err := o.address()
	if err != nil {
		return err
	}
	var c *certificate
	if !o.Insecure {
		if c, err = readCertificate(o, n.log); err != nil {
			return err
		}
		if end := c.now().Leaf.NotAfter; end.Before(time.Now()) {
			n.notices = append(n.notices, fmt.Sprintf("the certificate %s ended at %s, so that browsers let nobody in; once the file is renewed it is taken without a restart", o.Cert, end.UTC().Format(time.RFC3339)))
		}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		owner := ""
		if isInUse(err) {
			owner = PortOwner(address)
		}
		return &PortError{Address: address, Owner: owner, Err: err, Flag: othersFlag}
	}
	n.others, n.certificate = l, c
	n.onClose(func() error { return closeListener(l) })
	return nil
}

// othersURL is how other machines name the page, "" when none comes in.
func (n *Node) othersURL() string {
	if n.others == nil {
		return ""
	}
	host, port, _ := net.SplitHostPort(n.others.Addr().String())
	scheme := "http://"
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	}
	if n.certificate != nil {
		scheme = "https://"
		host = certifiedName(n.certificate.now().Leaf, host)
	}
	return scheme + net.JoinHostPort(host, port)
}

// serveOthers answers other machines until the server is closed.
func (n *Node) serveOthers() error {
	o := web.Others{}
	if c := n.certificate; c != nil {
		// One request a connection at a time, as at the other socket: what bounds clients counts connections.
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"http/1.1"}}
		o.Name = func(host string) bool { return c.now().Leaf.VerifyHostname(host) == nil }
	}
	return n.server.ServeOthers(n.others, o)
}

// A certificate is read again when its file has changed.
type certificate struct {
	files *Others
	log   *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	changed time.Time // of its file
	refused time.Time // of a file that could not be taken, which is told once
}

func readCertificate(o *Others, log *slog.Logger) (*certificate, error) {
	c := &certificate{files: o, log: log}
	info, err := os.Stat(o.Cert)
	if err != nil {
		return nil, &OthersError{o.Listen, "read the certificate " + o.Cert + " (--http-cert)", err}
	}
	if c.current, err = loadCertificate(o); err != nil {
		return nil, err
	}
	c.changed = info.ModTime()
	return c, nil
}

func loadCertificate(o *Others) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
	if err != nil {
		return nil, &OthersError{o.Listen, fmt.Sprintf("read the certificate %s and its key %s, both in PEM", o.Cert, o.Key), err}
	}
	if len(pair.Leaf.DNSNames) == 0 && len(pair.Leaf.IPAddresses) == 0 {
		return nil, &OthersError{o.Listen, "the certificate " + o.Cert + " names no host that browsers go by (subjectAltName); make one that does", nil}
	}
	return &pair, nil
}

// get is tls.Config's GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now(), nil }

// now is the certificate as its file is now. While that cannot be taken the old one stays.
func (c *certificate) now() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	info, err := os.Stat(c.files.Cert)
	if err != nil || info.ModTime().Equal(c.changed) {
		return c.current
	}
	pair, err := loadCertificate(c.files)
	switch {
	case err == nil:
		c.current, c.changed = pair, info.ModTime()
		c.log.Info("the certificate for other machines was renewed", "file", c.files.Cert, "ends", pair.Leaf.NotAfter.UTC())
	case !info.ModTime().Equal(c.refused):
		c.refused = info.ModTime()
		c.log.Warn("the certificate for other machines has changed and cannot be taken; the old one stays", "err", err)
	}
	return c.current
}

// certifiedName is a host that the certificate is for: the wanted one if it may be.
func certifiedName(leaf *x509.Certificate, wanted string) string {
	switch {
	case leaf.VerifyHostname(wanted) == nil:
		return wanted
	case len(leaf.DNSNames) > 0:
		return leaf.DNSNames[0]
	}
	return leaf.IPAddresses[0].String()
}
