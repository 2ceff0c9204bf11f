// Package rights reads from the text of a plan who may do what: callers and their proofs, operations by effect, limits and caps, people and
// their roles. It needs no configuration: texts are those that records of a log name, also of programs of other versions.
package rights

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"tollgate/catalog"
	"tollgate/config/snapshot"
	"tollgate/internal/text"
)

// Plan is the text of a plan.
type Plan struct {
	Version int
	// SameCatalog reports whether this program knows the same operations, so that patterns stand for what they stood for.
	SameCatalog bool
	Callers     []string // sorted
	document    document
	resolver    *resolver
}

// document has the members of a text that are read; see package snapshot.
type document struct {
	Version int    `json:"version"`
	Catalog string `json:"catalog"`
	Callers map[string]struct {
		Auth   []auth  `json:"auth"`
		Grants []grant `json:"grants"`
	} `json:"callers"`
	Credentials map[string]credentialText `json:"credentials"`
	Upstreams   map[string]upstreamText   `json:"upstreams"`
	Listeners   map[string]struct {
		Address string `json:"address"`
		Caller  string `json:"caller"`
	} `json:"listeners"`
	Limits struct {
		Rules []Limit `json:"rules"`
	} `json:"limits"`
	Caps       []Cap `json:"caps"`
	Identities map[string]struct {
		Proofs []auth   `json:"proofs"`
		Roles  []string `json:"roles"`
	} `json:"identities"`
}

type auth struct {
	AccessKey *struct {
		ID       string `json:"id"`
		NotAfter string `json:"not_after"`
	} `json:"access_key"`
	Certificate map[string]string `json:"certificate"`
	Token       *struct {
		SHA256 string `json:"sha256"`
	} `json:"token"`
}

type grant struct {
	Operations     []string `json:"operations"`
	Credential     string   `json:"credential"`
	Upstream       string   `json:"upstream"`
	Customers      []string `json:"customers"`
	ClassConfirmed bool     `json:"class_confirmed"`
	MayRepeat      bool     `json:"may_repeat"`
}

type credentialText struct {
	Class      string   `json:"class"`
	Kinds      []string `json:"kinds"`
	Upstream   string   `json:"upstream"`
	DomainID   string   `json:"domain_id"`
	PartnerID  string   `json:"partner_id"`
	Generation struct {
		AccessKey string `json:"access_key"`
		Number    int    `json:"number"`
	} `json:"generation"`
}

type upstreamText struct {
	Catalog    string `json:"catalog"`
	Deprecated string `json:"deprecated"`
	Endpoints  []struct {
		Name       string `json:"name"`
		Method     string `json:"method"`
		Path       string `json:"path"`
		Effect     string `json:"effect"`
		Class      string `json:"class"`
		Deprecated bool   `json:"deprecated"`
	} `json:"endpoints"`
}

// Limit is a rule of limits.
type Limit struct {
	Name        string   `json:"name"`
	Per         []string `json:"per"`
	Callers     []string `json:"callers"`
	Operations  []string `json:"operations"`
	Credentials []string `json:"credentials"`
	Rate        string   `json:"rate"`
	Quota       string   `json:"quota"`
	Burst       int      `json:"burst"`
	Mode        string   `json:"mode"`
}

// Cap is a cap.
type Cap struct {
	Name  string `json:"name"`
	Match struct {
		Callers     []string `json:"callers"`
		Credentials []string `json:"credentials"`
		Operations  []string `json:"operations"`
	} `json:"match"`
	Per    string            `json:"per"`
	Each   string            `json:"each"`
	Amount map[string]string `json:"amount"`
	Count  int               `json:"count"`
	Mode   string            `json:"mode"`
}

// Amounts returns the amounts with their currencies, sorted.
func (c *Cap) Amounts() (texts []string) {
	for _, currency := range slices.Sorted(maps.Keys(c.Amount)) {
		texts = append(texts, currency+" "+text.Grouped(c.Amount[currency]))
	}
	return texts
}

// Read reads the text of a plan.
func Read(text []byte) (*Plan, error) {
	p := new(Plan)
	if err := json.Unmarshal(text, &p.document); err != nil {
		return nil, fmt.Errorf("this is not the text of a plan that this program knows: %w", err)
	}
	if p.Version = p.document.Version; p.Version < 1 || p.Version > snapshot.Version {
		return nil, fmt.Errorf("the text of this plan has version %d, and this program knows up to %d", p.Version, snapshot.Version)
	}
	p.SameCatalog = p.document.Catalog == catalog.ID()
	p.Callers = slices.Sorted(maps.Keys(p.document.Callers))
	return p, nil
}

// Proof is a way to be known.
type Proof struct {
	Kind     string // "access_key", "uri", "dns", "common_name", "token" or "listener"
	Text     string // never a secret
	NotAfter string
}

func proofs(all []auth) (list []Proof) {
	for _, a := range all {
		if a.AccessKey != nil {
			list = append(list, Proof{"access_key", a.AccessKey.ID, a.AccessKey.NotAfter})
		}
		if a.Token != nil {
			list = append(list, Proof{"token", a.Token.SHA256[:min(8, len(a.Token.SHA256))] + "…", ""})
		}
		for _, kind := range slices.Sorted(maps.Keys(a.Certificate)) {
			list = append(list, Proof{kind, a.Certificate[kind], ""})
		}
	}
	return list
}

// Proofs returns how a caller is known.
func (p *Plan) Proofs(caller string) []Proof {
	list := proofs(p.document.Callers[caller].Auth)
	for _, name := range slices.Sorted(maps.Keys(p.document.Listeners)) {
		if p.document.Listeners[name].Caller == caller {
			list = append(list, Proof{Kind: "listener", Text: name})
		}
	}
	return list
}

// HasKey reports whether a caller has an access key.
func (p *Plan) HasKey(caller string) bool {
	return slices.ContainsFunc(p.document.Callers[caller].Auth, func(a auth) bool { return a.AccessKey != nil })
}

// Person is someone who may sign in to the pages.
type Person struct {
	Name   string
	Roles  []string
	Proofs []Proof
}

// People returns those who may sign in, sorted by name.
func (p *Plan) People() (list []Person) {
	for _, name := range slices.Sorted(maps.Keys(p.document.Identities)) {
		one := p.document.Identities[name]
		list = append(list, Person{name, one.Roles, proofs(one.Proofs)})
	}
	return list
}

// Limits returns the rules that count calls of a caller, by its name; others may, by operation or credential alone.
func (p *Plan) Limits(caller string) (list []Limit) {
	for _, l := range p.document.Limits.Rules {
		if counts(l.Callers, caller) {
			list = append(list, l)
		}
	}
	return list
}

// Caps returns the caps that count calls of a caller.
func (p *Plan) Caps(caller string) (list []Cap) {
	for _, c := range p.document.Caps {
		if counts(c.Match.Callers, caller) {
			list = append(list, c)
		}
	}
	return list
}

// counts reports whether what names some callers, or none for all, counts one.
func counts(callers []string, caller string) bool {
	return len(callers) == 0 || slices.Contains(callers, caller)
}
