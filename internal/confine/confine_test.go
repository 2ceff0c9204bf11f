package confine

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// environment makes this program confine itself and try things, instead of running tests: there is no way back.
const environment = "TOLLGATE_TEST_CONFINED"

func TestMain(m *testing.M) {
	if text := os.Getenv(environment); text != "" {
		confined(text)
		return
	}
	os.Exit(m.Run())
}

// places are what a confined process finds.
type places struct{ Own, Read, Outside, Abstract string }

// confined confines the process, tries everything, and prints what came of each attempt: "" where it was possible.
func confined(text string) {
	var p places
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		panic(err)
	}
	open, err := os.Open(filepath.Join(p.Outside, "secret")) // before
	check(err)
	folder, err := unix.Open(p.Outside, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	check(err)
	set, err := NewSet([]Need{{Path: p.Own, Write: true}, {Path: filepath.Join(p.Read, "certificate")}})
	check(err)
	set.AddSystem()
	_, err = Apply(Require, set)
	check(err)
	results := map[string]string{}
	for name, try := range attempts(p, open, folder) {
		results[name] = ""
		if err := try(); err != nil {
			results[name] = err.Error()
		}
	}
	check(json.NewEncoder(os.Stdout).Encode(results))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// attempts are things to try. Those that begin with "no " must fail. The others must work, and some of them are what confinement does not stop:
// "although " is how they begin.
func attempts(p places, open *os.File, folder int) map[string]func() error {
	own, outside := func(name string) string { return filepath.Join(p.Own, name) }, func(name string) string { return filepath.Join(p.Outside, name) }
	read := func(path string) func() error {
		return func() error { _, err := os.ReadFile(path); return err }
	}
	return map[string]func() error{
		"reading where it may": read(filepath.Join(p.Read, "certificate")),
		"writing where it may": func() error {
			return errors.Join(os.WriteFile(own("new"), []byte("a"), 0o600), os.Rename(own("new"), own("newer")), os.Truncate(own("newer"), 0), os.Remove(own("newer")))
		},
		"a socket, made as listeners make theirs": func() error {
			if err := os.Mkdir(own("private"), 0o700); err != nil {
				return err
			}
			l, err := net.Listen("unix", own("private/s"))
			if err != nil {
				return err
			}
			return errors.Join(os.Link(own("private/s"), own("socket")), l.Close(), os.Remove(own("private")))
		},
		"links as an index has": func() error { return os.Symlink("there", own("index")) },
		"/proc/self":            read("/proc/self/stat"),
		"/proc/stat":            read("/proc/stat"),
		"a signal to itself":    func() error { return syscall.Kill(os.Getpid(), syscall.SIGURG) },

		"no reading outside":                       read(outside("secret")),
		"no reading outside by /proc/self/root":    read("/proc/self/root" + outside("secret")),
		"no reading outside by a link":             read(filepath.Join(p.Read, "link")),
		"no opening again of what is open":         read("/proc/self/fd/" + strconv.Itoa(int(open.Fd()))),
		"no reading in a folder that is open":      func() error { return openat(folder, "secret") },
		"no listing outside":                       func() error { _, err := os.ReadDir(p.Outside); return err },
		"no writing where it may read":             func() error { return os.WriteFile(filepath.Join(p.Read, "new"), nil, 0o600) },
		"no replacing where it may read":           func() error { return os.Rename(filepath.Join(p.Read, "certificate"), own("certificate")) },
		"no writing outside":                       func() error { return os.WriteFile(outside("new"), nil, 0o600) },
		"no truncating outside":                    func() error { return os.Truncate(outside("secret"), 0) },
		"no removing outside":                      func() error { return os.Remove(outside("secret")) },
		"no link to what is outside":               func() error { return os.Link(outside("secret"), own("link")) },
		"no moving outside":                        func() error { return os.Rename(own("kept"), outside("kept")) },
		"no program of the system":                 func() error { return syscall.Exec("/bin/true", []string{"true"}, nil) },
		"no program of its own":                    func() error { return syscall.Exec(own("program"), []string{"true"}, nil) },
		"no device":                                func() error { return unix.Mknod(own("device"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))) },
		"no socket without a path":                 func() error { return dial("@" + p.Abstract) },
		"no signal to another process":             func() error { return syscall.Kill(os.Getppid(), 0) },
		"although: what is open can be read":       func() error { _, err := open.Read(make([]byte, 1)); return err },
		"although: sockets outside can be reached": func() error { return dial(outside("socket")) },
		"although: files outside can be looked at": func() error { _, err := os.Stat(outside("secret")); return err },
		"although: modes outside can be changed":   func() error { return os.Chmod(outside("secret"), 0o640) },
		"although: it may listen at any port":      func() error { l, err := net.Listen("tcp", "127.0.0.1:0"); return errors.Join(err, closeOf(l)) },
	}
}

func openat(folder int, name string) error {
	fd, err := unix.Openat(folder, name, unix.O_RDONLY, 0)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

func dial(path string) error {
	conn, err := net.Dial("unix", path)
	return errors.Join(err, closeOf(conn))
}

func closeOf(c interface{ Close() error }) error {
	if c == nil {
		return nil
	}
	return c.Close()
}

// TestConfined confines a process of its own as the gateway does itself, and holds both what is stopped then and what is not.
func TestConfined(t *testing.T) {
	p := places{Own: t.TempDir(), Read: t.TempDir(), Outside: t.TempDir(), Abstract: filepath.Base(t.TempDir()) + strconv.Itoa(os.Getpid())}
	for path, text := range map[string]string{
		filepath.Join(p.Outside, "secret"): "secret", filepath.Join(p.Read, "certificate"): "public", filepath.Join(p.Own, "kept"): "kept",
	} {
		must(t, os.WriteFile(path, []byte(text), 0o600))
	}
	must(t, os.Symlink(filepath.Join(p.Outside, "secret"), filepath.Join(p.Read, "link")))
	program, err := os.ReadFile("/bin/true")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(p.Own, "program"), program, 0o700))
	for _, path := range []string{"@" + p.Abstract, filepath.Join(p.Outside, "socket")} {
		l, err := net.Listen("unix", path)
		must(t, err)
		defer l.Close()
	}
	for name, text := range p.tried(t) {
		if denied := strings.HasPrefix(name, "no "); denied != (text != "") {
			t.Errorf("%s: error %q", name, text)
		}
		if strings.HasPrefix(name, "no ") && !strings.Contains(text, "permitted") && !strings.Contains(text, "denied") && !strings.Contains(text, "cross-device") {
			t.Errorf("%s: it failed for another reason: %s", name, text)
		}
	}
}

// tried returns what a confined process printed.
func (p places) tried(t *testing.T) (results map[string]string) {
	t.Helper()
	text, err := json.Marshal(p)
	must(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), environment+"="+string(text)), os.Stderr
	printed, err := cmd.Output()
	must(t, err)
	must(t, json.Unmarshal(printed, &results))
	if len(results) < 20 {
		t.Errorf("%d attempts", len(results))
	}
	return results
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestKernels is of kernels that can less than this one, or nothing.
func TestKernels(t *testing.T) {
	const all = 1<<4 - 1
	for _, test := range []struct {
		name           string
		abi            int
		errata         int
		err            error
		mode           string
		want           string // in the error
		scoped         landlock.ScopedSet
		inForce        bool
		without        string
		restricts      bool
		restrictionErr error
	}{
		{name: "all", abi: 7, errata: all, mode: Require, scoped: 3, inForce: true, restricts: true},
		{name: "threads could not signal each other", abi: 6, errata: 1, mode: Require, scoped: 1, inForce: true, restricts: true, without: "signals"},
		{name: "no scopes", abi: 5, errata: all, mode: Require, inForce: true, restricts: true, without: "abstract sockets, signals"},
		{name: "the least", abi: 3, mode: Require, inForce: true, restricts: true, without: "ioctl on devices, abstract sockets, signals"},
		{name: "too little", abi: 2, mode: Require, want: "this kernel has ABI 2, and ABI 3 is needed", inForce: true, without: "truncating files, ioctl on devices, abstract sockets, signals"},
		{name: "tried with little", abi: 2, mode: Try, inForce: true, restricts: true, without: "truncating files, ioctl on devices, abstract sockets, signals"},
		{name: "tried with too little", abi: 1, mode: Try, without: "files, truncating files, ioctl on devices, abstract sockets, signals"},
		{name: "none", err: syscall.ENOSYS, mode: Require, want: "ABI 3 is needed", without: "files, truncating files, ioctl on devices, abstract sockets, signals"},
		{name: "not enabled", err: syscall.EOPNOTSUPP, mode: Require, want: "lsm=", without: "files, truncating files, ioctl on devices, abstract sockets, signals"},
		{name: "tried without", err: syscall.ENOSYS, mode: Try, without: "files, truncating files, ioctl on devices, abstract sockets, signals"},
		{name: "refused", abi: 7, errata: all, mode: Try, scoped: 3, restrictionErr: syscall.E2BIG, want: "argument list too long", inForce: true, restricts: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			restricted := false
			k := kernel{
				abi:    func() (int, error) { return test.abi, test.err },
				errata: func() (int, error) { return test.errata, nil },
				restrict: func(c landlock.Config, _ ...landlock.Rule) error {
					if restricted = true; c.Scoped != test.scoped || c.HandledAccessFS != handled {
						t.Errorf("restricted with %v", c)
					}
					return test.restrictionErr
				},
			}
			r, err := apply(k, test.mode, &Set{})
			if text := errorText(err); test.want == "" && text != "" || !strings.Contains(text, test.want) {
				t.Errorf("error %q, want %q", text, test.want)
			}
			if restricted != test.restricts || r.InForce() != test.inForce || strings.Join(r.Without, ", ") != test.without {
				t.Errorf("restricted %v, in force %v, without %q", restricted, r.InForce(), r.Without)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
