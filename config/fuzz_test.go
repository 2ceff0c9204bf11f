package config

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

// FuzzInlineSecret writes a secret behind a secret's key where only a reference belongs, in whatever surroundings: no
// message shows it.
func FuzzInlineSecret(f *testing.F) {
	const word = "wJalrXUtnFEMI7MDENG"
	keys := []string{"secret_key", "secret", "security_token", "access_key", "password", "sk", "secert_key"}
	for i := range keys {
		f.Add(uint8(i), "credentials:\n  main:\n    ", ": ", "\n")
		f.Add(uint8(i), "callers: {app: {auth: [{access_key: {id: X, ", ": ", "}}]}}")
		f.Add(uint8(i), "credentials:\n  main: {class: partner, ", ": {env: ", ", file: x}}\n")
		f.Add(uint8(i), "a: &x\nb: \"", "\": |\n      ", "\n   c: [")
	}
	f.Fuzz(func(t *testing.T, key uint8, before, between, after string) {
		if !belongs(before, between) {
			return
		}
		text := before + keys[int(key)%len(keys)] + between + word + after
		if _, err := Parse("f", []byte(text), ".", Options{LookupEnv: noEnv, Secrets: true}); err != nil && strings.Contains(err.Error(), word) {
			t.Errorf("%q is told:\n%v", text, err)
		}
	})
}

// belongs tells whether what follows is the value of the key between the two texts, as far as a person sees.
func belongs(before, between string) bool {
	quote, value, isKey := strings.Cut(between, ":")
	if !isKey || strings.Trim(quote, "\"' ") != "" || strings.Trim(value, "\"' \t{|>[-\n") != "" {
		return false
	}
	if before != "" && !strings.ContainsRune("\n {,\"'", rune(before[len(before)-1])) {
		return false // the word before is not the whole key
	}
	line := before[strings.LastIndexByte(before, '\n')+1:]
	if strings.Contains(line, "#") {
		return false // a comment
	}
	below := strings.LastIndexByte(between, '\n')
	blanks := between[below+1:]
	return below < 0 || strings.Trim(blanks, " ") == "" && len(blanks) > len(line) // deeper than the key
}

// FuzzAddress: an address that is accepted is one for package net, and local only if nobody else reaches it.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{
		"127.0.0.1:8080", ":8443", "[::1]:0", "localhost:65535", "unix:/run/a.sock", "unix:a", "unix:@a", "[fe80::1%eth0]:1", "0.0.0.0:1",
		"[::ffff:127.0.0.1]:9", "127.1:1", "0x7f.1:2", "[::]:1", "unix://x", "1.2.3.4:65536", "1.2.3.4:+1", "[1.2.3.4]:5",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var a address
		if a.parse(text) != nil {
			return
		}
		if !regexp.MustCompile(a.pattern()).MatchString(text) {
			t.Errorf("%q is accepted, and not by the schema's pattern", text)
		}
		if a.network() == "unix" {
			checkSocketAddress(t, text, a.listen("/etc/tollgate"), a.local())
			return
		}
		tcp, err := net.ResolveTCPAddr(a.network(), a.listen(""))
		if err != nil {
			t.Fatalf("%q becomes %q, which package net does not take: %v", text, a.listen(""), err)
		}
		if tcp.Port != int(a.port) || a.local() != tcp.IP.IsLoopback() {
			t.Errorf("%q becomes %v; local: %v", text, tcp, a.local())
		}
		if !a.overlaps(a) && a.port != 0 {
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
		var to target
		if to.parse(text) != nil {
			return
		}
		if !regexp.MustCompile("(?i)" + to.pattern()).MatchString(text) {
			t.Errorf("%q is accepted, and not by the schema's pattern", text)
		}
		if to.socket != "" {
			return
		}
		read, err := url.Parse(text)
		if err != nil || !strings.EqualFold(read.Hostname(), to.url.Hostname()) || read.Port() != to.url.Port() || to.url.String() != to.url.Scheme+"://"+to.url.Host {
			t.Errorf("%q becomes %v, net/url reads %v, %v", text, to.url, read, err)
		}
		ip := net.ParseIP(read.Hostname())
		if to.url.Scheme != "https" && (ip == nil || !ip.IsLoopback()) || to.local() != (ip != nil && ip.IsLoopback()) {
			t.Errorf("%q: local %v, address %v", text, to.local(), ip)
		}
		if strings.ContainsAny(to.url.Host, "%@/\\ _") || to.url.Host != strings.ToLower(to.url.Host) {
			t.Errorf("%q has the host %q", text, to.url.Host)
		}
	})
}

// FuzzScalars: what is accepted fits the schema's pattern, and what is printed for it means the same.
func FuzzScalars(f *testing.F) {
	for _, seed := range []string{"1m30s", "1.5h", "0s", "180d", "1d12h", "12MiB", "0B", "9223372036854775807B", "10/s", "0.5/min", "1/h", "1e3/s", "0x1/s", "Gw.Example", "::1", "1.2.3.4", "a_b", "p-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, values := range [][2]scalar{
			{new(duration), new(duration)}, {new(size), new(size)}, {new(rate), new(rate)}, {new(host), new(host)}, {new(account), new(account)},
		} {
			first, second := values[0], values[1]
			if err := first.parse(text); err != nil {
				if len(err.Error()) > 300+len(text) {
					t.Errorf("a message of %d bytes", len(err.Error()))
				}
				continue
			}
			if !regexp.MustCompile(first.pattern()).MatchString(text) {
				t.Errorf("%T %q is accepted, and not by the schema's pattern", first, text)
			}
			if _, isRate := first.(*rate); isRate {
				continue // printed with six digits
			}
			if d, ok := first.(*duration); ok && *d%duration(time.Millisecond) != 0 {
				continue // printed in microseconds, which no file may have
			}
			if err := second.parse(printed(first)); err != nil || printed(second) != printed(first) {
				t.Errorf("%T %q prints as %q, which reads as %q, %v", first, text, printed(first), printed(second), err)
			}
		}
	})
}

func printed(s scalar) string {
	switch s := s.(type) {
	case *duration:
		return s.String()
	case *size:
		return s.String()
	case *host:
		return string(*s)
	case *account:
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
		value, err := (&secretReader{dir: filepath.Dir(path)}).read(reference{File: "sk.txt"})
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
