package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tollgate/accept"
	"tollgate/config"
	"tollgate/internal/setting"
)

// shortDir is a folder whose path leaves room for that of a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func environment(pairs ...string) setting.LookupEnv {
	return func(name string) (string, bool) {
		i := slices.Index(pairs, name)
		if i < 0 {
			return "", false
		}
		return pairs[i+1], true
	}
}

func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		admin *config.Admin
		env   setting.LookupEnv
		want  string
	}{
		{nil, environment(), "[]"},
		{&config.Admin{Socket: "none"}, environment(), "[]"},
		{&config.Admin{Socket: "/x/y.sock"}, environment("RUNTIME_DIRECTORY", "/run/a"), "[/x/y.sock]"},
		{&config.Admin{}, environment(), "[/run/tollgate/gw-a5b804be.sock]"},
		{&config.Admin{}, environment("RUNTIME_DIRECTORY", "/run/a:/run/b", "XDG_RUNTIME_DIR", "/run/user/1"),
			"[/run/a/gw-a5b804be.sock /run/tollgate/gw-a5b804be.sock /run/user/1/tollgate/gw-a5b804be.sock]"},
		{&config.Admin{}, environment("RUNTIME_DIRECTORY", "relative", "XDG_RUNTIME_DIR", ""), "[/run/tollgate/gw-a5b804be.sock]"},
	} {
		if got := fmt.Sprint(Places(c.admin, "/etc/tollgate/gw.yaml", c.env)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.admin, got, c.want)
		}
	}
	if a, b := socketName("/etc/a/gw.yaml"), socketName("/etc/b/gw.yaml"); a == b {
		t.Errorf("two gateways have %s", a)
	}
	if long := socketName("/etc/" + strings.Repeat("x", 200) + ".yaml"); len(long) > 40 {
		t.Errorf("a long name: %s", long)
	}
}

// TestListen: the socket has the mode 0600 and the first folder that it can be made in; two gateways of one machine have one each; what
// an ended process left is replaced; one that answers is an error, also in the default place.
func TestListen(t *testing.T) {
	dir, ctx := shortDir(t), t.Context()
	env := environment("RUNTIME_DIRECTORY", filepath.Join(dir, "run"))
	one := listen(t, env, "/etc/one.yaml")
	two := listen(t, env, "/etc/two.yaml")
	if one.Addr().String() == two.Addr().String() {
		t.Errorf("both are at %s", one.Addr())
	}
	path := one.Addr().String()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || filepath.Dir(path) != filepath.Join(dir, "run") {
		t.Errorf("%s: %v, %v", path, info, err)
	}
	for _, a := range []*config.Admin{{}, {Socket: path}} {
		if _, err := Listen(ctx, a, "/etc/one.yaml", env); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a live socket: %v", err)
		}
	}
	leave(t, filepath.Join(dir, "run", socketName("/etc/three.yaml")))
	listen(t, env, "/etc/three.yaml")
}

func listen(t *testing.T, env setting.LookupEnv, file string) net.Listener {
	t.Helper()
	l, err := Listen(t.Context(), &config.Admin{}, file, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// leave makes the socket file that a killed process leaves.
func leave(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Fatal(err)
	}
}

// TestNoPlace: without a runtime directory there is no socket in the default place, which is an error of its own; a path that is
// configured and cannot be used is another.
func TestNoPlace(t *testing.T) {
	file := filepath.Join(shortDir(t), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := fs.FileMode(0)
	if info, err := os.Stat(systemDir); err == nil {
		before = info.Mode()
	}
	if os.Geteuid() != 0 && before == 0 { // otherwise there is a place
		_, err := Listen(t.Context(), &config.Admin{}, "/etc/gw.yaml", environment("RUNTIME_DIRECTORY", file))
		if !errors.Is(err, ErrNoPlace) {
			t.Errorf("no runtime directory: %v", err)
		}
	}
	if _, err := Listen(t.Context(), &config.Admin{Socket: filepath.Join(file, "x.sock")}, "/etc/gw.yaml", nil); err == nil || errors.Is(err, ErrNoPlace) {
		t.Errorf("a path that cannot be used: %v", err)
	}
	if l, err := Listen(t.Context(), &config.Admin{Socket: config.NoSocket}, "/etc/gw.yaml", nil); l != nil || err != nil {
		t.Errorf("no socket is wanted: %v, %v", l, err)
	}
}

// serveSocket serves on a socket of which any user may use the file, as a mistake of an operator could have it.
func serveSocket(t *testing.T, s *Server) string {
	t.Helper()
	dir := shortDir(t)
	path := filepath.Join(dir, "admin.sock")
	inner, err := Listen(t.Context(), &config.Admin{Socket: path}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{dir: 0o755, path: 0o666} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	server := accept.NewServer(inner, accept.ServerConfig{Handler: s.Handler(Socket)})
	go func() { _ = server.Serve() }()
	t.Cleanup(func() { _ = server.Close() })
	return path
}

// TestProcessAtTheSocket: who the system says is at the other end decides.
func TestProcessAtTheSocket(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("who is at the other end is known on Linux only")
	}
	s := whole()
	s.UID = uint32(os.Geteuid())
	path := serveSocket(t, s)
	if _, err := At(path).Status(t.Context()); err != nil {
		t.Errorf("the own user: %v", err)
	}
	if os.Geteuid() == 0 {
		t.Run("another user", func(t *testing.T) { askAsNoUser(t, path) })
		return
	}
	s.UID++ // the gateway runs as another user
	var refused *Error
	if _, err := At(path).Status(t.Context()); !errors.As(err, &refused) || refused.Status != http.StatusForbidden || !strings.Contains(refused.Text, fmt.Sprintf("uid %d (", os.Geteuid())) {
		t.Errorf("another user: %v", err)
	}
}

// askAsNoUser asks from a process of another user.
func askAsNoUser(t *testing.T, path string) {
	binary := filepath.Join(shortDir(t), "test")
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, text, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(binary), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-test.run=^TestAsk$", "-test.v")
	cmd.Dir, cmd.Env = "/", []string{"ASK=" + path}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "uid 65534 (") || !strings.Contains(string(out), "status 403") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestAsk is the other process of askAsNoUser.
func TestAsk(t *testing.T) {
	path := os.Getenv("ASK")
	if path == "" {
		t.Skip("runs in a process of its own")
	}
	_, err := At(path).Status(context.Background())
	var refused *Error
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	t.Logf("status %d: %s", refused.Status, refused.Text)
}

// TestFirstSocket: one that an ended process left does not hide one that answers.
func TestFirstSocket(t *testing.T) {
	dir := shortDir(t)
	stale, gone, live := filepath.Join(dir, "stale.sock"), filepath.Join(dir, "gone.sock"), serveSocket(t, whole())
	leave(t, stale)
	for want, places := range map[string][]string{live: {gone, stale, live}, stale: {gone, stale}, "": {gone}} {
		if got := firstSocket(places); got != want {
			t.Errorf("of %v: %q, want %q", places, got, want)
		}
	}
}

const configuration = `
listeners: [{address: "127.0.0.1:8080", caller: app}]
upstreams: {up: {url: https://bss.myhuaweicloud.com, catalog: cn}}
callers: {app: {}}
audit: {dir: audit}
`

// TestFind: commands find the socket by the configuration, also where it is broken since the gateway was started, and say what is wrong.
func TestFind(t *testing.T) {
	dir := shortDir(t)
	t.Setenv("RUNTIME_DIRECTORY", dir)
	t.Setenv("XDG_RUNTIME_DIR", "")
	running := serveSocket(t, whole())
	file := filepath.Join(dir, "gw.yaml")
	standard := filepath.Join(dir, socketName(file))
	for name, c := range map[string]struct {
		text   string
		socket bool   // at the default place
		want   string // the place, or of the error
	}{
		"default":                         {configuration + "admin: {}", true, standard},
		"default and address":             {configuration + "admin: {address: '127.0.0.1:9'}", true, standard},
		"given":                           {configuration + "admin: {socket: " + running + "}", false, running},
		"as address":                      {configuration + "admin: {address: 'unix:" + running + "'}", false, running},
		"relative":                        {configuration + "admin: {socket: " + filepath.Base(standard) + "}", true, standard},
		"not running":                     {configuration + "admin: {}", false, "is not running: there is no admin socket at " + standard + " or /run/tollgate/" + filepath.Base(standard) + "\nif it runs"},
		"not running, given":              {configuration + "admin: {socket: gone.sock}", false, "is not running: there is no admin socket at " + dir + "/gone.sock"},
		"none":                            {configuration + "admin: {address: '127.0.0.1:9', socket: none}", false, "set a path, or leave it out"},
		"no section":                      {configuration, true, "add admin: {}"},
		"another section is broken":       {"callers: 7\nadmin: {socket: " + running + "}", false, running},
		"no YAML, default":                {"admin: {", true, standard},
		"no YAML, default, not running":   {"admin: {", false, "pass --socket PATH"},
		"section is broken, default":      {configuration + "admin: {sokcet: x}", true, standard},
		"section is broken, not running":  {configuration + "admin: {sokcet: x}", false, "pass --socket PATH"},
		"no file, and the gateway runs":   {"", true, standard},
		"no file, and the gateway is not": {"", false, "pass --socket PATH"},
	} {
		t.Run(name, func(t *testing.T) {
			_ = os.Remove(file)
			if c.text != "" {
				if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_ = os.Remove(standard)
			if c.socket {
				leave(t, standard)
			}
			client, err := Find(file)
			got := fmt.Sprint(err)
			if err == nil {
				got = client.address
			}
			if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestClient: what can go wrong on the way is said in words of its own.
func TestClient(t *testing.T) {
	dir := shortDir(t)
	stale := filepath.Join(dir, "stale.sock")
	leave(t, stale)
	if _, err := At(stale).Status(t.Context()); err == nil || !strings.Contains(err.Error(), "the gateway is not running: nothing answers at "+stale) {
		t.Errorf("nothing listens: %v", err)
	}
	silent, err := net.Listen("unix", filepath.Join(dir, "silent.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	stopped := At(silent.Addr().String())
	stopped.http.Timeout = time.Millisecond
	if _, err := stopped.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "silent.sock does not answer in time") {
		t.Errorf("nothing is answered: %v", err)
	}
	if os.Geteuid() != 0 {
		closed := serveSocket(t, whole())
		if err := os.Chmod(closed, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := At(closed).Reload(t.Context(), true); err == nil || !strings.Contains(err.Error(), "not permitted to use "+closed) {
			t.Errorf("not permitted: %v", err)
		}
	}
	if runtime.GOOS != "linux" {
		return
	}
	s := whole()
	s.UID = uint32(os.Geteuid())
	var dry []bool
	s.API.Reload = func(_ context.Context, p Peer, r ReloadRequest) (*Reloaded, error) {
		dry = append(dry, r.DryRun)
		if p.Process == nil || p.Process.UID != s.UID || int(p.Process.PID) != os.Getpid() {
			t.Errorf("asked by %v", p)
		}
		return nil, &Error{http.StatusUnprocessableEntity, "gw.yaml:3:4: no"}
	}
	client := At(serveSocket(t, s))
	for _, want := range []bool{true, false} {
		var refused *Error
		if _, err := client.Reload(t.Context(), want); !errors.As(err, &refused) || refused.Status != 422 || refused.Text != "gw.yaml:3:4: no" {
			t.Errorf("refused: %v", err)
		}
	}
	if fmt.Sprint(dry) != "[true false]" {
		t.Errorf("dry runs: %v", dry)
	}
}
