// Package testtls plays servers of TLS 1.3 that send what crypto/tls sends only where a real fault makes it: an alert of any
// number at any time, and single records of any kind (RFC 8446 section 5.2).
package testtls

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"net"
	"strings"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"
)

// Kinds of records (RFC 8446 section 5.1).
const (
	KindAlert     = 21
	KindHandshake = 22
	KindData      = 23
)

// Server is the server's end of a connection on which crypto/tls shook hands. What it sends afterwards is encrypted here.
type Server struct {
	*tls.Conn // to read from; what is written through it would use record numbers that are used here
	raw       net.Conn
	aead      cipher.AEAD
	iv        []byte
	sent      uint64 // records under these keys
}

// Accept shakes hands by TLS 1.3 and sends no session ticket.
func Accept(raw net.Conn, config *tls.Config) (*Server, error) {
	var secrets keyLog
	config = config.Clone()
	config.MinVersion, config.MaxVersion, config.SessionTicketsDisabled, config.KeyLogWriter = tls.VersionTLS13, tls.VersionTLS13, true, &secrets
	s := &Server{Conn: tls.Server(raw, config), raw: raw}
	if err := s.Handshake(); err != nil {
		return nil, err
	}
	secret, err := secrets.find("SERVER_TRAFFIC_SECRET_0")
	if err != nil {
		return nil, err
	}
	return s, s.derive(secret)
}

// suites are those of TLS 1.3 that crypto/tls knows.
var suites = map[uint16]struct {
	newHash func() hash.Hash
	keySize int
	newAEAD func(key []byte) (cipher.AEAD, error)
}{
	tls.TLS_AES_128_GCM_SHA256:       {sha256.New, 16, newGCM},
	tls.TLS_AES_256_GCM_SHA384:       {sha512.New384, 32, newGCM},
	tls.TLS_CHACHA20_POLY1305_SHA256: {sha256.New, chacha20poly1305.KeySize, chacha20poly1305.New},
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// derive makes the keys of section 7.3.
func (s *Server) derive(secret []byte) error {
	suite := suites[s.ConnectionState().CipherSuite]
	key, err := expandLabel(suite.newHash, secret, "key", suite.keySize)
	if err != nil {
		return err
	}
	if s.iv, err = expandLabel(suite.newHash, secret, "iv", 12); err != nil {
		return err
	}
	s.aead, err = suite.newAEAD(key)
	return err
}

// expandLabel is HKDF-Expand-Label of section 7.1 with an empty context.
func expandLabel(newHash func() hash.Hash, secret []byte, label string, size int) ([]byte, error) {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(append(append(info, byte(len(label))), label...), 0)
	return hkdf.Expand(newHash, secret, string(info), size)
}

// Record returns the next record, encrypted. All that are made must be sent, in this order.
func (s *Server) Record(kind byte, content []byte) []byte {
	plain := append(bytes.Clone(content), kind)
	header := binary.BigEndian.AppendUint16([]byte{KindData, 3, 3}, uint16(len(plain)+s.aead.Overhead()))
	nonce := bytes.Clone(s.iv)
	number := binary.BigEndian.AppendUint64(nil, s.sent)
	for i, b := range number {
		nonce[len(nonce)-len(number)+i] ^= b
	}
	s.sent++
	return s.aead.Seal(header, nonce, plain, header)
}

// Alert returns the record of a fatal alert.
func (s *Server) Alert(number byte) []byte { return s.Record(KindAlert, []byte{2, number}) }

// Ticket returns the record of a session ticket (section 4.6.1) that cannot be used.
func (s *Server) Ticket() []byte {
	body := []byte{0, 0, 0, 60, 1, 2, 3, 4, 1, 0, 0, 1, 'x', 0, 0}
	return s.Record(KindHandshake, append([]byte{4, 0, 0, byte(len(body))}, body...))
}

// Send writes records, or anything else, in one piece.
func (s *Server) Send(records ...[]byte) error {
	_, err := s.raw.Write(bytes.Join(records, nil))
	return err
}

// keyLog collects what a tls.Config writes to its KeyLogWriter.
type keyLog struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (k *keyLog) Write(b []byte) (int, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.text.Write(b)
}

func (k *keyLog) find(label string) ([]byte, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	for line := range strings.Lines(k.text.String()) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == label {
			return hex.DecodeString(fields[2])
		}
	}
	return nil, fmt.Errorf("testtls: crypto/tls logged no %s", label)
}
