package node

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	psnet "github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"
)

// DefaultHTTP is where the API is when nobody says otherwise, and HTTPOff is no socket at all.
const (
	DefaultHTTP = "127.0.0.1:7575"
	HTTPOff     = "off"
)

const httpFlag = "--http"

// portTries is how many ports behind a taken default one are tried before any will do.
const portTries = 20

// A PortError says that an address cannot be had.
type PortError struct {
	Address string
	Owner   string // who has it, "" when that cannot be found out
	Err     error
	Flag    string // that named it; "": --http
}

func (e *PortError) Error() string {
	flag := cmp.Or(e.Flag, httpFlag)
	switch {
	case !isInUse(e.Err):
		return fmt.Sprintf("listen on %s: %v; name another port with %s", e.Address, e.Err, flag)
	case e.Owner != "":
		return fmt.Sprintf("listen on %s: the port is in use by %s; stop that, or name another port with %s", e.Address, e.Owner, flag)
	}
	return fmt.Sprintf("listen on %s: the port is in use; stop what uses it, or name another port with %s", e.Address, flag)
}

func (e *PortError) Unwrap() error { return e.Err }

// An AddressError says that an address is none that this version listens on.
type AddressError struct {
	Address, Reason string
	Flag            string // that named it; "": --http
	open            bool   // it is one of this machine that others reach
}

func (e *AddressError) Error() string {
	if e.Flag == "" && e.open {
		return fmt.Sprintf("listen on %q: %s, and nothing is open to other machines without TLS and the token; for these say %s %s --http-cert FILE --http-key FILE, or --http-insecure where something else encrypts", e.Address, e.Reason, othersFlag, e.Address)
	}
	if e.Flag != "" {
		return fmt.Sprintf("listen on %q: %s; use %s 127.0.0.1:PORT or %s PORT", e.Address, e.Reason, e.Flag, e.Flag)
	}
	return fmt.Sprintf("listen on %q: %s; use --http 127.0.0.1:PORT, --http PORT or --http off", e.Address, e.Reason)
}

// parseAddress makes host:port of what was given: a port, :port, or a loopback address.
func parseAddress(text string) (string, error) {
	if _, err := strconv.Atoi(text); err == nil {
		text = ":" + text
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", &AddressError{Address: text, Reason: "it is no address"}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return "", &AddressError{Address: text, Reason: "a port is a number from 0 to 65535"}
	}
	switch host {
	case "", "localhost":
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", &AddressError{Address: text, Reason: "only loopback addresses are possible here", open: true}
	}
	return net.JoinHostPort(host, port), nil
}

// listen takes the address of the API. The default one gives way to the next free port, with a
// notice; one that the user named does not.
func listen(address string) (l net.Listener, notice string, err error) {
	named := address != ""
	if !named {
		address = DefaultHTTP
	}
	if address, err = parseAddress(address); err != nil {
		return nil, "", err
	}
	if l, err = net.Listen("tcp", address); err == nil {
		return l, "", nil
	}
	if named {
		owner := ""
		if isInUse(err) {
			owner = PortOwner(address)
		}
		return nil, "", &PortError{Address: address, Owner: owner, Err: err}
	}
	host, text, _ := net.SplitHostPort(address)
	port, _ := strconv.Atoi(text)
	for i := 1; i <= portTries; i++ {
		if l, err = net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port+i))); err == nil {
			break
		}
	}
	if err != nil {
		if l, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
			return nil, "", &PortError{Address: address, Err: err}
		}
	}
	return l, fmt.Sprintf("port %d is in use, so the API is at %s", port, l.Addr()), nil
}

// closeListener closes a socket that may be closed already.
func closeListener(l net.Listener) error {
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// isInUse tells a taken port from other reasons, which Windows words in its own way.
func isInUse(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (strings.Contains(err.Error(), "address already in use") ||
		strings.Contains(err.Error(), "Only one usage of each socket address"))
}

// ProbePort finds out whether an address can be had, without taking it for longer. The error is a *PortError or, of a text
// that is no address, an *AddressError; both name the flag that gave it.
func ProbePort(text, flag string) error {
	address, err := parseAddress(text)
	var wrong *AddressError
	if errors.As(err, &wrong) && flag != httpFlag {
		wrong.Flag = flag
	}
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		owner := ""
		if isInUse(err) {
			owner = PortOwner(address)
		}
		return &PortError{Address: address, Owner: owner, Err: err, Flag: flag}
	}
	return l.Close()
}

// PortOwner names the process that listens on an address, as far as this user may know: "process PID (NAME)", or "".
func PortOwner(address string) string {
	_, text, _ := net.SplitHostPort(address)
	port, _ := strconv.Atoi(text)
	conns, err := psnet.Connections("tcp")
	if err != nil {
		return ""
	}
	for _, c := range conns {
		if int(c.Laddr.Port) != port || c.Status != "LISTEN" || c.Pid == 0 {
			continue
		}
		owner := fmt.Sprintf("process %d", c.Pid)
		if p, err := process.NewProcess(c.Pid); err == nil {
			if name, err := p.Name(); err == nil && name != "" {
				owner += " (" + name + ")"
			}
		}
		return owner
	}
	return ""
}
