package main

import (
	"cmp"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
)

// proxy is a program that is measured.
type proxy struct {
	name  string // for -proxies
	title string // in the table
	signs bool
	start func(*world, string) (*process, error) // listens on the address
	large func(*world, string) (*process, error) // instead, if bodies above 64 KB need other settings
}

// Names of proxies that figures are compared with, and of those that are.
const (
	rival       = "haproxy" // the bar: all ratios refer to it
	ownName     = "tollgate-fsync"
	indexedName = "tollgate-indexed"
	readName    = "tollgate-read"
	baseName    = "tollgate-base"
)

func proxies() []proxy {
	return []proxy{
		{rival, "HAProxy that signs", true, startHAProxy, startLargeHAProxy},
		{ownName, "Tollgate", true, startTollgateOnDisk, nil},
		{baseName, "Tollgate, base", true, startBaseTollgate, nil},
		{indexedName, "Tollgate, with its index", true, startIndexedTollgate, nil},
		{readName, "Tollgate, with its index, while review pages are read", true, startReadTollgate, nil},
		{"tollgate-tmpfs", "Tollgate, log on a tmpfs", true, startTollgateInMemory, nil},
		{"tollgate-fleet", "Tollgate, in a fleet", true, startFleetTollgate, nil},
		{"reverseproxy", "ReverseProxy + SDK signer", true, startReverseProxy, nil},
		{"nginx", "nginx, no signature", false, startNginx, nil},
	}
}

// values fill in configurations.
type values struct {
	Address, Port, Upstream, Dir string
	Caller, Audit                string
	Index                        bool   // whether the audit log has one
	Redis                        string // where the fleet's is; empty: there is no fleet
	Review, TokenHash            string // where review pages are; empty: nowhere
	AccessKey, SecretBase64      string
	Buffer                       int
}

func (w *world) values(address string) values {
	_, port, _ := strings.Cut(address, ":")
	return values{
		Address: address, Port: port, Upstream: w.upstream.address(), Dir: w.dir, Caller: callerName,
		AccessKey: accessKey, SecretBase64: base64.StdEncoding.EncodeToString([]byte(secretKey)),
	}
}

// keys are the credential that signs, for the environment.
var keys = []string{"BENCH_AK=" + accessKey, "BENCH_SK=" + secretKey}

// startTollgateOnDisk has the audit log where it belongs: each record that a call waits for is synced to the disk.
func startTollgateOnDisk(w *world, address string) (*process, error) {
	return w.startTollgate(address, w.dir, tollgateOptions{})
}

// startBaseTollgate is the same for the build that changes are compared with.
func startBaseTollgate(w *world, address string) (*process, error) {
	return w.startTollgate(address, w.dir, tollgateOptions{binary: w.binaries.base})
}

// startIndexedTollgate keeps the index by which calls are found as well, as the product does by default.
func startIndexedTollgate(w *world, address string) (*process, error) {
	return w.startTollgate(address, w.dir, tollgateOptions{index: true})
}

// startReadTollgate serves review pages besides, which are read while it is measured.
func startReadTollgate(w *world, address string) (*process, error) {
	pages, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p, err := w.startTollgate(address, w.dir, tollgateOptions{index: true, review: pages})
	if err != nil {
		return nil, err
	}
	if err = w.await(p); err == nil {
		p.reader, err = newReader(pages)
	}
	if err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// startTollgateInMemory has the audit log on a tmpfs, where syncing costs nothing. All else is the same.
func startTollgateInMemory(w *world, address string) (*process, error) {
	return w.startTollgate(address, w.memory, tollgateOptions{})
}

// startFleetTollgate has limits and signatures of a fleet: a Redis, which has the other cores, is asked about each call.
func startFleetTollgate(w *world, address string) (*process, error) {
	_, port, _ := strings.Cut(address, ":")
	socket := w.file("redis-" + port + ".sock")
	redis, err := w.launchBeside(socket, "redis-server", "--port", "0", "--unixsocket", socket, "--save", "")
	if err != nil {
		return nil, err
	}
	p, err := w.startTollgate(address, w.dir, tollgateOptions{redis: "unix:" + socket})
	if err != nil {
		redis.stop()
		return nil, err
	}
	p.beside = redis
	return p, nil
}

// tollgateOptions are what differs between the ways to run Tollgate.
type tollgateOptions struct {
	index  bool
	redis  string
	review string // address of review pages
	binary string // of another build; empty: the one that is measured
}

func (w *world) startTollgate(address, dir string, o tollgateOptions) (*process, error) {
	v := w.values(address)
	v.Index, v.Redis, v.Review, v.TokenHash = o.index, o.redis, o.review, pageTokenHash()
	var err error
	if v.Audit, err = os.MkdirTemp(dir, "audit-"); err != nil {
		return nil, err
	}
	config, err := w.configure("tollgate.yaml", v)
	if err != nil {
		return nil, err
	}
	p, err := w.launch(address, keys, cmp.Or(o.binary, w.binaries.tollgate), "run", "--config", config)
	if err == nil {
		p.scratch = v.Audit
	}
	return p, err
}

// startReverseProxy is what a team would write in Go in an afternoon: see reverseproxy/main.go.
func startReverseProxy(w *world, address string) (*process, error) {
	return w.launch(address, keys, w.binaries.reverseProxy, "-listen", address, "-upstream", "https://"+w.upstream.address(),
		"-cert", w.file("server.crt"), "-key", w.file("server.key"), "-ca", w.file("ca.pem"), "-log", w.file("reverseproxy.log"))
}

// startNginx has one worker. It cannot sign without a module that Debian does not ship with it.
func startNginx(w *world, address string) (*process, error) {
	config, err := w.configure("nginx.conf", w.values(address))
	if err != nil {
		return nil, err
	}
	return w.launch(address, nil, "nginx", "-p", w.dir, "-c", config)
}

// HAProxy hashes a body that is in its buffer whole. Every connection has such buffers, so there are two sizes.
const (
	smallBuffer = 80 << 10
	largeBuffer = 1100 << 10
)

func startHAProxy(w *world, address string) (*process, error) {
	return w.startHAProxy(address, smallBuffer)
}

func startLargeHAProxy(w *world, address string) (*process, error) {
	return w.startHAProxy(address, largeBuffer)
}

func (w *world) startHAProxy(address string, buffer int) (*process, error) {
	v := w.values(address)
	v.Buffer = buffer
	config, err := w.configure("haproxy.cfg", v)
	if err != nil {
		return nil, err
	}
	return w.launch(address, nil, "haproxy", "-db", "-f", config)
}

// binaries are the Go programs that are measured.
type binaries struct{ tollgate, base, reverseProxy string }

// build builds them as `make build` does, but with symbols, for profiles. Base is a folder with other code; empty: there is none.
func (w *world) build(base string) error {
	w.binaries = binaries{w.file("tollgate"), w.file("base"), w.file("reverseproxy")}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if err := goBuild(filepath.Dir(root), w.binaries.tollgate, "./cmd/proxy"); err != nil {
		return err
	}
	if base != "" {
		if err := goBuild(base, w.binaries.base, "./cmd/proxy"); err != nil {
			return err
		}
	}
	return goBuild(root, w.binaries.reverseProxy, "./reverseproxy")
}
