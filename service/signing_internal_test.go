package service

import (
	"testing"
	"testing/synctest"

	"go.uber.org/zap"

	"tollgate/catalog"
	"tollgate/config"
	"tollgate/credential"
	"tollgate/internal/secret"
)

// TestHangingKeySource: a key source that hangs keeps neither the readings of other credentials nor the end of the service.
func TestHangingKeySource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs, read := make(chan struct{}), make(chan struct{}, 1)
		atStart := true
		credentialOf := func(name string, again func()) *credential.Credential {
			c, err := credential.New(credential.Config{Facts: credential.Facts{Name: name, Class: catalog.ClassPartner}, Load: func() (credential.Keys, error) {
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
		s := &Service{logger: zap.NewNop(), config: &config.Config{Credentials: []*credential.Credential{
			credentialOf("one", func() { <-hangs }),
			credentialOf("two", func() { read <- struct{}{} }),
		}}}
		atStart = false
		s.startSigning()
		s.rereadKeys()
		<-read
		s.signingWarnings()
		for _, closeOne := range s.closers {
			closeOne()
		}
		close(hangs)
	})
}
