package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/admin"
	"tollgate/caller"
	"tollgate/config"
	"tollgate/internal/cli"
	"tollgate/internal/setting"
	"tollgate/signing"
)

// keyed is a configuration in a folder, with the admin socket of a gateway that may run.
type keyed struct {
	dir, file string
	mutex     sync.Mutex
	registry  *caller.Registry // of the gateway
	refuses   bool             // reloads
}

const keyedText = `listeners: [{address: "127.0.0.1:8080", caller: app}]
upstreams: {bss: {url: https://bss.myhuaweicloud.com, catalog: cn}}
credentials: {acme: {class: customer, access_key: {env: AK}, secret_key: {env: SK}}}
callers:
  app:
    auth: [{access_key: {id: TGOWN, secret: {file: own.secret}}}]
    grants: [{operations: [PayOrders], credential: acme}]
audit: {dir: audit}
admin: {socket: gw.sock}
`

func newKeyed(t *testing.T, more string) *keyed {
	t.Helper()
	dir, err := os.MkdirTemp("", "key") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("AK", "AKTEST")
	t.Setenv("SK", "s3cr3t-0f-the-cloud")
	if err := os.Mkdir(filepath.Join(dir, "callers.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	k := &keyed{dir: dir, file: filepath.Join(dir, "gw.yaml")}
	k.write(t, "own.secret", "the-operators-own-secret\n")
	k.write(t, "gw.yaml", keyedText+more)
	return k
}

func (k *keyed) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(k.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// serve runs what answers at the admin socket, as a gateway does.
func (k *keyed) serve(t *testing.T) {
	t.Helper()
	if err := k.reload(); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(k.dir, "gw.sock"))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/reload", func(w http.ResponseWriter, _ *http.Request) {
		if err := k.reload(); err != nil {
			w.WriteHeader(http.StatusConflict)
			_ = json.NewEncoder(w).Encode(admin.Error{Text: err.Error()})
			return
		}
		_ = json.NewEncoder(w).Encode(admin.Reloaded{})
	})
	mux.HandleFunc("GET /v1/keys", func(w http.ResponseWriter, r *http.Request) {
		answer := admin.Keys{Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Keys: []admin.Key{}}
		for _, key := range k.keys() {
			if id := r.URL.Query().Get("id"); id == "" || id == key.ID {
				answer.Keys = append(answer.Keys, admin.KeyOf(key, time.Now()))
			}
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
	server := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
}

func (k *keyed) reload() error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.refuses {
		return fmt.Errorf("listeners cannot change")
	}
	c, err := config.Load(k.file, config.Options{Secrets: true})
	if err == nil {
		k.registry, err = caller.NewRegistry(c.Callers, signing.Known(), setting.Secrets{Dir: c.Dir}.Read)
	}
	return err
}

func (k *keyed) keys() []caller.Key {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.registry.Keys()
}

// files are those of the include directory.
func (k *keyed) files(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(k.dir, "callers.d"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func (k *keyed) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return run(t, append([]string{"key"}, append(args, "--config", k.file)...)...)
}

// made reads what key new --json printed.
func (k *keyed) made(t *testing.T, args ...string) (made newKey) {
	t.Helper()
	code, stdout, stderr := k.run(t, append([]string{"new", "--caller", "app", "--json"}, args...)...)
	if code != cli.ExitOK || json.Unmarshal([]byte(stdout), &made) != nil {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	return made
}

// TestKeyOfRunningGateway: a key is made beside the operator's files, taken, listed and revoked, without a change of those.
func TestKeyOfRunningGateway(t *testing.T) {
	k := newKeyed(t, "include: [callers.d]\n")
	k.serve(t)
	made := k.made(t, "--expires", "90d")
	if !regexp.MustCompile(`^TG[A-Z2-7]{18}$`).MatchString(made.ID) || !regexp.MustCompile(`^[A-Z2-7]{40}$`).MatchString(made.Secret) || made.Running != "The running gateway takes it." {
		t.Errorf("made %+v", made)
	}
	if until, err := time.Parse(time.RFC3339, made.NotAfter); err != nil || time.Until(until) < 89*24*time.Hour || time.Until(until) > 90*24*time.Hour {
		t.Errorf("until %s", made.NotAfter)
	}
	for _, file := range []string{made.File, made.SecretFile} {
		if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 || filepath.Dir(file) != filepath.Join(k.dir, "callers.d") {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
	if secret, err := os.ReadFile(made.SecretFile); err != nil || string(secret) != made.Secret+"\n" {
		t.Errorf("the secret is %q, %v", secret, err)
	}
	if text, err := os.ReadFile(k.file); err != nil || string(text) != keyedText+"include: [callers.d]\n" {
		t.Errorf("the operator's file was changed: %s, %v", text, err)
	}
	if keys := k.keys(); len(keys) != 2 || keys[0].ID != made.ID && keys[1].ID != made.ID {
		t.Errorf("the gateway takes %+v", keys)
	}
	if _, stdout, _ := k.run(t, "list"); strings.Count(stdout, "  taken\n") != 2 || !strings.Contains(stdout, made.ID+"  0") && !strings.Contains(stdout, made.ID+"  1") || strings.Contains(stdout, made.Secret) {
		t.Errorf("listed:\n%s", stdout)
	}
	if code, stdout, stderr := k.run(t, "revoke", made.ID, "--json"); code != cli.ExitOK || !strings.Contains(stdout, `"running": "The running gateway refuses it."`) || !strings.Contains(stdout, `"id": "`+made.ID) {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	if files, keys := k.files(t), k.keys(); len(files) != 0 || len(keys) != 1 {
		t.Errorf("left: %v, %+v", files, keys)
	}
}

// TestKeyRefused: when the gateway does not take the key, nothing of it stays, and its secret is not printed.
func TestKeyRefused(t *testing.T) {
	k := newKeyed(t, "include: [callers.d]\n")
	k.serve(t)
	k.refuses = true
	code, stdout, stderr := k.run(t, "new", "--caller", "app")
	if code != cli.ExitFailure || stdout != "" || !strings.Contains(stderr, "no key was made: the running gateway refused to reload: listeners cannot change") || len(k.files(t)) != 0 {
		t.Errorf("exit %d, left %v\n%s\n%s", code, k.files(t), stdout, stderr)
	}
}

// TestKeyWithoutGateway: the files are for the next start.
func TestKeyWithoutGateway(t *testing.T) {
	k := newKeyed(t, "include: [callers.d]\n")
	made := k.made(t)
	if !strings.Contains(made.Running, "No running gateway was asked: the gateway of") || len(k.files(t)) != 2 {
		t.Errorf("made %+v, %v", made, k.files(t))
	}
	if err := k.reload(); err != nil || len(k.keys()) != 2 {
		t.Errorf("the next start takes %+v, %v", k.keys(), err)
	}
	var list keyList
	code, stdout, stderr := k.run(t, "list", "--json")
	if err := json.Unmarshal([]byte(stdout), &list); err != nil || code != cli.ExitOK || len(list.Keys) != 2 || list.Keys[1].State != keyUnknown || list.Keys[1].Made == nil || list.Since != nil {
		t.Errorf("exit %d, %v\n%s\n%s", code, err, stdout, stderr)
	}
	if code, stdout, _ := k.run(t, "revoke", made.ID); code != cli.ExitOK || !strings.Contains(stdout, "No running gateway was asked") || len(k.files(t)) != 0 {
		t.Errorf("revoke: exit %d, left %v\n%s", code, k.files(t), stdout)
	}
}

// TestKeyWithoutDirectory: the entry is printed, and nothing is written.
func TestKeyWithoutDirectory(t *testing.T) {
	k := newKeyed(t, "")
	code, stdout, stderr := k.run(t, "new", "--caller", "app", "--expires", "1d")
	if code != cli.ExitOK || !strings.Contains(stdout, "    extends: true\n    auth: [{access_key: {id: TG") || !strings.Contains(stdout, "(it is not shown again)") {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	if entries, err := os.ReadDir(k.dir); err != nil || len(entries) != 3 {
		t.Errorf("files: %v, %v", entries, err)
	}
}

// TestRevokeByHand: what the operator wrote, or changed, is left as it is.
func TestRevokeByHand(t *testing.T) {
	k := newKeyed(t, "include: [callers.d]\n")
	made := k.made(t)
	text, err := os.ReadFile(made.File)
	if err != nil {
		t.Fatal(err)
	}
	k.write(t, "callers.d/"+filepath.Base(made.File), string(text)+"# kept for the auditors\n")
	for id, at := range map[string]string{"TGOWN": "gw.yaml:6", made.ID: filepath.Base(made.File) + ":5"} {
		code, stdout, stderr := k.run(t, "revoke", id)
		if code != cli.ExitFailure || stdout != "" || !strings.Contains(stderr, at+", which was written or changed by hand: remove it there") {
			t.Errorf("%s: exit %d\n%s\n%s", id, code, stdout, stderr)
		}
	}
	if len(k.files(t)) != 2 {
		t.Errorf("left: %v", k.files(t))
	}
	if code, _, stderr := k.run(t, "revoke", "TGNONE"); code != cli.ExitFailure || !strings.Contains(stderr, "there is no key TGNONE") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}

// TestRevokeInBrokenFile: a fault elsewhere is no reason to keep a key.
func TestRevokeInBrokenFile(t *testing.T) {
	k := newKeyed(t, "include: [callers.d]\n")
	made := k.made(t)
	k.write(t, "gw.yaml", strings.Replace(keyedText, "PayOrders", "NoSuchOperation", 1)+"include: [callers.d]\n")
	if code, stdout, stderr := k.run(t, "revoke", made.ID); code != cli.ExitOK || len(k.files(t)) != 0 {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
}

// TestRevokeUnheard: where it is not known that no gateway runs, a key that is removed may still be taken, which is a failure.
func TestRevokeUnheard(t *testing.T) {
	for name, text := range map[string]string{
		"no admin": strings.Replace(keyedText, "admin: {socket: gw.sock}\n", "", 1), "no socket": strings.Replace(keyedText, "gw.sock", "none", 1), "no answer": keyedText,
	} {
		k := newKeyed(t, "include: [callers.d]\n")
		made := k.made(t)
		k.write(t, "gw.yaml", text+"include: [callers.d]\n")
		listener, err := net.Listen("unix", filepath.Join(k.dir, "gw.sock"))
		if err != nil {
			t.Fatal(err)
		}
		hangUp(t, listener)
		code, stdout, stderr := k.run(t, "revoke", made.ID)
		if code != cli.ExitFailure || stdout != "" || !strings.Contains(stderr, "the key may still be taken: have the gateway reload (SIGHUP), or freeze caller app") || len(k.files(t)) != 0 {
			t.Errorf("%s: exit %d, left %v\n%s\n%s", name, code, k.files(t), stdout, stderr)
		}
	}
}

// hangUp has a listener say nothing.
func hangUp(t *testing.T, l net.Listener) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
}

func TestKeyUsage(t *testing.T) {
	k := newKeyed(t, "include: [callers.d]\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"new"}, "--caller is needed"},
		{[]string{"new", "--caller", "ap"}, `unknown caller "ap"; did you mean "app"?`},
		{[]string{"new", "--caller", "app", "--expires", "90"}, "--expires: "},
		{[]string{"new", "--caller", "app", "--expires", "0s"}, "--expires: the key would have ended already"},
		{[]string{"new", "--caller", "app", "--expires", "999ms"}, "--expires: the key would have ended already"},
		{[]string{"new", "--caller", "app", "--expires", "65535d700000h"}, "--expires: want a time after 1970 and before 2262"},
		{[]string{"new", "--caller", "app", "--dir", k.dir}, "does not include this directory"},
		{[]string{"revoke"}, "expected 1 argument"},
	} {
		if code, _, stderr := k.run(t, c.args...); code != cli.ExitUsage || !strings.Contains(stderr, c.want) || len(k.files(t)) != 0 {
			t.Errorf("%v: exit %d, want %q\n%s", c.args, code, c.want, stderr)
		}
	}
	if err := os.Chmod(filepath.Join(k.dir, "callers.d"), 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		if code, _, stderr := k.run(t, "new", "--caller", "app"); code != cli.ExitFailure || !strings.Contains(stderr, fs.ErrPermission.Error()) {
			t.Errorf("exit %d\n%s", code, stderr)
		}
	}
}
