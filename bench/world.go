package main

import (
	"crypto/tls"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"golang.org/x/sys/unix"

	"tollgate/internal/testpki"
)

// What all connections of all proxies use, on both sides: what Go and OpenSSL would choose anyway.
const (
	suite = tls.TLS_AES_128_GCM_SHA256
	group = tls.X25519
)

// The credential that signs, and the caller's name in its certificate.
const (
	accessKey  = "BENCHACCESSKEY000001"
	secretKey  = "bench-secret-key-of-the-customer-0001"
	callerName = "bench-caller"
)

// world is what the proxies stand in: files, certificates, an upstream.
type world struct {
	dir      string // on a disk
	memory   string // on a tmpfs
	caller   *tls.Config
	upstream *upstream
	binaries binaries
	cores    cores
}

//go:embed configs
var configs embed.FS

func newWorld(dir, memory string) (*world, error) {
	w := new(world)
	var err error
	if w.dir, err = os.MkdirTemp(dir, "tollgate-bench-"); err != nil {
		return nil, err
	}
	if w.memory, err = os.MkdirTemp(memory, "tollgate-bench-"); err != nil {
		return nil, err
	}
	if onTmpfs(w.dir) || !onTmpfs(w.memory) {
		return w, fmt.Errorf("%s should be on a disk and %s on a tmpfs: see -disk and -memory", dir, memory)
	}
	ca, err := testpki.New()
	if err != nil {
		return w, err
	}
	if err := w.issue(ca); err != nil {
		return w, err
	}
	return w, nil
}

// issue makes one server certificate for proxies and upstream, and one for the caller. All keys are P-256.
func (w *world) issue(ca *testpki.CA) error {
	server, err := ca.Server("localhost", "127.0.0.1")
	if err != nil {
		return err
	}
	client, err := ca.Client(callerName)
	if err != nil {
		return err
	}
	if err := ca.WriteFile(w.file("ca.pem")); err != nil {
		return err
	}
	if err := testpki.WriteFiles(server, w.file("server.crt"), w.file("server.key")); err != nil {
		return err
	}
	if err := w.join("server.pem", "server.crt", "server.key"); err != nil { // HAProxy wants both in one
		return err
	}
	w.caller = &tls.Config{
		RootCAs: ca.Pool(), ServerName: "localhost", Certificates: []tls.Certificate{client},
		MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{group},
	}
	w.upstream, err = newUpstream(server)
	return err
}

func (w *world) join(to string, from ...string) error {
	var all []byte
	for _, name := range from {
		text, err := os.ReadFile(w.file(name))
		if err != nil {
			return err
		}
		all = append(all, text...)
	}
	return os.WriteFile(w.file(to), all, 0o600)
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name) }

func (w *world) remove() {
	_ = os.RemoveAll(w.dir)
	if w.memory != "" {
		_ = os.RemoveAll(w.memory)
	}
}

// configure fills in a configuration from configs and returns its path.
func (w *world) configure(name string, values any) (string, error) {
	t, err := template.ParseFS(configs, "configs/"+name)
	if err != nil {
		return "", err
	}
	file, err := os.CreateTemp(w.dir, "*-"+name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	return file.Name(), t.Execute(file, values)
}

func onTmpfs(path string) bool {
	var s unix.Statfs_t
	return unix.Statfs(path, &s) == nil && s.Type == unix.TMPFS_MAGIC
}
