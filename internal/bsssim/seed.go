package bsssim

import (
	_ "embed"
	"errors"
	"regexp"
	"sync"

	"tollgate/config/strictyaml"
)

// MaxSeed bounds the text of a seed, in bytes.
const MaxSeed = 1 << 20

// SeedYAML is the built-in seed, as [ParseSeed] reads it: what a Server without another one holds at the start.
//
//go:embed seed.yaml
var SeedYAML []byte

// Seed is what a Server holds at the start. Ids are unique, and what one part names is in another: [ParseSeed] checks both.
type Seed struct {
	Partners     []seedPartner  `yaml:"partners"`
	Resellers    []seedReseller `yaml:"resellers"`
	Customers    []seedCustomer `yaml:"customers"`
	AccessKeys   []seedKey      `yaml:"access_keys" need:"yes"`
	Orders       []seedOrder    `yaml:"orders"`
	Resources    []seedResource `yaml:"resources"`
	CouponQuotas []seedQuota    `yaml:"coupon_quotas"`
	Coupons      []seedCoupon   `yaml:"coupons"`
}

type seedPartner struct {
	ID          id    `yaml:"id" need:"yes"`
	Balance     cents `yaml:"balance"`
	Distributor bool  `yaml:"distributor"`
}

type seedReseller struct {
	ID      id    `yaml:"id" need:"yes"`
	Partner id    `yaml:"partner" need:"yes"`
	Balance cents `yaml:"balance"`
}

type seedCustomer struct {
	ID       id    `yaml:"id" need:"yes"`
	Name     id    `yaml:"name"` // the id if there is none
	Partner  id    `yaml:"partner"`
	Reseller id    `yaml:"reseller"`
	Master   id    `yaml:"master"`
	Referral bool  `yaml:"referral"`
	Balance  cents `yaml:"balance"`

	EnterpriseMaster bool `yaml:"enterprise_master"`
}

type seedKey struct {
	ID            id   `yaml:"id" need:"yes"`
	Secret        word `yaml:"secret" need:"yes"`
	SecurityToken word `yaml:"security_token"`
	Account       id   `yaml:"account" need:"yes"`
}

type seedOrder struct {
	ID        id       `yaml:"id" need:"yes"`
	Customer  id       `yaml:"customer" need:"yes"`
	Amount    price    `yaml:"amount" need:"yes"`
	Currency  currency `yaml:"currency"`
	Measure   int      `yaml:"measure_id" range:"1..3"`
	Status    string   `yaml:"status" choice:"unpaid|paid|cancelled"`
	MonthsAgo int      `yaml:"months_ago" range:"0..120"`
}

func (seedOrder) Default() seedOrder { return seedOrder{Measure: 1, Status: "unpaid"} }

type seedResource struct {
	ID         id    `yaml:"id" need:"yes"`
	Customer   id    `yaml:"customer" need:"yes"`
	Order      id    `yaml:"order" need:"yes"`
	Monthly    price `yaml:"monthly" need:"yes"`
	MonthsLeft int   `yaml:"months_left" range:"1..120"`
	AutoRenew  bool  `yaml:"auto_renew"`
	OnDemand   bool  `yaml:"on_demand"`
}

func (seedResource) Default() seedResource { return seedResource{MonthsLeft: 1} }

type seedQuota struct {
	ID      id    `yaml:"id" need:"yes"`
	Partner id    `yaml:"partner" need:"yes"`
	Value   price `yaml:"value" need:"yes"`
}

type seedCoupon struct {
	ID       id    `yaml:"id" need:"yes"`
	Customer id    `yaml:"customer" need:"yes"`
	Partner  id    `yaml:"partner"`
	Quota    id    `yaml:"quota"`
	Value    price `yaml:"value" need:"yes"`
}

// ParseSeed reads a seed, YAML or JSON. The error lists all that is wrong with it, each problem with its line.
func ParseSeed(file string, text []byte) (*Seed, error) {
	if len(text) > MaxSeed {
		return nil, errors.New(file + ": a seed has up to 1 MiB")
	}
	s := new(Seed)
	document, err := strictyaml.Decode(file, text, s)
	if err == nil {
		(&seedCheck{Document: document}).all(s)
		err = document.Err()
	}
	if wrong, ok := errors.AsType[*strictyaml.Errors](err); ok {
		wrong.Of = "seed"
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

var builtInSeed = sync.OnceValue(func() *Seed {
	s, err := ParseSeed("seed.yaml", SeedYAML)
	if err != nil {
		panic("bsssim: " + err.Error()) // part of the binary
	}
	return s
})

// accounts returns what the access keys of the seed sign for.
func (s *Seed) accounts() []Account {
	known := make(map[id]Account)
	for _, p := range s.Partners {
		known[p.ID] = Account{DomainID: string(p.ID), Class: Partner, Distributor: p.Distributor}
	}
	for _, c := range s.Customers {
		known[c.ID] = Account{DomainID: string(c.ID), Class: Customer, EnterpriseMaster: c.EnterpriseMaster}
	}
	accounts := []Account{}
	for _, k := range s.AccessKeys {
		a := known[k.Account]
		a.AccessKey, a.SecretKey, a.SecurityToken = string(k.ID), string(k.Secret), string(k.SecurityToken)
		accounts = append(accounts, a)
	}
	return accounts
}

// The scalars of a seed. Their errors leave out the text, which the problem shows.
type (
	id       string // of an object, a name
	word     string // a secret or token
	currency string
	price    cents // an amount of more than nothing
)

var (
	idText       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	wordText     = regexp.MustCompile(`^[!-~]{1,1000}$`)
	currencyText = regexp.MustCompile(`^[A-Z]{3}$`)
)

func scan[T ~string](to *T, text []byte, form *regexp.Regexp, want string) error {
	if !form.Match(text) {
		return errors.New("want " + want)
	}
	*to = T(text)
	return nil
}

// UnmarshalText implements [strictyaml.Scalar], as the methods below do.
func (i *id) UnmarshalText(text []byte) error {
	return scan(i, text, idText, `up to 64 letters, digits, ".", "_" or "-", beginning with a letter or digit`)
}
func (*id) Pattern() string { return idText.String() }
func (*id) Kind() string    { return "plain id" }

func (w *word) UnmarshalText(text []byte) error {
	return scan(w, text, wordText, "up to 1000 printable ASCII characters without spaces")
}
func (*word) Pattern() string { return wordText.String() }
func (*word) Kind() string    { return "word" }

func (c *currency) UnmarshalText(text []byte) error {
	return scan(c, text, currencyText, "three capital letters, such as CNY")
}
func (*currency) Pattern() string { return currencyText.String() }
func (*currency) Kind() string    { return "currency" }

const wantAmount = "want an amount in the main unit, with up to two digits behind the point and nothing else: 99.00"

// UnmarshalText implements [strictyaml.Scalar].
func (c *cents) UnmarshalText(text []byte) error {
	amount, valid := readCents(string(text))
	if !valid {
		return errors.New(wantAmount)
	}
	*c = amount
	return nil
}

// Pattern implements [strictyaml.Scalar].
func (*cents) Pattern() string { return amountText.String() }

// Kind implements [strictyaml.Scalar].
func (*cents) Kind() string { return "decimal amount" }

func (p *price) UnmarshalText(text []byte) error {
	if err := (*cents)(p).UnmarshalText(text); err != nil || *p == 0 {
		return errors.New(wantAmount + ", and more than nothing")
	}
	return nil
}
func (*price) Pattern() string { return amountText.String() }
func (*price) Kind() string    { return "decimal amount" }
