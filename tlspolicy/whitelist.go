package tlspolicy

import (
	"crypto/fips140"
	"crypto/tls"
	_ "embed" // for the whitelist
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Level is how the provider rates a suite.
type Level string

// The levels: HIGH suites have forward secrecy and use an AEAD; MEDIUM ones are allowed without being that good.
const (
	High   Level = "HIGH"
	Medium Level = "MEDIUM"
)

// Suite is one row of the whitelist.
type Suite struct {
	Code        uint16 `json:"code"`         // as IANA numbers it
	Name        string `json:"name"`         // as IANA spells it
	OpenSSLName string `json:"openssl_name"` // as OpenSSL spells it; empty if OpenSSL does not know the suite
	Version     uint16 `json:"version"`      // [tls.VersionTLS12] or [tls.VersionTLS13]
	Level       Level  `json:"level"`
	Offered     bool   `json:"offered"` // whether crypto/tls can speak it (in FIPS 140 mode: may speak it)
}

//go:embed tls-cipher-whitelist.csv
var whitelistCSV string

var whitelist = sync.OnceValue(func() []Suite {
	suites, err := parseWhitelist(whitelistCSV)
	if err != nil {
		panic("tlspolicy: embedded whitelist: " + err.Error())
	}
	return suites
})

// Whitelist returns the published whitelist in its order: TLS 1.2 first, then TLS 1.3.
func Whitelist() []Suite { return slices.Clone(whitelist()) }

func parseWhitelist(text string) ([]Suite, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("no rows")
	}
	suites := make([]Suite, 0, len(rows)-1)
	for _, row := range rows[1:] { // the first row names the columns
		suite, err := parseSuite(row)
		if err != nil {
			return nil, fmt.Errorf("row %q: %w", row, err)
		}
		suites = append(suites, suite)
	}
	return suites, nil
}

// parseSuite reads code_hex,iana_name,tls_version,security_level. The last column, what Go was found to implement, is
// for people: crypto/tls is asked instead.
func parseSuite(row []string) (Suite, error) {
	if len(row) < 4 {
		return Suite{}, fmt.Errorf("want at least 4 columns")
	}
	code, err := strconv.ParseUint(strings.TrimPrefix(row[0], "0x"), 16, 16)
	if err != nil {
		return Suite{}, fmt.Errorf("code: %w", err)
	}
	version, err := parseVersion(row[2])
	if err != nil {
		return Suite{}, err
	}
	level := Level(row[3])
	if level != High && level != Medium {
		return Suite{}, fmt.Errorf("unknown level")
	}
	suite := Suite{Code: uint16(code), Name: row[1], Version: version, Level: level}
	suite.OpenSSLName = openSSLName(suite)
	suite.Offered = implemented(suite)
	return suite, nil
}

// implemented reports whether crypto/tls can speak a suite in this process. In FIPS 140 mode it leaves out ChaCha20
// (crypto/tls/defaults_fips140.go).
func implemented(s Suite) bool {
	if fips140.Enabled() && strings.Contains(s.Name, "CHACHA20") {
		return false
	}
	return slices.ContainsFunc(tls.CipherSuites(), func(known *tls.CipherSuite) bool {
		return known.ID == s.Code && slices.Contains(known.SupportedVersions, s.Version)
	})
}

// openSSLName derives OpenSSL's spelling (openssl-ciphers(1), "CIPHER SUITE NAMES") from IANA's. TLS 1.3 suites have
// one spelling; the suites of RFC 8442 are not in OpenSSL.
func openSSLName(s Suite) string {
	if s.Version == tls.VersionTLS13 {
		return s.Name
	}
	if s.Code == 0xD001 || s.Code == 0xD002 || s.Code == 0xD005 {
		return ""
	}
	name := strings.NewReplacer("_WITH_", "-", "AES_128", "AES128", "AES_256", "AES256").Replace(strings.TrimPrefix(s.Name, "TLS_"))
	name = strings.ReplaceAll(name, "_", "-")
	if strings.Contains(name, "CHACHA20") {
		name = strings.TrimSuffix(name, "-SHA256")
	}
	return name
}

func parseVersion(text string) (uint16, error) {
	switch text {
	case "1.2":
		return tls.VersionTLS12, nil
	case "1.3":
		return tls.VersionTLS13, nil
	}
	return 0, fmt.Errorf("unknown TLS version %q (choices: 1.2, 1.3)", truncate(text))
}

// versionNumber is the inverse of parseVersion.
func versionNumber(v uint16) string {
	if v == tls.VersionTLS13 {
		return "1.3"
	}
	return "1.2"
}
