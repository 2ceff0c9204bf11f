package scan

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed suites.csv
var suitesCSV string

// point is a code point of a cipher suite, or of a key-exchange group of IANA's "TLS Supported Groups".
type point struct {
	code uint16
	name string
}

// nameOf returns the name of a code, or its number.
func nameOf(known []point, code uint16) string {
	for _, p := range known {
		if p.code == code {
			return p.name
		}
	}
	return fmt.Sprintf("0x%04X", code)
}

// suites are all suites that a scan offers, by code. The file is part of the program: a fault in it panics.
var suites = sync.OnceValue(func() []point {
	rows, err := csv.NewReader(strings.NewReader(suitesCSV)).ReadAll()
	if err != nil {
		panic(fmt.Sprintf("suites.csv: %v", err))
	}
	points := make([]point, 0, len(rows))
	for _, row := range rows[1:] {
		code, err := strconv.ParseUint(row[0], 0, 16)
		if err != nil {
			panic(fmt.Sprintf("suites.csv: %v", err))
		}
		points = append(points, point{uint16(code), row[1]})
	}
	return points
})

// only13 reports whether a suite is one that only TLS 1.3 uses: those of RFC 8446, RFC 8998 (SM4) and RFC 9150 (integrity only), and its
// later registrations. No other version uses them.
func (s point) only13() bool {
	return s.code>>8 == 0x13 || s.code == 0x00C6 || s.code == 0x00C7 || s.code == 0xC0B4 || s.code == 0xC0B5 ||
		s.code >= 0xC103 && s.code <= 0xC106 // GOST in TLS 1.3, RFC 9367
}

// suitesFor returns the codes that a scan offers in a version.
func suitesFor(version uint16) []uint16 {
	var codes []uint16
	for _, s := range suites() {
		if s.only13() == (version == tls13) {
			codes = append(codes, s.code)
		}
	}
	return codes
}

// SuiteName returns the name of a suite's code, or its number.
func SuiteName(code uint16) string { return nameOf(suites(), code) }

// groups are what a scan offers. The names are those of policies where a policy can name them.
var groups = []point{
	{1, "sect163k1"}, {2, "sect163r1"}, {3, "sect163r2"}, {4, "sect193r1"}, {5, "sect193r2"}, {6, "sect233k1"},
	{7, "sect233r1"}, {8, "sect239k1"}, {9, "sect283k1"}, {10, "sect283r1"}, {11, "sect409k1"}, {12, "sect409r1"},
	{13, "sect571k1"}, {14, "sect571r1"}, {15, "secp160k1"}, {16, "secp160r1"}, {17, "secp160r2"}, {18, "secp192k1"},
	{19, "secp192r1"}, {20, "secp224k1"}, {21, "secp224r1"}, {22, "secp256k1"}, {23, "P-256"}, {24, "P-384"},
	{25, "P-521"}, {26, "brainpoolP256r1"}, {27, "brainpoolP384r1"}, {28, "brainpoolP512r1"}, {29, "X25519"},
	{30, "X448"}, {31, "brainpoolP256r1tls13"}, {32, "brainpoolP384r1tls13"}, {33, "brainpoolP512r1tls13"},
	{34, "GC256A"}, {35, "GC256B"}, {36, "GC256C"}, {37, "GC256D"}, {38, "GC512A"}, {39, "GC512B"}, {40, "GC512C"},
	{41, "curveSM2"}, {256, "ffdhe2048"}, {257, "ffdhe3072"}, {258, "ffdhe4096"}, {259, "ffdhe6144"}, {260, "ffdhe8192"},
	{512, "MLKEM512"}, {513, "MLKEM768"}, {514, "MLKEM1024"}, {0x11EB, "SecP256r1MLKEM768"}, {0x11EC, "X25519MLKEM768"},
	{0x11ED, "SecP384r1MLKEM1024"}, {0x11EE, "curveSM2MLKEM768"}, {0x6399, "X25519Kyber768Draft00"}, {0x639A, "SecP256r1Kyber768Draft00"},
}

func groupName(id uint16) string { return nameOf(groups, id) }

// groupIDs returns all groups, in an order in which a server that takes the first finds a common one.
func groupIDs() []uint16 {
	ids := make([]uint16, len(groups))
	for i, g := range groups {
		ids[i] = g.code
	}
	return ids
}

// exchange is what a ServerKeyExchange of a suite holds.
type exchange struct{ ecdhe, dhe, psk bool }

func exchangeOf(suite uint16) exchange {
	name, _, _ := strings.Cut(SuiteName(suite), "_WITH_")
	has := func(part string) bool { return strings.Contains(name+"_", "_"+part+"_") }
	return exchange{
		ecdhe: has("ECDHE") || has("ECDH_anon"),
		dhe:   has("DHE") || has("DH_anon"),
		psk:   has("PSK"),
	}
}

// withGroups returns the suites of a version in which a group of supported_groups is used.
func withGroups(version uint16, suites []uint16) []uint16 {
	if version == tls13 {
		return suites
	}
	var out []uint16
	for _, s := range suites {
		if exchangeOf(s).ecdhe {
			out = append(out, s)
		}
	}
	return out
}
