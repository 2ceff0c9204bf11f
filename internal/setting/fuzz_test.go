package setting

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// FuzzAddress: an address that is accepted is one for package net, and local only if no other machine reaches it.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{
		"127.0.0.1:8080", ":8443", "[::1]:0", "localhost:65535", "unix:/run/a.sock", "unix:a", "unix:@a", "[fe80::1%eth0]:1", "0.0.0.0:1",
		"[::ffff:127.0.0.1]:9", "127.1:1", "0x7f.1:2", "[::]:1", "unix://x", "1.2.3.4:65536", "1.2.3.4:+1", "[1.2.3.4]:5",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var a Address
		if a.UnmarshalText([]byte(text)) != nil {
			return
		}
		if !regexp.MustCompile(a.Pattern()).MatchString(text) {
			t.Errorf("%q is accepted, and not by the schema's pattern", text)
		}
		if a.Network() == "unix" {
			checkSocketAddress(t, text, a.In("/etc/tollgate").Listen(), a.Local())
			return
		}
		tcp, err := net.ResolveTCPAddr(a.Network(), a.Listen())
		if err != nil {
			t.Fatalf("%q becomes %q, which package net does not take: %v", text, a.Listen(), err)
		}
		if tcp.Port != int(a.Port) || a.Local() != tcp.IP.IsLoopback() {
			t.Errorf("%q becomes %v; local: %v", text, tcp, a.Local())
		}
		if !a.Overlaps(a) && a.Port != 0 {
			t.Errorf("%q does not overlap itself", text)
		}
	})
}

func checkSocketAddress(t *testing.T, text, path string, local bool) {
	t.Helper()
	_, err := net.ResolveUnixAddr("unix", path)
	if err != nil || !local || !filepath.IsAbs(path) || strings.ContainsAny(path, "\x00") || strings.HasPrefix(path, "@") {
		t.Errorf("%q becomes the socket %q, local: %v, %v", text, path, local, err)
	}
}

// FuzzTarget: a URL that is accepted leads where net/url says, to a host in one spelling, and is plain only on this machine.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{
		"https://bss.myhuaweicloud.com", "http://127.0.0.1:3000/", "http://[::1]:1", "http://localhost", "https://a@b", "https://a:0", "HTTPS://A.B:443", "https://a:",
		"unix:/x", "https://a%2eb", "http://127.1", "http://0", "https://a?", "https://a#", "https://[fe80::1%25eth0]", "https://[::ffff:1.2.3.4]", "http://[::ffff:127.0.0.1]", "https://a\\b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var to Target
		if to.UnmarshalText([]byte(text)) != nil {
			return
		}
		if !regexp.MustCompile("(?i)" + to.Pattern()).MatchString(text) {
			t.Errorf("%q is accepted, and not by the schema's pattern", text)
		}
		if to.Socket != "" {
			return
		}
		read, err := url.Parse(text)
		name := ""
		if err == nil {
			name = strings.TrimSuffix(read.Hostname(), ".")
		}
		if err != nil || !strings.EqualFold(name, to.URL().Hostname()) || read.Port() != to.URL().Port() || to.URL().String() != to.URL().Scheme+"://"+to.URL().Host {
			t.Errorf("%q becomes %v, net/url reads %v, %v", text, to.URL(), read, err)
		}
		ip := net.ParseIP(name)
		if to.URL().Scheme != "https" && (ip == nil || !ip.IsLoopback()) || to.Local() != (ip != nil && ip.IsLoopback()) {
			t.Errorf("%q: local %v, address %v", text, to.Local(), ip)
		}
		if strings.ContainsAny(to.URL().Host, "%@/\\ _") || to.URL().Host != strings.ToLower(to.URL().Host) {
			t.Errorf("%q has the host %q", text, to.URL().Host)
		}
	})
}

// FuzzScalars: what is accepted fits the schema's pattern, and what is printed for it means the same.
func FuzzScalars(f *testing.F) {
	for _, seed := range []string{"1m30s", "1.5h", "0s", "180d", "1d12h", "12MiB", "0B", "9223372036854775807B", "Gw.Example", "::1", "1.2.3.4", "a_b", "p-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, values := range [][2]scalar{
			{new(Duration), new(Duration)}, {new(Size), new(Size)}, {new(Host), new(Host)}, {new(Account), new(Account)},
		} {
			first, second := values[0], values[1]
			if err := first.UnmarshalText([]byte(text)); err != nil {
				if len(err.Error()) > 300+len(text) {
					t.Errorf("a message of %d bytes", len(err.Error()))
				}
				continue
			}
			if !regexp.MustCompile(first.Pattern()).MatchString(text) {
				t.Errorf("%T %q is accepted, and not by the schema's pattern", first, text)
			}
			if d, ok := first.(*Duration); ok && *d%Duration(time.Millisecond) != 0 {
				continue // printed in microseconds, which no file may have
			}
			if err := second.UnmarshalText([]byte(printed(first))); err != nil || printed(second) != printed(first) {
				t.Errorf("%T %q prints as %q, which reads as %q, %v", first, text, printed(first), printed(second), err)
			}
		}
	})
}

func printed(s scalar) string {
	switch s := s.(type) {
	case *Duration:
		return s.String()
	case *Size:
		return s.String()
	case *Host:
		return string(*s)
	case *Account:
		return string(*s)
	}
	return ""
}

// FuzzSecretFile: of a file the secret is what stands in it, less one line end, or nothing at all, and no error shows any
// of it.
func FuzzSecretFile(f *testing.F) {
	for _, seed := range []string{"s3cr3t\n", "s3cr3t\r\n", "s3cr3t", "two words\n", "a\n\n", "\ufeffs3cr3t", "s3cr3t\x00", "", "\n", "\r"} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "sk.txt")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		value, err := Secrets{Dir: filepath.Dir(path)}.Read(Reference{File: "sk.txt"})
		text := strings.TrimRight(string(content), "\r\n")
		if err != nil {
			if len(text) > 8 && strings.Contains(err.Error(), text) || !value.IsZero() {
				t.Errorf("%q: %v, %q", content, err, value.Reveal())
			}
			return
		}
		got := value.Reveal()
		if got != text || got == "" || strings.Trim(got, "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~") != "" {
			t.Errorf("%q holds the secret %q", content, got)
		}
	})
}
