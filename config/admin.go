package config

import (
	"fmt"
	"path/filepath"

	"tollgate/config/strictyaml"
	"tollgate/internal/private"
	"tollgate/internal/setting"
)

// LoadAdmin reads the section `admin` of a configuration file alone; nil: there is none. It also returns the absolute path of the file,
// even with an error, which says that the file or the section cannot be read.
func LoadAdmin(path string) (*Admin, string, error) {
	b, absolute, err := readSection(path)
	if err != nil {
		return nil, absolute, err
	}
	b.buildAdmin(b.file.Admin)
	if b.Failed("admin") {
		return nil, absolute, b.Err()
	}
	return b.config.Admin, absolute, nil
}

// readSection reads a configuration file of which one section is wanted, and returns its absolute path besides. Problems in other sections
// are in the builder, and no error.
func readSection(path string) (*builder, string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, path, err
	}
	source, err := private.Read(path, strictyaml.MaxFile)
	if err != nil {
		return nil, absolute, fmt.Errorf("reading the configuration: %w", err)
	}
	b := newBuilder(path, filepath.Dir(absolute), Options{})
	b.Document, err = strictyaml.Decode(path, source, &b.file)
	return b, absolute, err
}

// buildAdmin completes the section `admin`. An address that is a unix socket is the path of the socket.
func (b *builder) buildAdmin(a *Admin) {
	if a == nil || b.Failed("admin") {
		return
	}
	made, key := *a, "admin.socket"
	switch {
	case a.Address.Socket != "" && a.Socket != "":
		b.problem("admin.socket", "remove address", "the address is a unix socket, too, and there is one admin socket")
		return
	case a.Address.Socket != "":
		made, key = Admin{Socket: a.Address.Socket}, "admin.address"
	case a.Address != (setting.Address{}) && !a.Address.Local():
		b.problem("admin.address", "use 127.0.0.1 or leave it out; `tollgate health` asks for probes, and the section metrics serves scrapers elsewhere",
			"the admin address has no authentication and must be on loopback")
		return
	case a.Address == (setting.Address{}) && a.Socket == NoSocket:
		b.problem("admin", "leave socket out, or add an address", "admin has neither an address nor a socket")
		return
	}
	if b.adminSocket(key, &made); made.Address != (setting.Address{}) {
		b.listenerHas("admin.address", made.Address)
	}
	b.config.Admin = &made
}

// adminSocket makes the path of the socket absolute, and checks it. It stands at a key.
func (b *builder) adminSocket(key string, a *Admin) {
	if a.Socket == "" || a.Socket == NoSocket {
		return
	}
	var as setting.Address
	if err := as.UnmarshalText([]byte("unix:" + a.Socket)); err != nil {
		b.problem(key, "", "%v", err)
		return
	}
	as = as.In(b.dir)
	a.Socket = as.Socket
	b.listenerHas(key, as)
}

// describeAdmin describes where operators reach the gateway.
func describeAdmin(a *Admin) (lines []string) {
	if a == nil {
		return []string{"none"}
	}
	switch a.Socket {
	case NoSocket:
	case "":
		lines = append(lines, "socket in the runtime directory")
	default:
		lines = append(lines, "socket "+a.Socket)
	}
	if a.Address != (setting.Address{}) {
		lines = append(lines, "health and metrics at "+a.Address.Listen())
	}
	return lines
}
