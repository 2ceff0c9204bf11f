package accept

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// staleTimeout bounds the question whether a process answers on a socket that is in our place.
const staleTimeout = time.Second

// maxSocketPath is the longest path that every system takes: 104 bytes with a final NUL in BSD, 108 in Linux (unix(7)).
const maxSocketPath = 103

// Access says who besides its owner may connect to a unix socket.
type Access struct {
	Mode  fs.FileMode // of the file
	Group *int        // of the file; nil: that of the process's files
}

// Private lets the owner connect, and no other user but root.
var Private = Access{Mode: 0o600}

// set sets the group and the mode of a file.
func (a Access) set(path string) error {
	if a.Group != nil {
		if err := os.Lchown(path, -1, *a.Group); err != nil {
			return fmt.Errorf("changing it to group %d, of which the gateway's user must be a member: %w", *a.Group, errors.Unwrap(err))
		}
	}
	return os.Chmod(path, a.Mode)
}

// Grant changes who may connect to a unix socket that [ListenFor] has made. While it changes, and after an error, only its owner may.
func Grant(l net.Listener, access Access) error {
	socket, ok := l.(*unixListener)
	if !ok {
		return fmt.Errorf("a %T is no unix socket", l)
	}
	if info, err := os.Lstat(socket.path); err != nil || !os.SameFile(info, socket.ours) {
		return fmt.Errorf("unix socket %s: its file was removed or replaced", socket.path)
	}
	if access.Group == nil {
		own := os.Getegid()
		access.Group = &own
	}
	if err := os.Chmod(socket.path, Private.Mode); err != nil {
		return err
	}
	if err := access.set(socket.path); err != nil {
		return fmt.Errorf("unix socket %s: %w", socket.path, err)
	}
	return nil
}

// Listen opens a port ("tcp", "tcp4", "tcp6") or a unix socket ("unix", the address is a path), which is [Private].
func Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return ListenFor(ctx, network, address, Private)
}

// ListenFor opens a port or a unix socket to which others may connect.
//
// No one else can connect to a unix socket, from the first moment on: it is made in a private directory beside its place, gets its group
// and its mode there, and is then linked to its place. A socket file that an ended process left behind is replaced; one on which
// a process answers, and any other file, is an error. Closing the listener removes the file, if it is still ours.
func ListenFor(ctx context.Context, network, address string, access Access) (net.Listener, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
		var config net.ListenConfig
		return config.Listen(ctx, network, address)
	case "unix":
		return listenUnix(ctx, address, access)
	}
	return nil, fmt.Errorf("unknown network %q (choices: tcp, tcp4, tcp6, unix)", network)
}

type unixListener struct {
	*net.UnixListener
	path   string
	ours   os.FileInfo
	remove func() error
}

// Addr returns the path that peers use.
func (l *unixListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Close removes the socket file unless another has taken its place.
func (l *unixListener) Close() error { return errors.Join(l.remove(), l.UnixListener.Close()) }

func listenUnix(ctx context.Context, path string, access Access) (net.Listener, error) {
	if path == "" || strings.HasPrefix(path, "@") {
		return nil, errors.New("a unix socket needs a path: an abstract socket would be open to every user of the host")
	}
	if len(path) > maxSocketPath { // a link could have a longer name, but no peer could connect to it
		return nil, fmt.Errorf("unix socket %s: the path is too long: %d bytes, the system allows %d", path, len(path), maxSocketPath)
	}
	stale, err := findStale(ctx, path)
	if err != nil {
		return nil, err
	}
	private, err := os.MkdirTemp(filepath.Dir(path), ".s") // mode 0700
	if err != nil {
		return nil, fmt.Errorf("making a private directory for the socket: %w", err)
	}
	defer func() { _ = os.RemoveAll(private) }()
	if err := moveStale(stale, path, filepath.Join(private, "stale")); err != nil {
		return nil, err
	}
	bound, err := bindUnix(ctx, filepath.Join(private, "s"), path, access)
	if err != nil {
		return nil, fmt.Errorf("listening on unix socket %s: %w", path, err)
	}
	return bound, nil
}

// bindUnix listens on a socket at temporary, where no one else comes, and links it to path.
func bindUnix(ctx context.Context, temporary, path string, access Access) (net.Listener, error) {
	var config net.ListenConfig
	generic, err := config.Listen(ctx, "unix", temporary)
	if err != nil {
		return nil, bindError(err)
	}
	bound, ok := generic.(*net.UnixListener)
	if !ok {
		_ = generic.Close()
		return nil, fmt.Errorf("unexpected listener type %T", generic)
	}
	bound.SetUnlinkOnClose(false) // Go would remove the temporary name only
	info, err := publish(temporary, path, access)
	if err != nil {
		_ = bound.Close()
		return nil, err
	}
	l := &unixListener{UnixListener: bound, path: path, ours: info}
	l.remove = sync.OnceValue(l.removeOurs)
	return l, nil
}

// bindError explains why a path that is short enough is still refused: its private directory has a longer one.
func bindError(err error) error {
	if errors.Is(err, syscall.EINVAL) {
		return fmt.Errorf("%w (the path is probably too long: for a moment it needs about 15 bytes more than it has)", err)
	}
	return err
}

// publish sets who may connect to a socket, and links it to its path. A link, unlike a rename, replaces nothing.
func publish(temporary, path string, access Access) (os.FileInfo, error) {
	if err := access.set(temporary); err != nil {
		return nil, err
	}
	info, err := os.Lstat(temporary)
	if err != nil {
		return nil, err
	}
	return info, os.Link(temporary, path)
}

func (l *unixListener) removeOurs() error {
	info, err := os.Lstat(l.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, l.ours) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(l.path)
}

// findStale returns the socket at path that an ended process left behind; nil if there is none. Anything else at path is an error.
func findStale(ctx context.Context, path string) (os.FileInfo, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("unix socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("unix socket %s: there is a file of that name, which is not a socket", path)
	}
	dialer := net.Dialer{Timeout: staleTimeout}
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close()
		return nil, inUse(path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("unix socket %s: finding out whether it is in use: %w", path, err)
	}
	return info, nil
}

func inUse(path string) error {
	return fmt.Errorf("unix socket %s: another process answers there: %w", path, syscall.EADDRINUSE)
}

// moveStale makes room at path. Another process may have put its socket there since stale was found, which then goes back to its place.
func moveStale(stale os.FileInfo, path, away string) error {
	if stale == nil {
		return nil
	}
	if err := os.Rename(path, away); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing stale unix socket: %w", err)
	}
	moved, err := os.Lstat(away)
	if err != nil || os.SameFile(stale, moved) {
		return nil
	}
	return errors.Join(inUse(path), os.Link(away, path))
}
