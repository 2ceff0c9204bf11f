package scan

import (
	"bufio"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
)

const (
	maxFragment = 1<<14 + 2048 // RFC 5246 section 6.2.3, with room for what a record may grow
	// maxFlight bounds what is read of a server's first answer, in bytes.
	maxFlight = 256 << 10

	messageServerHello, messageCertificate     = 2, 11
	messageServerKeyExchange, messageHelloDone = 12, 14
)

// serverChoice is what a server chose.
type serverChoice struct {
	version uint16
	suite   uint16
	group   uint16 // 0: none was named
	dhBits  int    // of a finite-field group that is not named; 0: none
	chain   []*x509.Certificate
}

// refusal is a server's alert, or its closing of the connection.
type refusal struct {
	alert bool
	code  uint8
}

func (r *refusal) Error() string {
	if r.alert {
		return fmt.Sprintf("alert %d", r.code)
	}
	return "connection closed"
}

var errMalformed = errors.New("the server's answer is not TLS as it should be")

// readAnswer reads a server's first flight, as far as it stands in the clear.
func readAnswer(r io.Reader, version uint16) (*serverChoice, error) {
	m := messages{r: bufio.NewReader(io.LimitReader(r, maxFlight))}
	kind, body, err := m.next()
	if err != nil {
		return nil, err
	}
	if kind != messageServerHello {
		return nil, errMalformed
	}
	a := new(serverChoice)
	if err := a.serverHello(body); err != nil {
		return nil, err
	}
	if a.version == tls13 || a.version != version {
		return a, nil // what follows is encrypted, or of no interest
	}
	if err := a.flight(&m); err != nil {
		return nil, err
	}
	return a, nil
}

// flight reads what follows the ServerHello up to TLS 1.2. A server may leave out any of it.
func (a *serverChoice) flight(m *messages) error {
	for {
		kind, body, err := m.next()
		if err != nil {
			return err
		}
		switch kind {
		case messageCertificate:
			err = a.certificates(body)
		case messageServerKeyExchange:
			err = a.keyExchange(body)
		case messageHelloDone:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (a *serverChoice) serverHello(body cryptobyte.String) error {
	var random []byte // that of a HelloRetryRequest is as good: it names suite and group too
	var session, extensions cryptobyte.String
	var compression uint8
	if !body.ReadUint16(&a.version) || !body.ReadBytes(&random, 32) || !body.ReadUint8LengthPrefixed(&session) ||
		!body.ReadUint16(&a.suite) || !body.ReadUint8(&compression) {
		return errMalformed
	}
	if body.Empty() {
		return nil
	}
	if !body.ReadUint16LengthPrefixed(&extensions) || !body.Empty() {
		return errMalformed
	}
	return a.extensions(extensions)
}

func (a *serverChoice) extensions(all cryptobyte.String) error {
	for !all.Empty() {
		var id uint16
		var content cryptobyte.String
		if !all.ReadUint16(&id) || !all.ReadUint16LengthPrefixed(&content) {
			return errMalformed
		}
		switch id {
		case extSupportedVersions:
			if !content.ReadUint16(&a.version) {
				return errMalformed
			}
		case extKeyShare: // the group stands first, whether a share follows or not
			if !content.ReadUint16(&a.group) {
				return errMalformed
			}
		}
	}
	return nil
}

// certificates reads RFC 5246 section 7.4.2. A certificate that Go cannot read is left out.
func (a *serverChoice) certificates(body cryptobyte.String) error {
	var list cryptobyte.String
	if !body.ReadUint24LengthPrefixed(&list) {
		return errMalformed
	}
	for !list.Empty() {
		var der cryptobyte.String
		if !list.ReadUint24LengthPrefixed(&der) {
			return errMalformed
		}
		if c, err := x509.ParseCertificate(der); err == nil {
			a.chain = append(a.chain, c)
		}
	}
	return nil
}

// keyExchange reads the group of a ServerKeyExchange: RFC 8422 section 5.4 for elliptic curves, RFC 5246 section 7.4.3 for
// finite fields. Which it is depends on the suite; PSK suites put a hint in front of either.
func (a *serverChoice) keyExchange(body cryptobyte.String) error {
	kind := exchangeOf(a.suite)
	var hint, prime cryptobyte.String
	if kind.psk && !body.ReadUint16LengthPrefixed(&hint) {
		return errMalformed
	}
	switch {
	case kind.ecdhe:
		var curve uint8
		if !body.ReadUint8(&curve) || curve == 3 && !body.ReadUint16(&a.group) { // 3: named_curve
			return errMalformed
		}
	case kind.dhe:
		if !body.ReadUint16LengthPrefixed(&prime) {
			return errMalformed
		}
		a.dhBits = new(big.Int).SetBytes(prime).BitLen()
	}
	return nil
}

// messages puts handshake messages together from records.
type messages struct {
	r   *bufio.Reader
	buf []byte
}

func (m *messages) next() (kind uint8, body cryptobyte.String, err error) {
	for {
		s := cryptobyte.String(m.buf)
		if s.ReadUint8(&kind) && s.ReadUint24LengthPrefixed(&body) {
			m.buf = s
			return kind, body, nil
		}
		if len(m.buf) > maxFlight {
			return 0, nil, errMalformed
		}
		if err := m.record(); err != nil {
			return 0, nil, err
		}
	}
}

func (m *messages) record() error {
	header := make([]byte, 5)
	if _, err := io.ReadFull(m.r, header); err != nil {
		return closed(err)
	}
	length := int(binary.BigEndian.Uint16(header[3:]))
	if header[1] != 3 || length > maxFragment || header[0] != recordHandshake && header[0] != recordAlert {
		return errMalformed
	}
	fragment := make([]byte, length)
	if _, err := io.ReadFull(m.r, fragment); err != nil {
		return closed(err)
	}
	switch {
	case header[0] == recordHandshake:
		m.buf = append(m.buf, fragment...)
		return nil
	case length != 2:
		return errMalformed
	}
	return &refusal{true, fragment[1]}
}

// closed takes the end of a connection for a refusal: servers do not always send an alert. A timeout is none.
func closed(err error) error {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("no answer: %w", err)
	}
	return &refusal{}
}
