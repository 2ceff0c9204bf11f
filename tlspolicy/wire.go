package tlspolicy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The self-test reads and writes the few bytes of the TLS wire format that it needs, since a Go client has no setting for
// the TLS 1.3 suites that it offers.
//
//	record       type (1), version (2), length (2), then the fragment         RFC 8446 section 5.1
//	handshake    type (1), length (3), then the message                       RFC 8446 section 4
//	ClientHello  version (2), random (32), session id <1>, cipher suites <2>, …   RFC 8446 section 4.1.2
//	ServerHello  version (2), random (32), session id <1>, cipher suite (2), …    RFC 8446 section 4.1.3
//	alert        level (1), description (1)                                   RFC 8446 section 6
//
// <n> is a length of n bytes, followed by that many bytes.
const (
	recordHeader    = 5
	handshakeHeader = 4
	fixedHello      = 2 + 32
	maxRecord       = 1 << 14 // RFC 8446 section 5.1

	typeAlert, typeHandshake         = 21, 22
	typeClientHello, typeServerHello = 1, 2
	alertHandshakeFailure            = 40
	suitesLengthSize, suiteLength    = 2, 2
)

var errMalformed = errors.New("malformed TLS message")

// readRecord reads one record, with its header.
func readRecord(r io.Reader) ([]byte, error) {
	record := make([]byte, recordHeader, 2048)
	if _, err := io.ReadFull(r, record); err != nil {
		return nil, fmt.Errorf("reading a TLS record: %w", err)
	}
	length := int(binary.BigEndian.Uint16(record[3:]))
	if length > maxRecord {
		return nil, errMalformed
	}
	record = append(record, make([]byte, length)...)
	if _, err := io.ReadFull(r, record[recordHeader:]); err != nil {
		return nil, fmt.Errorf("reading a TLS record: %w", err)
	}
	return record, nil
}

// suitesAt returns the offset in a record of what follows the session id of a hello of the given type.
func suitesAt(record []byte, helloType byte) (int, error) {
	at := recordHeader + handshakeHeader + fixedHello
	if len(record) <= at || record[0] != typeHandshake || record[recordHeader] != helloType {
		return 0, errMalformed
	}
	at += 1 + int(record[at])
	if len(record) < at+suiteLength {
		return 0, errMalformed
	}
	return at, nil
}

// suitesOf returns the suites of a record that holds a ClientHello, and the offset of their list.
func suitesOf(record []byte) (suites []uint16, at int, err error) {
	if at, err = suitesAt(record, typeClientHello); err != nil {
		return nil, 0, err
	}
	length := int(binary.BigEndian.Uint16(record[at:]))
	list := record[at+suitesLengthSize:]
	if length > len(list) || length%suiteLength != 0 {
		return nil, 0, errMalformed
	}
	for i := 0; i < length; i += suiteLength {
		suites = append(suites, binary.BigEndian.Uint16(list[i:]))
	}
	return suites, at, nil
}

// withSuites returns a copy of a record with a ClientHello that offers other suites.
func withSuites(record []byte, suites []uint16) ([]byte, error) {
	old, at, err := suitesOf(record)
	if err != nil {
		return nil, err
	}
	changed := append([]byte(nil), record[:at]...)
	changed = binary.BigEndian.AppendUint16(changed, uint16(len(suites)*suiteLength))
	for _, code := range suites {
		changed = binary.BigEndian.AppendUint16(changed, code)
	}
	changed = append(changed, record[at+suitesLengthSize+len(old)*suiteLength:]...)
	fragment := len(changed) - recordHeader
	if fragment > maxRecord {
		return nil, errMalformed
	}
	binary.BigEndian.PutUint16(changed[3:], uint16(fragment))
	changed[recordHeader+1] = 0 // lengths up to maxRecord need two of the three bytes
	binary.BigEndian.PutUint16(changed[recordHeader+2:], uint16(fragment-handshakeHeader))
	return changed, nil
}

// chosenSuite reads a server's first record: the suite of its ServerHello (or HelloRetryRequest, which has the same
// form), or 0 for the alert handshake_failure. Any other alert is an error.
func chosenSuite(record []byte) (uint16, error) {
	if len(record) == recordHeader+2 && record[0] == typeAlert {
		if description := record[recordHeader+1]; description != alertHandshakeFailure {
			return 0, fmt.Errorf("unexpected TLS alert %d", description)
		}
		return 0, nil
	}
	at, err := suitesAt(record, typeServerHello)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint16(record[at:]), nil
}
