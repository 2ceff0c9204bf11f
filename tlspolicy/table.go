package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"strings"
)

// Status is what a policy makes of a suite.
type Status string

// The statuses.
const (
	StatusOffered    Status = "offered"
	StatusNotOffered Status = "allowed, not offered" // crypto/tls cannot speak it
	StatusNotAllowed Status = "not in this policy"
)

// VersionNumber returns the number of the version that has the suite: "1.2" or "1.3".
func (s *Suite) VersionNumber() string { return versionNumber(s.Version) }

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

// Description is what a policy allows.
type Description struct {
	Name     string   `json:"name"`
	Versions []string `json:"versions"`
	Groups   []string `json:"groups"`
	HTTP2    bool     `json:"http2"` // on listeners
	Mode     string   `json:"mode"`  // how the process orders suites, if it has no other policy
	Suites   []Row    `json:"suites"`
}

// Describe returns what the policy allows.
func (p *Policy) Describe() (*Description, error) {
	plan, err := NewPlan([]Use{{"this policy", p, RoleServer}})
	if err != nil {
		return nil, err
	}
	return &Description{
		Name: p.name, Versions: describe(p.versions, len(p.versions), tls.VersionName), Groups: describe(p.groups, len(p.groups), GroupName),
		HTTP2: p.HTTP2(), Mode: plan.String(), Suites: p.Rows(),
	}, nil
}

// Lines returns the description in words, without the suites.
func (d *Description) Lines() string {
	http2 := "yes, on listeners"
	if !d.HTTP2 {
		http2 = "no: it needs TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 or TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, or TLS 1.3 only"
	}
	return fmt.Sprintf("policy    %s\nversions  %s\ngroups    %s\nHTTP/2    %s\nmode      %s\n",
		d.Name, strings.Join(d.Versions, ", "), strings.Join(d.Groups, ", "), http2, d.Mode)
}

func joinNames[T any](values []T, name func(T) string) string {
	return strings.Join(describe(values, len(values), name), ", ")
}
