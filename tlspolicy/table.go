package tlspolicy

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Status is what a policy makes of a suite.
type Status string

// The statuses.
const (
	StatusOffered    Status = "offered"
	StatusNotOffered Status = "allowed, not offered" // crypto/tls cannot speak it
	StatusNotAllowed Status = "not in this policy"
)

// Row is one suite of the whitelist as a policy sees it.
type Row struct {
	Suite
	Status Status `json:"status"`
}

// Rows returns every suite of the whitelist, in its order.
func (p *Policy) Rows() []Row {
	var rows []Row
	for _, s := range whitelist() {
		rows = append(rows, Row{s, p.status(s)})
	}
	return rows
}

func (p *Policy) status(s Suite) Status {
	for _, allowed := range p.suites {
		if allowed.Code == s.Code && s.Offered {
			return StatusOffered
		}
		if allowed.Code == s.Code {
			return StatusNotOffered
		}
	}
	return StatusNotAllowed
}

// WriteTable writes a policy for people: what it allows, and every suite of the whitelist with its status.
func WriteTable(w io.Writer, p *Policy) error {
	plan, err := NewPlan([]Use{{"this policy", p, RoleServer}})
	if err != nil {
		return err
	}
	var out strings.Builder
	fmt.Fprintf(&out, "policy    %s\nversions  %s\ngroups    %s\nHTTP/2    %s\nmode      %s\n\n",
		p.name, joinNames(p.versions, tls.VersionName), joinNames(p.groups, GroupName), p.http2Text(), plan)
	table := tabwriter.NewWriter(&out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "CODE\tIANA NAME\tOPENSSL NAME\tVERSION\tLEVEL\tSTATUS")
	for _, row := range p.Rows() {
		fmt.Fprintf(table, "0x%04X\t%s\t%s\t%s\t%s\t%s\n",
			row.Code, row.Name, cmp.Or(row.OpenSSLName, "-"), versionNumber(row.Version), row.Level, row.Status)
	}
	_ = table.Flush() // writes to a strings.Builder do not fail
	fmt.Fprintf(&out, "\n%q: Go cannot speak the suite, so no connection uses it.\n", StatusNotOffered)
	_, err = io.WriteString(w, out.String())
	return err
}

func (p *Policy) http2Text() string {
	if p.HTTP2() {
		return "yes, on listeners"
	}
	return "no: it needs TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 or TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, or TLS 1.3 only"
}

func joinNames[T any](values []T, name func(T) string) string {
	return strings.Join(describe(values, len(values), name), ", ")
}

// Description is a policy for programs.
type Description struct {
	Policy   string           `json:"policy"`
	Versions []string         `json:"versions"`
	Groups   []string         `json:"groups"`
	HTTP2    bool             `json:"http2"`  // on listeners
	Suites   []DescribedSuite `json:"suites"` // every one of the whitelist
}

// DescribedSuite is a suite of a [Description], with its numbers as they are usually written.
type DescribedSuite struct {
	Code        string `json:"code"` // "0xC02F"
	Name        string `json:"name"`
	OpenSSLName string `json:"openssl_name,omitempty"`
	Version     string `json:"version"` // "TLS 1.2"
	Level       Level  `json:"level"`
	Status      Status `json:"status"`
}

// Description returns what [WriteTable] writes for people.
func (p *Policy) Description() Description {
	d := Description{
		Policy: p.name, HTTP2: p.HTTP2(),
		Versions: describe(p.versions, len(p.versions), tls.VersionName), Groups: describe(p.groups, len(p.groups), GroupName),
	}
	for _, row := range p.Rows() {
		d.Suites = append(d.Suites, DescribedSuite{
			fmt.Sprintf("0x%04X", row.Code), row.Name, row.OpenSSLName, tls.VersionName(row.Version), row.Level, row.Status,
		})
	}
	return d
}
