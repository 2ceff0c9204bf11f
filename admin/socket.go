package admin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"tollgate/accept"
	"tollgate/config"
	"tollgate/internal/setting"
)

// systemDir is where a supervisor or root makes room for sockets.
const systemDir = "/run/tollgate"

// ErrNoPlace is the error of a gateway that has no place of its own for its socket.
var ErrNoPlace = errors.New("there is no runtime directory for the admin socket: set $RUNTIME_DIRECTORY for the process (systemd: RuntimeDirectory=tollgate), " +
	"mount a folder that it may write to at " + systemDir + ", or set admin.socket")

// Places returns where the socket of a configuration file may be: at its path, or by default in a runtime directory, under a name that
// follows from the path of the file, so that gateways on one machine have one each. A command may see another environment than the
// gateway, whose supervisor made its directory: it tries them all.
func Places(a *config.Admin, file string, env setting.LookupEnv) []string {
	switch {
	case a == nil || a.Socket == config.NoSocket:
		return nil
	case a.Socket != "":
		return []string{a.Socket}
	}
	var places []string
	for _, dir := range runtimeDirs(env) {
		places = append(places, filepath.Join(dir, socketName(file)))
	}
	return places
}

// socketName is `NAME-HASH.sock`, with the name of the file and the beginning of the hash of its path.
func socketName(file string) string {
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	hash := sha256.Sum256([]byte(file))
	return fmt.Sprintf("%.16s-%s.sock", name, hex.EncodeToString(hash[:4]))
}

func runtimeDirs(env setting.LookupEnv) (dirs []string) {
	if env == nil {
		env = os.LookupEnv
	}
	if all, ok := env("RUNTIME_DIRECTORY"); ok { // several are separated by colons (systemd.exec(5))
		if first, _, _ := strings.Cut(all, ":"); filepath.IsAbs(first) {
			dirs = append(dirs, first)
		}
	}
	dirs = append(dirs, systemDir)
	if own, ok := env("XDG_RUNTIME_DIR"); ok && filepath.IsAbs(own) {
		dirs = append(dirs, filepath.Join(own, "tollgate"))
	}
	return dirs
}

// Listen opens the socket of a configuration file: nil where none is wanted. A socket that answers is an error, wherever it is.
// [ErrNoPlace] says that it is wanted in the default place, and that there is none.
func Listen(ctx context.Context, a *config.Admin, file string, env setting.LookupEnv) (net.Listener, error) {
	var problems []error
	places := Places(a, file, env)
	for _, path := range places {
		if a.Socket == "" {
			_ = os.MkdirAll(filepath.Dir(path), 0o700) // what is wrong with it, the next line says
		}
		listener, err := accept.Listen(ctx, "unix", path)
		if err == nil || a.Socket != "" || errors.Is(err, syscall.EADDRINUSE) {
			return listener, err
		}
		problems = append(problems, err)
	}
	if len(places) == 0 {
		return nil, nil
	}
	return nil, errors.Join(append([]error{ErrNoPlace}, problems...)...)
}
