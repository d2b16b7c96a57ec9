package redis

import (
	"fmt"
	"net"
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
	poolSize     = 8
	clientName   = "nagare"
	urlSeparator = "://"
)

// An AddressError says that an address names no server.
type AddressError struct{ Address, Reason string }

func (e *AddressError) Error() string {
	return fmt.Sprintf("connect to Redis at %q: %s; want HOST:PORT, several of a cluster with commas between, redis://HOST:PORT/DB, or rediss:// for TLS", e.Address, e.Reason)
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
	opt = &goredis.UniversalOptions{}
	if strings.Contains(address, urlSeparator) {
		one, err := goredis.ParseURL(address)
		if err != nil {
			// The library's own text may hold the password.
			return nil, "", &AddressError{redacted(address), "it is no address of a Redis"}
		}
		opt.Addrs, opt.DB, opt.Username, opt.Password, opt.TLSConfig = []string{one.Addr}, one.DB, one.Username, one.Password, one.TLSConfig
		shown = redacted(address)
	} else {
		for _, a := range strings.Split(address, ",") {
			a, err := hostPort(strings.TrimSpace(a))
			if err != nil {
				return nil, "", err
			}
			opt.Addrs = append(opt.Addrs, a)
		}
		shown = strings.Join(opt.Addrs, ",")
	}
	if password != "" {
		opt.Password = password
	}
	own(opt)
	return opt, shown, nil
}

// own sets what does not depend on the address: no command is sent twice by the library, and no
// notifications are subscribed to.
func own(opt *goredis.UniversalOptions) {
	opt.ClientName = clientName
	opt.MaxRetries, opt.DialerRetries = -1, 1
	opt.DialTimeout, opt.ReadTimeout, opt.WriteTimeout = dialTimeout, readTimeout, readTimeout
	opt.ContextTimeoutEnabled = true
	opt.PoolSize, opt.PipelinePoolSize = poolSize, -1
	opt.DisableIdentity = true
	opt.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
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

// redacted is a URL without user and password.
func redacted(address string) string {
	scheme, rest, _ := strings.Cut(address, urlSeparator)
	authority, path, hasPath := strings.Cut(rest, "/")
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		authority = authority[at+1:]
	}
	path, _, _ = strings.Cut(path, "?") // options may name a password, too
	if hasPath {
		authority += "/" + path
	}
	return scheme + urlSeparator + authority
}
