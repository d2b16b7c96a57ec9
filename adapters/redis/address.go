package redis

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// The timeouts of a connection. Writing has to be given up some time, or a server that takes
// connections and does not answer would never be seen to be in trouble.
const (
	dialTimeout  = 2 * time.Second
	readTimeout  = 3 * time.Second
	defaultPort  = "6379"
	clientName   = "nagare"
	urlSeparator = "://"
)

// An AddressError says that an address names no server.
type AddressError struct{ Address, Reason string }

func (e *AddressError) Error() string {
	return fmt.Sprintf("connect to Redis at %q: %s; want HOST:PORT, redis://USER@HOST:PORT/DB, or rediss:// in its place for TLS; of a cluster one address is enough, and several have commas between", e.Address, e.Reason)
}

// HasPassword reports whether an address holds a password, which others could see on a command line.
func HasPassword(address string) bool {
	_, rest, ok := strings.Cut(address, urlSeparator)
	if !ok {
		return false
	}
	authority, _, _ := strings.Cut(rest, "/")
	at := strings.LastIndex(authority, "@")
	return at >= 0 && strings.Contains(authority[:at], ":")
}

// parseAddress makes options of an address; password, if any, takes the place of the address's own.
// shown is the address without secrets.
func parseAddress(address, password string) (opt *goredis.UniversalOptions, shown string, err error) {
	if strings.Contains(address, urlSeparator) {
		shown = redacted(address)
		opt, err = parseURL(address, shown)
	} else {
		opt = &goredis.UniversalOptions{}
		opt.Addrs, err = hostPorts(address)
		shown = strings.Join(opt.Addrs, ",")
	}
	if err != nil {
		return nil, "", err
	}
	if password != "" {
		opt.Password = password
	}
	own(opt)
	opt.Dialer = goredis.NewDialer(&goredis.Options{DialTimeout: dialTimeout, TLSConfig: opt.TLSConfig})
	return opt, shown, nil
}

// parseURL makes options of a URL, in which several hosts may have commas between. The library's own errors
// are not told: they may hold the password.
func parseURL(address, shown string) (*goredis.UniversalOptions, error) {
	scheme, rest, _ := strings.Cut(address, urlSeparator)
	if scheme != "redis" && scheme != "rediss" {
		return nil, &AddressError{shown, "it is no address of a Redis"}
	}
	if strings.Contains(rest, "#") { // what stands before it would be taken for the host
		return nil, &AddressError{shown, "a # in it has to be written as %23"}
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	at := strings.LastIndex(authority, "@") + 1
	first, others, several := strings.Cut(authority[at:], ",")
	options, err := url.ParseQuery(query)
	if err != nil {
		return nil, &AddressError{shown, "what stands behind its ? cannot be read"}
	}
	files := tlsFiles{options.Get("cacert"), options.Get("cert"), options.Get("key")}
	for _, own := range []string{"cacert", "cert", "key"} {
		options.Del(own)
	}
	one, err := goredis.ParseURL(scheme + urlSeparator + authority[:at] + first + "/" + path + "?" + options.Encode())
	if err != nil {
		return nil, &AddressError{shown, "it is no address of a Redis"}
	}
	opt := &goredis.UniversalOptions{Addrs: []string{one.Addr}, DB: one.DB, Username: one.Username, Password: one.Password, TLSConfig: one.TLSConfig}
	if several {
		more, err := hostPorts(others)
		if err != nil {
			return nil, err
		}
		opt.Addrs = append(opt.Addrs, more...)
	}
	if reason := files.load(opt.TLSConfig); reason != "" {
		return nil, &AddressError{shown, reason}
	}
	return opt, nil
}

// tlsFiles is what a rediss:// URL names: ?cacert=FILE, of the authority that signed the server's certificate,
// and cert=FILE&key=FILE, of the client. The names are those of redis-cli.
type tlsFiles struct{ authority, certificate, key string }

// load reads the files, and returns why it cannot.
func (f tlsFiles) load(cfg *tls.Config) (reason string) {
	switch {
	case f == tlsFiles{}:
		return ""
	case cfg == nil:
		return "a cacert, cert or key is for rediss://"
	case (f.certificate == "") != (f.key == ""):
		return "a cert needs a key, and a key a cert"
	}
	if f.authority != "" {
		text, err := os.ReadFile(f.authority)
		if err != nil {
			return fmt.Sprintf("its cacert cannot be read: %v", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Sprintf("its cacert %s holds no certificate (PEM)", f.authority)
		}
	}
	if f.certificate != "" {
		pair, err := tls.LoadX509KeyPair(f.certificate, f.key)
		if err != nil {
			return fmt.Sprintf("its cert and key cannot be read: %v", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return ""
}

// own sets what does not depend on the address: no command is sent twice by the library on one connection,
// and no notifications are subscribed to.
func own(opt *goredis.UniversalOptions) {
	opt.ClientName = clientName
	opt.MaxRetries, opt.DialerRetries = -1, 1
	opt.DialTimeout, opt.ReadTimeout, opt.WriteTimeout = dialTimeout, readTimeout, readTimeout
	opt.ContextTimeoutEnabled = true
	opt.PipelinePoolSize = -1
	opt.DisableIdentity = true
	opt.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

func hostPorts(list string) (addrs []string, err error) {
	for _, a := range strings.Split(list, ",") {
		a, err := hostPort(strings.TrimSpace(a))
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, a)
	}
	return addrs, nil
}

func hostPort(text string) (string, error) {
	if text == "" {
		return "", &AddressError{text, "it is empty"}
	}
	if _, err := strconv.ParseUint(text, 10, 16); err == nil { // a port of this machine
		text = "127.0.0.1:" + text
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil && !strings.Contains(text, ":") {
		host, port, err = text, defaultPort, nil
	}
	if err != nil || host == "" || port == "" {
		return "", &AddressError{text, "it has no host and port"}
	}
	return net.JoinHostPort(host, port), nil
}

// redacted is a URL without user, password and options, which may name a password, too. What cannot be
// read is cut off up to its last @.
func redacted(address string) string {
	scheme, rest, _ := strings.Cut(address, urlSeparator)
	if u, err := url.Parse(address); err == nil && (u.User != nil || !strings.Contains(rest, "@")) {
		return scheme + urlSeparator + u.Host + u.Path
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = rest[at+1:]
	}
	rest, _, _ = strings.Cut(rest, "?")
	return scheme + urlSeparator + rest
}
