package tlspolicy

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"testing"
)

// legacyHello is the ClientHello of a TLS 1.2 client without supported_versions: its version stands in legacy_version alone.
func legacyHello(t *testing.T, client *tls.Config) []byte {
	t.Helper()
	record, err := captureHello(client)
	if err != nil {
		t.Fatal(err)
	}
	offer, _, err := suitesOf(record)
	if err != nil {
		t.Fatal(err)
	}
	at, _ := suitesAt(record, typeClientHello)
	at += suitesLengthSize + len(offer)*suiteLength + 2 // behind the one compression method
	kept := slices.Clone(record[:at+2])
	for rest := record[at+2:]; len(rest) > 0; {
		end := 4 + int(binary.BigEndian.Uint16(rest[2:]))
		if binary.BigEndian.Uint16(rest) != extSupportedVersions {
			kept = append(kept, rest[:end]...)
		}
		rest = rest[end:]
	}
	binary.BigEndian.PutUint16(kept[at:], uint16(len(kept)-at-2))
	binary.BigEndian.PutUint16(kept[3:], uint16(len(kept)-recordHeader))
	binary.BigEndian.PutUint16(kept[recordHeader+2:], uint16(len(kept)-recordHeader-handshakeHeader))
	return kept
}

// naming returns a record with a ClientHello that has another legacy_version.
func naming(version uint16, hello []byte) []byte {
	hello = slices.Clone(hello)
	binary.BigEndian.PutUint16(hello[recordHeader+handshakeHeader:], version)
	return hello
}

// flight says what a server answers to a ClientHello: an alert, or version, suite, and how it goes on.
func flight(t *testing.T, config *tls.Config, hello []byte) (string, Hello) {
	t.Helper()
	clientSide, serverSide := tcpPair(t)
	var seen Hello
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = tls.Server(serverSide, config).HandshakeContext(WithHello(context.Background(), &seen)) // the peer leaves
	}()
	if _, err := clientSide.Write(hello); err != nil {
		t.Fatal(err)
	}
	said := readFlight(t, clientSide)
	_ = clientSide.Close()
	<-done
	return said, seen
}

func readFlight(t *testing.T, r io.Reader) string {
	t.Helper()
	var messages []byte
	for {
		record, err := readRecord(r)
		switch {
		case err != nil:
			t.Fatal(err)
		case record[0] == typeAlert:
			return "alert " + Alert(record[recordHeader+1]).String()
		case record[0] == typeHandshake:
			messages = append(messages, record[recordHeader:]...)
		}
		resumed := record[0] == 20 // ChangeCipherSpec comes this early in no other case
		if !resumed && !bytes.HasSuffix(messages, []byte{14, 0, 0, 0}) {
			continue
		}
		chosen := fmt.Sprintf("%s, %s", tls.VersionName(binary.BigEndian.Uint16(messages[4:])), tls.CipherSuiteName(suiteIn(t, messages)))
		if resumed {
			return chosen + ", resumed"
		}
		return chosen + ", " + leafKind(t, messages[4+int(binary.BigEndian.Uint16(messages[2:])):])
	}
}

func suiteIn(t *testing.T, serverHello []byte) uint16 {
	t.Helper()
	at, err := suitesAt(append([]byte{typeHandshake, 3, 3, 0, 0}, serverHello...), typeServerHello)
	if err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.Uint16(serverHello[at-recordHeader:])
}

// leafKind is the kind of key in a Certificate message of TLS 1.2.
func leafKind(t *testing.T, message []byte) string {
	t.Helper()
	if message[0] != 11 {
		t.Fatalf("message %d where the certificate should be", message[0])
	}
	length := int(message[7])<<16 | int(binary.BigEndian.Uint16(message[8:]))
	leaf, err := x509.ParseCertificate(message[10 : 10+length])
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := leaf.PublicKey.(*ecdsa.PublicKey); ok {
		return "ECDSA"
	}
	return "RSA"
}

// aboveTLS12 are values of legacy_version that no TLS 1.2 client should send.
var aboveTLS12 = []uint16{0x0304, 0x0305, 0x03ff, 0x0400, 0x7f1c, 0xffff}

// TestLegacyVersionAboveTLS12: without supported_versions a peer has offered TLS 1.2, whatever it writes into legacy_version (RFC
// 8446 section 4.2.1), and is answered as one that wrote 0x0303.
func TestLegacyVersionAboveTLS12(t *testing.T) {
	original := legacyHello(t, peerClient(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }))
	offers := map[string][]uint16{
		"ECDSA":          {tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
		"RSA":            {tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
		"both":           {tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
		"RSA or TLS 1.3": {tls.TLS_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
		"TLS 1.3":        {tls.TLS_AES_256_GCM_SHA384},
		"CBC":            {tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA},
	}
	for _, p := range append(testPolicies(t), mustNew(t, "P-384", Config{Groups: []string{"P-384"}})) {
		for kind, suites := range offers {
			hello, err := withSuites(original, suites)
			if err != nil {
				t.Fatal(err)
			}
			want, wantSeen := flight(t, p.testServer(), hello)
			for _, version := range aboveTLS12 {
				got, seen := flight(t, p.testServer(), naming(version, hello))
				if got != want {
					t.Errorf("%s, %s, legacy_version %04x: %s, want %s", p.name, kind, version, got, want)
				}
				if (seen.Mismatch == nil) != (wantSeen.Mismatch == nil) || seen.Mismatch != nil && seen.Mismatch.Kind != wantSeen.Mismatch.Kind {
					t.Errorf("%s, %s, legacy_version %04x: %v, want %v", p.name, kind, version, seen.Mismatch, wantSeen.Mismatch)
				}
				if offer := OfferOf(seen.Info); !slices.Equal(offer.Versions, []string{"TLS 1.2", "TLS 1.1", "TLS 1.0"}) {
					t.Errorf("legacy_version %04x: it is said to offer %q", version, offer.Versions)
				}
			}
		}
	}
}

// TestLegacyAnswers are those answers in full, so that they are not wrong for all peers alike.
func TestLegacyAnswers(t *testing.T) {
	ecdsaOnly, rsaOnly := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
	for _, c := range []struct {
		policy *Policy
		suites []uint16
		want   string
	}{
		{mustNamed(t, "huawei"), ecdsaOnly, "TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, ECDSA"},
		{mustNamed(t, "huawei"), rsaOnly, "TLS 1.2, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, RSA"},
		{mustNamed(t, "huawei-high"), rsaOnly, "TLS 1.2, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, RSA"},
		{aes256(t), rsaOnly, "TLS 1.2, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, RSA"},
		{mustNew(t, "1.3 only", Config{Versions: []string{"1.3"}}), rsaOnly, "alert protocol_version"},
		{mustNamed(t, "huawei"), []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}, "alert handshake_failure"},
	} {
		client := peerClient(func(config *tls.Config) { config.MaxVersion, config.CipherSuites = tls.VersionTLS12, c.suites })
		if got, _ := flight(t, c.policy.testServer(), naming(tls.VersionTLS13, legacyHello(t, client))); got != c.want {
			t.Errorf("%s: %s, want %s", c.policy.name, got, c.want)
		}
	}
}

// TestLegacyVersionResumes: a session of TLS 1.2 is resumed with such a ClientHello as with any other.
func TestLegacyVersionResumes(t *testing.T) {
	for _, name := range Names() {
		server := mustNamed(t, name).testServer()
		client := ticketClient(tls.VersionTLS12)
		client.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
		if o := connect(t, server, client); !o.answered {
			t.Fatal(o.clientErr, o.serverErr)
		}
		hello := legacyHello(t, client)
		for _, version := range append(aboveTLS12, tls.VersionTLS12) {
			const want = "TLS 1.2, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, resumed"
			if got, _ := flight(t, server, naming(version, hello)); got != want {
				t.Errorf("%s, legacy_version %04x: %s, want %s", name, version, got, want)
			}
		}
	}
}

// TestTLS13StandsInItsExtension: with supported_versions legacy_version says nothing, and TLS 1.3 stays TLS 1.3.
func TestTLS13StandsInItsExtension(t *testing.T) {
	record, err := captureHello(mustNamed(t, Default).testClient())
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range append(aboveTLS12, tls.VersionTLS12) {
		clientSide, serverSide := tcpPair(t)
		var seen Hello
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = tls.Server(serverSide, mustNamed(t, Default).testServer()).HandshakeContext(WithHello(context.Background(), &seen))
		}()
		_, _ = clientSide.Write(naming(version, record))
		answered, err := readRecord(clientSide)
		_ = clientSide.Close()
		<-done
		if err != nil || !bytes.Contains(answered, []byte{0, extSupportedVersions, 0, 2, 3, 4}) {
			t.Errorf("legacy_version %04x: the answer is not of TLS 1.3: %x, %v", version, answered, err)
		}
		if offer := OfferOf(seen.Info); !slices.Equal(offer.Versions, []string{"TLS 1.3", "TLS 1.2"}) || seen.Mismatch != nil {
			t.Errorf("legacy_version %04x: %q, %v", version, offer.Versions, seen.Mismatch)
		}
	}
}
