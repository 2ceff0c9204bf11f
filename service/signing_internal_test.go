package service

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/internal/secret"
	"tollgate/internal/setting"
)

// TestHangingKeySource: a key source that hangs keeps neither the readings of other credentials nor the end of the service.
func TestHangingKeySource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs, read := make(chan struct{}), make(chan struct{}, 1)
		atStart := true
		credentialOf := func(name string, again func()) *credential.Credential {
			c, err := credential.New(credential.Config{Facts: credential.Facts{Name: name, Class: catalog.ClassPartner}}, credential.Options{Load: func() (credential.Keys, error) {
				if !atStart {
					again()
				}
				return credential.Keys{AccessKey: name, SecretKey: secret.New(name)}, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		s := &Service{
			logger: zap.NewNop(),
			state: state{credentials: map[string]*liveCredential{
				"one": {Credential: credentialOf("one", func() { <-hangs })}, "two": {Credential: credentialOf("two", func() { read <- struct{}{} })},
			}},
		}
		atStart = false
		s.startSigning()
		s.rereadKeys()
		<-read
		s.signingWarnings(time.Now())
		for _, closeOne := range s.closers {
			closeOne()
		}
		close(hangs)
	})
}

// TestKeysAreReadAgain follows a key that is replaced in its file: each reading must find what is there.
func TestKeysAreReadAgain(t *testing.T) {
	kept := setting.Secrets{Dir: t.TempDir(), LookupEnv: func(string) (string, bool) { return "AK", true }}
	file := filepath.Join(kept.Dir, "sk.txt")
	written := &credential.Config{AccessKey: setting.Reference{Env: "AK"}, SecretKey: setting.Reference{File: "sk.txt"}}
	for _, want := range []string{"first-secret", "second-secret"} {
		if err := os.WriteFile(file, []byte(want+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := written.Read(kept)
		if err != nil || keys.SecretKey.Reveal() != want {
			t.Fatalf("got %v, want the key in the file", err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := written.Read(kept); err == nil {
		t.Error("a missing file led to keys")
	}
	written.SecretKey, written.AccessKey = setting.Reference{Env: "SK"}, setting.Reference{Env: "ODD"}
	for _, odd := range []string{"a b", "a,b=c", "", "\n"} {
		if _, err := written.Read(setting.Secrets{LookupEnv: func(string) (string, bool) { return odd, true }}); err == nil {
			t.Errorf("%q is taken for an access key", odd)
		}
	}
}
