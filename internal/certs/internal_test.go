package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/internal/private"
	"tollgate/internal/setting"
	"tollgate/internal/testkubelet"
	"tollgate/internal/testpki"
)

// internalIn opens an authority with a clock that is elapsed ahead.
func internalIn(t *testing.T, dir string, elapsed *time.Duration, hosts ...setting.CertificateHost) *Internal {
	t.Helper()
	i, err := openInternal(InternalCertificate{Dir: dir, Hosts: hosts}, nil, func() time.Time { return time.Now().Add(*elapsed) })
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func roots(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(testpki.Must(AuthorityPEM(dir))) {
		t.Fatal("no authority")
	}
	return pool
}

// wantTrusted makes a connection to host, as a client that was given the authority.
func wantTrusted(t *testing.T, s Source, dir, host string) {
	t.Helper()
	if _, _, err := shake(t, &tls.Config{GetCertificate: s.GetCertificate}, &tls.Config{RootCAs: roots(t, dir), ServerName: host}); err != nil {
		t.Errorf("%s: %v", host, err)
	}
}

func TestInternal(t *testing.T) {
	dir, elapsed := filepath.Join(t.TempDir(), "new"), new(time.Duration)
	i := internalIn(t, dir, elapsed, "gateway.test", "*.lab.test", "127.0.0.1", "::1")
	for _, host := range []string{"gateway.test", "a.lab.test", "127.0.0.1", "::1"} {
		wantTrusted(t, i, dir, host)
	}
	for name, want := range map[string]fs.FileMode{"": 0o700, authorityFile: 0o600, publicFile: 0o644, i.leafFile(): 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", name, info, err, want)
		}
	}
	authority := testpki.Must(readKept(i.path(authorityFile))).Leaf
	if authority.NotAfter.Sub(authority.NotBefore) < authorityLifetime || !authority.MaxPathLenZero || len(authority.ExtKeyUsage) != 1 {
		t.Errorf("authority: %v to %v, path length zero %t, usages %v", authority.NotBefore, authority.NotAfter, authority.MaxPathLenZero, authority.ExtKeyUsage)
	}
	again := internalIn(t, dir, elapsed, "::1", "127.0.0.1", "*.lab.test", "gateway.test")
	if !again.Current()[0].Leaf.Equal(i.Current()[0].Leaf) {
		t.Error("a restart issues another leaf")
	}
	other := internalIn(t, dir, elapsed, "other.test")
	wantTrusted(t, other, dir, "other.test")
	wantTrusted(t, i, dir, "gateway.test")
}

func TestInternalRenews(t *testing.T) {
	dir, elapsed := t.TempDir(), new(time.Duration)
	i, neighbour := internalIn(t, dir, elapsed, "a.test"), internalIn(t, dir, elapsed, "a.test")
	first := i.Current()[0]
	*elapsed = DefaultLifetime*2/3 - 2*time.Hour
	wantPoll(t, i, false, "")
	*elapsed += 3 * time.Hour
	wantPoll(t, i, true, "")
	wantPoll(t, i, false, "")
	wantPoll(t, neighbour, true, "")
	second := i.Current()[0]
	if second.Leaf.Equal(first.Leaf) || !second.Leaf.Equal(neighbour.Current()[0].Leaf) || second.Leaf.NotAfter.Before(first.Leaf.NotAfter) {
		t.Errorf("renewed from %v to %v; the neighbour has %v", first.Leaf.NotAfter, second.Leaf.NotAfter, neighbour.Current()[0].Leaf.NotAfter)
	}
	// What cannot be renewed stays in use, and is reported once.
	*elapsed += DefaultLifetime
	if err := os.Rename(filepath.Join(dir, authorityFile), filepath.Join(dir, "away")); err != nil {
		t.Fatal(err)
	}
	overwrite(t, filepath.Join(dir, authorityFile), []byte("junk"))
	wantPoll(t, i, false, "no PEM block of type CERTIFICATE")
	wantPoll(t, i, false, "")
	if i.Current()[0] != second {
		t.Error("the old certificate is not served any more")
	}
	if err := os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, authorityFile)); err != nil {
		t.Fatal(err)
	}
	wantPoll(t, i, true, "")
}

// TestInternalAtItsEnd: leaves do not outlive their authority, and the error says what to do.
func TestInternalAtItsEnd(t *testing.T) {
	dir, elapsed := t.TempDir(), new(time.Duration)
	i := internalIn(t, dir, elapsed, "a.test")
	*elapsed = authorityLifetime - DefaultLifetime/2
	wantPoll(t, i, true, "")
	authority := testpki.Must(readKept(i.path(authorityFile))).Leaf
	if !i.Current()[0].Leaf.NotAfter.Equal(authority.NotAfter) {
		t.Errorf("the leaf ends at %v, the authority at %v", i.Current()[0].Leaf.NotAfter, authority.NotAfter)
	}
	*elapsed = authorityLifetime - time.Hour
	wantPoll(t, i, false, "move the directory away")
	wantPoll(t, i, false, "")
}

// TestInternalRepairs: what was lost or does not belong there is remade; an authority that cannot be read is not.
func TestInternalRepairs(t *testing.T) {
	dir, elapsed := t.TempDir(), new(time.Duration)
	i := internalIn(t, dir, elapsed, "a.test")
	before := testpki.Must(AuthorityPEM(dir))
	for _, name := range []string{publicFile, i.leafFile()} {
		for _, damage := range []func(){func() { _ = os.Remove(i.path(name)) }, func() { overwrite(t, i.path(name), []byte("x")) }} {
			damage()
			overwrite(t, i.path(name)+".tmp", []byte("of a process that was killed"))
			if err := i.Reload(); err != nil {
				t.Error(err)
			}
			wantTrusted(t, i, dir, "a.test")
		}
	}
	if !bytes.Equal(before, testpki.Must(AuthorityPEM(dir))) {
		t.Error("the authority is another")
	}
	if err := os.Remove(i.path(authorityFile)); err != nil {
		t.Fatal(err)
	}
	if err := i.Reload(); err != nil {
		t.Error(err)
	}
	if bytes.Equal(before, testpki.Must(AuthorityPEM(dir))) {
		t.Error("the authority is the same")
	}
	wantTrusted(t, i, dir, "a.test") // the leaf of the old one is not used
	overwrite(t, i.path(authorityFile), nil)
	if _, err := openInternal(i.config, i.report, i.now); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("an empty authority: %v", err)
	}
	leaf := testpki.Must(os.ReadFile(i.path(i.leafFile())))
	overwrite(t, i.path(authorityFile), leaf)
	if _, err := openInternal(i.config, i.report, i.now); err == nil || !strings.Contains(err.Error(), "not that of an authority") {
		t.Errorf("a leaf for an authority: %v", err)
	}
}

func TestInternalConfig(t *testing.T) {
	for _, c := range []InternalCertificate{
		{}, {Hosts: []setting.CertificateHost{""}}, {Hosts: []setting.CertificateHost{"a..b"}}, {Hosts: []setting.CertificateHost{"a b"}}, {Hosts: []setting.CertificateHost{"x.*.test"}}, {Hosts: []setting.CertificateHost{"*"}},
		{Hosts: []setting.CertificateHost{"a.test"}, Lifetime: setting.Duration(time.Minute)}, {Hosts: []setting.CertificateHost{setting.CertificateHost(strings.Repeat("a.", 130) + "test")}}, {Hosts: []setting.CertificateHost{"ä.test"}},
	} {
		c.Dir = filepath.Join(t.TempDir(), "never")
		if _, err := OpenInternal(c, nil); err == nil {
			t.Errorf("%+v is taken", c)
		}
		if _, err := os.Stat(c.Dir); err == nil {
			t.Errorf("%+v: the directory was made", c)
		}
	}
	if _, err := AuthorityPEM(t.TempDir()); err == nil || !strings.Contains(err.Error(), "first start") {
		t.Errorf("an empty directory: %v", err)
	}
}

// TestProcessesMakeOneAuthority starts this test binary several times, with several sources in each, on one directory.
func TestProcessesMakeOneAuthority(t *testing.T) {
	const key = "TOLLGATE_TEST_INTERNAL"
	if dir := os.Getenv(key); dir != "" {
		var group sync.WaitGroup
		for n := range 4 {
			group.Go(func() {
				i := testpki.Must(OpenInternal(InternalCertificate{Dir: dir, Hosts: []setting.CertificateHost{setting.CertificateHost(fmt.Sprintf("h%d.test", n%2))}}, nil))
				fmt.Printf("leaf %d %x\n", n%2, i.Current()[0].Leaf.SerialNumber)
			})
		}
		group.Wait()
		return
	}
	dir := filepath.Join(t.TempDir(), "shared")
	var group sync.WaitGroup
	outputs := make([]string, 4)
	for n := range outputs {
		group.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestProcessesMakeOneAuthority$")
			cmd.Env = append(os.Environ(), key+"="+dir)
			out, err := cmd.CombinedOutput()
			if outputs[n] = string(out); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	group.Wait()
	leaves := map[string]bool{}
	for _, out := range outputs {
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "leaf ") {
				leaves[line] = true
			}
		}
	}
	if len(leaves) != 2 {
		t.Errorf("%d leaves for two lists of hosts: %v", len(leaves), leaves)
	}
	wantTrusted(t, internalIn(t, dir, new(time.Duration), "h0.test"), dir, "h0.test")
}

// TestOpenSSLTrustsInternal: another implementation verifies the chain with the authority alone.
func TestOpenSSLTrustsInternal(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl is needed and missing; `make tools` installs it")
	}
	dir := t.TempDir()
	i := internalIn(t, dir, new(time.Duration), "gateway.test")
	l := testpki.Must(tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: NewSet(i).GetCertificate}))
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake()
			_ = conn.Close()
		}
	}()
	for host, want := range map[string]bool{"gateway.test": true, "other.test": false} {
		cmd := exec.Command(openssl, "s_client", "-connect", l.Addr().String(), "-CAfile", filepath.Join(dir, publicFile),
			"-servername", host, "-verify_hostname", host, "-verify_return_error", "-x509_strict", "-brief")
		out, err := cmd.CombinedOutput()
		if got := err == nil && strings.Contains(string(out), "Verification: OK"); got != want {
			t.Errorf("%s: verified %t, want %t: %v\n%s", host, got, want, err, out)
		}
	}
	_ = l.Close()
	<-served
}

// TestSecondStartInKubernetes opens an authority whose files the kubelet has given to a group since: its directory and its
// keys, those of other hosts among them, are for their owner only again, and that is reported once.
func TestSecondStartInKubernetes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	var found []private.Finding
	open := func(host setting.CertificateHost) *Internal {
		t.Helper()
		found = nil
		i, err := OpenInternal(InternalCertificate{Dir: dir, Hosts: []setting.CertificateHost{host}}, func(f private.Finding) { found = append(found, f) })
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	first, other := open("a.test"), open("b.test")
	stays := filepath.Join(dir, "notes.pem") // whose it is we do not know
	overwrite(t, stays, nil)
	loose := func() {
		t.Helper()
		if err := testkubelet.SetFSGroup(dir, testkubelet.AnyGroup()); err != nil {
			t.Fatal(err)
		}
	}
	want := []private.Finding{{Path: dir, Mode: 0o770, Now: 0o700}}
	for _, name := range slices.Sorted(slices.Values([]string{first.leafFile(), other.leafFile()})) {
		want = append(want, private.Finding{Path: filepath.Join(dir, name), Mode: 0o660, Now: 0o600})
	}
	want = append(want, private.Finding{Path: filepath.Join(dir, authorityFile), Mode: 0o660, Now: 0o600})
	loose()
	again := open("a.test")
	if !slices.Equal(found, want) {
		t.Errorf("found %v, want %v", found, want)
	}
	if !again.Current()[0].Leaf.Equal(first.Current()[0].Leaf) {
		t.Error("another certificate is served")
	}
	if open("a.test"); found != nil {
		t.Errorf("a third start finds %v", found)
	}
	for name, want := range map[string]fs.FileMode{"": 0o700, authorityFile: 0o600, first.leafFile(): 0o600, other.leafFile(): 0o600, "notes.pem": 0o660} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode()&^fs.ModeDir != want {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
	loose()
	if err := again.Reload(); err != nil || len(found) != len(want) {
		t.Errorf("reload: %v, found %v", err, found)
	}
}
