package upstream

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"tollgate/internal/setting"
)

// TestForbiddenAddresses in each of the forms in which they can be written, and some that are next to them.
func TestForbiddenAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"169.254.169.254": "metadata", "169.254.170.2": "metadata", "100.100.100.200": "metadata", "168.63.129.16": "metadata", "192.0.0.192": "metadata",
		"fd00:ec2::254": "metadata", "fd20:ce::254": "metadata", "fe80::a9fe:a9fe": "metadata",
		"::ffff:169.254.169.254": "metadata", "::ffff:100.100.100.200": "metadata", "::169.254.169.254": "metadata", "::ffff:0:169.254.169.254": "metadata",
		"64:ff9b::169.254.169.254": "metadata", "64:ff9b::a9fe:a9fe": "metadata", "64:ff9b:1::169.254.169.254": "metadata",
		"64:ff9b:1:a9fe:a9:fe00::": "never", "64:ff9b:1:ffa9:fe:a9fe::": "metadata", "64:ff9b:1:0:a9:fea9:fe00:0": "metadata", "2002:a9fe:a9fe::1": "metadata",
		"169.254.0.1": "link-local", "fe80::1": "link-local", "fe80::1%eth0": "link-local", "febf::1": "link-local", "64:ff9b::169.254.1.1": "link-local",
		"224.0.0.1": "multicast", "239.255.255.255": "multicast", "ff02::1": "multicast", "ff0e::1": "multicast", "::ffff:224.0.0.1": "multicast",
		"255.255.255.255": "broadcast", "0.0.0.0": "unspecified", "0.1.2.3": "unspecified", "::": "unspecified", "::ffff:0.0.0.0": "unspecified",

		"127.0.0.1": "", "::1": "", "::ffff:127.0.0.1": "", "10.0.0.1": "", "192.168.1.1": "", "fc00::1": "", "fd00::1": "", "100.100.100.201": "",
		"169.253.255.255": "", "169.255.0.0": "", "223.255.255.255": "", "8.8.8.8": "", "2400:3200::1": "", "64:ff9b::8.8.8.8": "", "64:ff9b:1::10.0.0.1": "",
	} {
		err := CheckAddress(netip.MustParseAddr(address), nil)
		var of *AddressError
		switch {
		case want == "" && err != nil, want != "" && (!errors.As(err, &of) || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", address, err, want)
		case err != nil && !strings.Contains(err.Error(), of.Address.String()):
			t.Errorf("%s: the error does not name the address: %v", address, err)
		}
		if err != nil && isPublic(netip.MustParseAddr(address)) {
			t.Errorf("%s is public", address)
		}
	}
}

func networks(t testing.TB, texts ...string) (all []Network) {
	t.Helper()
	for _, text := range texts {
		var n Network
		if err := n.UnmarshalText([]byte(text)); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		all = append(all, n)
	}
	return all
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		networks string
		good     string
		bad      string
	}{
		{"any", "10.0.0.1 8.8.8.8 127.0.0.1 ::1 fd00::1", "169.254.1.1 ff02::1"},
		{"public", "8.8.8.8 2400:3200::1 64:ff9b::8.8.8.8 2002:808:808::1 ::ffff:8.8.8.8",
			"10.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 127.0.0.1 ::1 fd00::1 100.64.0.1 ::ffff:10.0.0.1 64:ff9b::10.0.0.1 2002:a00:1::1 240.0.0.1 " +
				"198.18.0.1 203.0.113.7 2001:db8::1 2001::1 fec0::1 64:ff9b:1::8.8.8.8 4000::1 100::1"},
		{"10.1.0.0/16 2001:db8::/32", "10.1.2.3 ::ffff:10.1.2.3 2001:db8::1", "10.2.0.1 127.0.0.1 2001:db9::1 8.8.8.8 64:ff9b::10.1.2.3"},
		{"0.0.0.0/0 ::/0", "10.0.0.1 ::1", "169.254.169.254 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 0.0.0.0"},
		{"192.168.7.7", "192.168.7.7", "192.168.7.8"},
		{"public 10.0.0.0/8", "8.8.8.8 10.0.0.1", "192.168.0.1"},
	} {
		allowed := networks(t, strings.Fields(c.networks)...)
		for _, address := range strings.Fields(c.good) {
			if err := CheckAddress(netip.MustParseAddr(address), allowed); err != nil {
				t.Errorf("%s: %v", c.networks, err)
			}
		}
		for _, address := range strings.Fields(c.bad) {
			if err := CheckAddress(netip.MustParseAddr(address), allowed); err == nil {
				t.Errorf("%s: %s is allowed", c.networks, address)
			}
		}
	}
}

func TestNetworkTexts(t *testing.T) {
	for _, text := range []string{"", "all", "Any", "10.0.0.0/33", "10.0.0.1/8", "::ffff:10.0.0.0/104", "fe80::1%eth0", "10.0.0.0/8 ", "example.com"} {
		var n Network
		if err := n.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %v", text, n)
		}
	}
}

// FuzzAddress holds the rules to what package netip says of the address itself and of each IPv4 address within it.
func FuzzAddress(f *testing.F) {
	for _, text := range []string{"169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "ff02::1", "::1", "10.0.0.1"} {
		ip := netip.MustParseAddr(text)
		f.Add(ip.AsSlice())
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		ip, ok := netip.AddrFromSlice(octets)
		if !ok {
			return
		}
		plain := ip.Unmap()
		bad := plain.IsLinkLocalUnicast() || plain.IsMulticast() || plain.IsUnspecified()
		err := CheckAddress(ip, networks(t, "0.0.0.0/0", "::/0"))
		if bad && err == nil {
			t.Errorf("%v may be connected to", ip)
		}
		if mapped := netip.AddrFrom16(plain.As16()); plain.Is4() && (CheckAddress(mapped, nil) == nil) != (err == nil) {
			t.Errorf("%v: %v, but not as %v", ip, err, mapped)
		}
		if plain.Is4() && plain.As4()[0] != 0 {
			prefix := netip.MustParseAddr("64:ff9b::").As16()
			held := plain.As4()
			copy(prefix[12:], held[:])
			if nat := netip.AddrFrom16(prefix); (CheckAddress(nat, nil) == nil) != (err == nil) || isPublic(nat) != isPublic(plain) {
				t.Errorf("%v: %v, but not as %v", ip, err, nat)
			}
		}
		if public := isPublic(ip); public && (bad || plain.IsPrivate() || plain.IsLoopback()) {
			t.Errorf("%v is public", ip)
		}
	})
}

// TestForbiddenAddressesAreNotReached: the address that a name leads to is checked, not the name. Nothing arrives where it must not.
func TestForbiddenAddressesAreNotReached(t *testing.T) {
	target, conns := origin(t, func(net.Conn, *bufio.Reader) {})
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(target, "http://"))
	for _, c := range []struct {
		leads    [4]byte
		networks []string
		want     string
	}{
		{[4]byte{169, 254, 169, 254}, nil, "address 169.254.169.254 is never connected to: it serves the metadata of a cloud's machine"},
		{[4]byte{0, 0, 0, 0}, []string{"any"}, "address 0.0.0.0 is never connected to: it is unspecified"}, // the system takes it for this machine
		{[4]byte{127, 0, 0, 1}, []string{"public"}, "address 127.0.0.1 is not among the addresses of the upstream: public"},
		{[4]byte{127, 0, 0, 1}, []string{"10.0.0.0/8", "fd00::/8"}, "address 127.0.0.1 is not among the addresses of the upstream: 10.0.0.0/8, fd00::/8"},
	} {
		config := to(&url.URL{Scheme: "http", Host: "upstream.test:" + port})
		config.Addresses, config.ConnectTimeout = networks(t, c.networks...), setting.Duration(time.Second)
		transport := New(config, nil, newNameServer(t, c.leads).resolver())
		defer transport.Close()
		_, err := send(t, transport, request(t, "POST", "http://upstream.test:"+port, "x"))
		failure, ok := errors.AsType[*Error](err)
		if !ok || failure.MaybeSent || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.leads, err)
		}
		if _, ok := errors.AsType[*AddressError](err); !ok {
			t.Errorf("%v: the cause is no *AddressError: %v", c.leads, err)
		}
		if n := len(transport.pool.slots); n != 0 || transport.pool.open != 0 {
			t.Errorf("%d places are taken, %d connections counted", n, transport.pool.open)
		}
	}
	if n := conns.Load(); n != 0 {
		t.Errorf("%d connections arrived", n)
	}
}

// TestOnPrivate: the first connection to a private address is reported, and none to this machine.
func TestOnPrivate(t *testing.T) {
	var reported []netip.Addr
	w := &way{config: new(Config)}
	OnPrivate(func(ip netip.Addr) { reported = append(reported, ip) })(w)
	for _, ip := range []string{"127.0.0.1", "::1", "8.8.8.8", "10.0.0.1", "192.168.1.1"} {
		w.note(&net.TCPAddr{IP: net.ParseIP(ip), Port: 443})
	}
	if len(reported) != 1 || reported[0].String() != "10.0.0.1" {
		t.Errorf("reported: %v", reported)
	}
}
