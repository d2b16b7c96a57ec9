package notify

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// Addresses at which clouds hand out credentials, beside those that are link-local.
var metadata = []netip.Addr{
	netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd20:ce::254"),
	netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("168.63.129.16"), netip.MustParseAddr("192.0.0.192"),
}

var (
	sharedNet   = netip.MustParsePrefix("100.64.0.0/10") // of carriers, and of some private networks
	thisNet     = netip.MustParsePrefix("0.0.0.0/8")
	reservedNet = netip.MustParsePrefix("240.0.0.0/4") // with the broadcast address
	oldLocalNet = netip.MustParsePrefix("fec0::/10")
	nat64Net    = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour   = netip.MustParsePrefix("2002::/16")
)

// within is the IPv4 address that an IPv6 one stands for, or the address itself.
func within(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	b := a.As16()
	switch {
	case nat64Net.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return a
}

// checkAddress tells why no request may go to an address, "" if one may. Private addresses and loopback are
// allowed where private says so, the others never.
func checkAddress(a netip.Addr, private bool) string {
	a = within(a)
	switch {
	case a.IsUnspecified() || thisNet.Contains(a):
		return "it is the unspecified address"
	case a.IsMulticast():
		return "it is a multicast address"
	case a.IsLinkLocalUnicast():
		return "it is link-local, where clouds hand out credentials"
	case reservedNet.Contains(a):
		return "it is a reserved address"
	}
	for _, m := range metadata {
		if a == m {
			return "it is where clouds hand out credentials"
		}
	}
	switch {
	case private:
		return ""
	case a.IsLoopback():
		return "it is this machine; name localhost or the address in the url, or set option.allowPrivate: true"
	case a.IsPrivate() || sharedNet.Contains(a) || oldLocalNet.Contains(a):
		return "it is in a private network; name the address in the url, or set option.allowPrivate: true"
	}
	return ""
}

// saysPrivate reports whether a url's host is an address, or this machine by name: who wrote it means it.
func saysPrivate(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// An addressError is a connection that is not made, because of where it would go.
type addressError struct{ address, why string }

func (e *addressError) Error() string { return fmt.Sprintf("connect to %s: %s", e.address, e.why) }

// control refuses connections by the address that the name was resolved to, just before they are made.
func control(private bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return &addressError{address, "it is no address"}
		}
		a, err := netip.ParseAddr(host)
		if err != nil {
			return &addressError{address, "it is no address"}
		}
		if why := checkAddress(a, private); why != "" {
			return &addressError{address, why}
		}
		return nil
	}
}
