package scan

import (
	"crypto/rand"
	"net"
	"strings"

	"golang.org/x/crypto/cryptobyte"
)

// Protocol versions, as on the wire.
const (
	ssl30 = 0x0300
	tls10 = 0x0301
	tls11 = 0x0302
	tls12 = 0x0303
	tls13 = 0x0304
)

const (
	recordHandshake, recordAlert = 22, 21

	extServerName          = 0  // RFC 6066
	extSupportedGroups     = 10 // RFC 8422
	extPointFormats        = 11
	extSignatureAlgorithms = 13 // RFC 8446 section 4.2.3
	extPadding             = 21 // RFC 7685
	extMasterSecret        = 23 // RFC 7627
	extSupportedVersions   = 43 // RFC 8446 section 4.2.1
	extKeyExchangeModes    = 45
	extKeyShare            = 51
	extRenegotiation       = 0xFF01 // RFC 5746

	// padTo is a length of hello that no server is known to stumble over; some did over 256 to 511 bytes (RFC 7685).
	padTo = 512
)

// signatures are all signature schemes that a server may have a key for, the weakest included.
var signatures = []uint16{
	0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B, 0x0401, 0x0501, 0x0601,
	0x0402, 0x0502, 0x0602, 0x0303, 0x0301, 0x0302, 0x0203, 0x0201, 0x0202, 0x0101, 0x0708, 0x081A, 0x081B, 0x081C,
}

// offer is what one ClientHello proposes.
type offer struct {
	version uint16
	suites  []uint16
	groups  []uint16
	name    string // SNI; empty sends none
}

// hello returns the ClientHello as a record.
func (o offer) hello() ([]byte, error) {
	message, err := o.message(0)
	if err != nil {
		return nil, err
	}
	if short := padTo - len(message); short > 0 && o.version != ssl30 {
		if message, err = o.message(short); err != nil {
			return nil, err
		}
	}
	var b cryptobyte.Builder
	b.AddUint8(recordHandshake)
	b.AddUint16(min(o.version, tls10)) // RFC 8446 section 5.1
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(message) })
	return b.Bytes()
}

func (o offer) message(padding int) ([]byte, error) {
	var random [64]byte
	_, _ = rand.Read(random[:]) // never fails
	var b cryptobyte.Builder
	b.AddUint8(1)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		b.AddUint16(min(o.version, tls12))
		b.AddBytes(random[:32])
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) {
			if o.version == tls13 {
				b.AddBytes(random[32:]) // RFC 8446 appendix D.4: looks like a resumption to what stands between
			}
		})
		addList16(b, o.suites)
		b.AddBytes([]byte{1, 0}) // no compression
		if o.version != ssl30 {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { o.extensions(b, padding) })
		}
	})
	return b.Bytes()
}

func (o offer) extensions(b *cryptobyte.Builder, padding int) {
	if o.name != "" && net.ParseIP(o.name) == nil { // RFC 6066 section 3: no literal addresses
		extension(b, extServerName, func(b *cryptobyte.Builder) {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
				b.AddUint8(0)
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(strings.TrimSuffix(o.name, "."))) })
			})
		})
	}
	extension(b, extSupportedGroups, func(b *cryptobyte.Builder) { addList16(b, o.groups) })
	extension(b, extSignatureAlgorithms, func(b *cryptobyte.Builder) { addList16(b, signatures) })
	if o.version == tls13 {
		o.extensions13(b)
	} else {
		extension(b, extPointFormats, func(b *cryptobyte.Builder) { b.AddBytes([]byte{3, 0, 1, 2}) })
		extension(b, extMasterSecret, func(*cryptobyte.Builder) {})
		extension(b, extRenegotiation, func(b *cryptobyte.Builder) { b.AddUint8(0) })
	}
	if padding > 0 {
		extension(b, extPadding, func(b *cryptobyte.Builder) { b.AddBytes(make([]byte, max(padding-4, 0))) })
	}
}

func (o offer) extensions13(b *cryptobyte.Builder) {
	extension(b, extSupportedVersions, func(b *cryptobyte.Builder) {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddUint16(tls13) })
	})
	extension(b, extKeyExchangeModes, func(b *cryptobyte.Builder) { b.AddBytes([]byte{1, 1}) })
	// Without a share the server has to name the group it wants (RFC 8446 section 4.2.8).
	extension(b, extKeyShare, func(b *cryptobyte.Builder) { b.AddUint16(0) })
}

func extension(b *cryptobyte.Builder, id uint16, content func(*cryptobyte.Builder)) {
	b.AddUint16(id)
	b.AddUint16LengthPrefixed(content)
}

func addList16(b *cryptobyte.Builder, values []uint16) {
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, v := range values {
			b.AddUint16(v)
		}
	})
}
