package upstream

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
	"testing"
	"time"

	"tollgate/internal/testpki"
)

// keyUpdate returns a record in which the server of a connection of TLS 1.3 changes its key and asks for a change of the other (RFC 8446
// section 4.6.3), as its third record under the secret that a log of keys ends with.
func keyUpdate(t *testing.T, log []byte) []byte {
	fields := bytes.Fields(log)
	secret, err := hex.DecodeString(string(fields[len(fields)-1]))
	if err != nil || len(secret) != sha256.Size {
		t.Errorf("the server's secret: %v", err)
		return nil
	}
	expand := func(label string, length int) []byte {
		label = "tls13 " + label
		return testpki.Must(hkdf.Expand(sha256.New, secret, "\x00"+string(rune(length))+string(rune(len(label)))+label+"\x00", length))
	}
	seal := testpki.Must(cipher.NewGCM(testpki.Must(aes.NewCipher(expand("key", 16)))))
	nonce := expand("iv", seal.NonceSize())
	nonce[len(nonce)-1] ^= 2 // the third
	const handshake, updateRequested = 22, "\x18\x00\x00\x01\x01"
	content := append([]byte(updateRequested), handshake)
	header := []byte{23, 3, 3, 0, byte(len(content) + seal.Overhead())}
	return seal.Seal(header, nonce, content, header)
}

// TestKeyUpdateBehindAnAnswer: TLS answers it when it is asked before the next call, which no deadline of the call before may prevent: the
// next call would fail, and seem to be sent.
func TestKeyUpdateBehindAnAnswer(t *testing.T) {
	ca := testpki.Must(testpki.New())
	var keys bytes.Buffer
	config := &tls.Config{
		Certificates: []tls.Certificate{testpki.Must(ca.Server("127.0.0.1"))}, MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true, KeyLogWriter: &keys,
	}
	arrived := make(chan bool, 1)
	target, _ := tlsOriginWith(t, config, func(c net.Conn, r *bufio.Reader) {
		h := c.(*holding)
		if h.ConnectionState().CipherSuite != tls.TLS_AES_128_GCM_SHA256 || !take(r) {
			return
		}
		say(h, ok)
		h.flush()
		take(r)
		say(h, ok)
		h.raw.held.Write(keyUpdate(t, keys.Bytes()))
		h.flush()
		arrived <- take(r)
	})
	transport := transportTo(t, target, clientConfig(ca))
	for range 2 { // TLS does not read beyond the first record
		if got, err := send(t, transport, request(t, "GET", target, "")); err != nil || got != "ok" {
			t.Skipf("%q, %v: this machine has no AES", got, err)
		}
	}
	c := transport.pool.idle[0]
	c.deadline = past
	if err := c.raw.SetDeadline(past); err != nil {
		t.Fatal(err)
	}
	go func() {
		r := request(t, "POST", target, "x")
		r.Deadline = time.Now().Add(5 * time.Second) // it would wait for an answer
		_ = readWhole(transport, r)
	}()
	if !<-arrived {
		t.Error("the next call did not arrive on the connection")
	}
}
