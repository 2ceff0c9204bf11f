package spend

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"tollgate/internal/setting"
)

// Config is what the configuration says of money: its sections `guard`, `caps` and `caps_default`. [NewRules] makes rules of it.
type Config struct {
	// What keeps a business act, such as the payment of an order, from being done twice.
	Guard Guard `yaml:"guard"`
	// The most that may be spent, or how often. All caps that fit a call hold.
	Caps []CapConfig `yaml:"caps"`
	// Caps for each caller that no cap names in its `match.callers`. They have the keys of `caps`, are counted for each caller unless `per`
	// says otherwise, and match no callers by name.
	CapsDefault []CapConfig `yaml:"caps_default"`
}

// Guard is `guard`.
type Guard struct {
	// Whether a call is refused whose act is under way, was done within its window, or may have been done (`enforce`), or only recorded and counted
	// as what would have been refused (`shadow`).
	Mode Mode `yaml:"mode" choice:"enforce|shadow"`
	// How long an act is not done again after it succeeded, by its name, from `0s` to `366d`. `tollgate catalog --acts` lists the acts and
	// their windows. `0s`: it may be done again at once, but not while it is under way or unknown.
	Windows map[string]setting.Duration `yaml:"windows"`
}

// Default returns the defaults of the section.
func (Guard) Default() Guard { return Guard{Mode: Enforce} }

// Mode is whether the guard holds calls back.
type Mode string

// The modes of a [Guard]. The zero value is Enforce.
const (
	Enforce Mode = "enforce"
	Shadow  Mode = "shadow"
)

// CapConfig is one entry of `caps`: the most of money or calls, in a time, for each of what it counts separately.
type CapConfig struct {
	// What answers, records and metrics call the cap. Unique. A `hard` cap that is to count otherwise (`per`, `each`, `zone`, `units`, other
	// currencies, calls instead of money) needs another name: a reload and a start refuse the change, since what was used would be lost.
	Name string `yaml:"name" need:"yes"`
	// Which calls it is for. Default: all that spend.
	Match Match `yaml:"match"`
	// What has a count of its own: each `caller`, each `credential`, each `customer` whose money moves; `none`: all calls that fit are
	// counted together. Default: `none`, and `caller` in `caps_default`.
	Per Per `yaml:"per" choice:"caller|credential|customer|none"`
	// The time that it is for: each single `call`, or all of a `day` or a `month` of the calendar.
	Each Each `yaml:"each" choice:"call|day|month" need:"yes"`
	// The time zone in which days and months begin, such as `Europe/Berlin`. Default: `Asia/Shanghai`, by which the provider bills. Only with
	// a day or a month.
	Zone string `yaml:"zone"`
	// The most money, by currency: `{CNY: "50000"}`. A hard cap refuses the currencies that it does not name. What is summed up is the price
	// of each act as it was known before the act was sent, if money goes out by the act. Refunds are not subtracted. A cap has either this or `count`.
	Amount map[string]Money `yaml:"amount"`
	// The most calls in each day or month.
	Count int `yaml:"count" range:"1..1000000000"`
	// Whether calls beyond it are refused (`hard`), or only recorded and counted (`soft`).
	Mode CapMode `yaml:"mode" choice:"hard|soft"`
	// What is done with an act whose price is not known: `refuse` it, the default of hard caps; `count` it without an amount, the
	// default of soft caps, and only for those; or assume a price: `{assume: "1000 CNY"}`. Only with `amount`.
	Unpriced Unpriced `yaml:"unpriced" single:"yes"`
	// What counts: `cash`, `coupon`, `budget` (of `count` only, since a budget is no money that moves). Default: `cash` with `amount`, everything with
	// `count`. An act of which the unit is not known counts as each.
	Units []Unit `yaml:"units" choice:"cash|coupon|budget"`
}

// Default returns the defaults of a cap.
func (CapConfig) Default() CapConfig { return CapConfig{Mode: Hard} }

// Match is `match` of a cap: the calls that it is for. What is left out matches all.
type Match struct {
	// The callers.
	Callers []string `yaml:"callers"`
	// The credentials that sign the calls.
	Credentials []string `yaml:"credentials"`
	// The accounts whose money moves, by their ids: the customers that a call names, else the account of the credential.
	Customers []setting.Account `yaml:"customers"`
	// The operations.
	Operations []string `yaml:"operations"`
	// The effect of the operations. `write` is for caps by `count`.
	Effect string `yaml:"effect" choice:"write|spend"`
}

// Default returns the defaults of the section.
func (Match) Default() Match { return Match{Effect: effectSpend} }

const effectSpend, effectWrite = "spend", "write"

// Per is what of a cap has a count of its own.
type Per string

// The choices of Per. The zero value is PerNone, in `caps_default` PerCaller.
const (
	PerNone       Per = "none"
	PerCaller     Per = "caller"
	PerCredential Per = "credential"
	PerCustomer   Per = "customer"
)

// Each is the time that a cap is for.
type Each string

// The choices of Each.
const (
	EachCall  Each = "call"
	EachDay   Each = "day"
	EachMonth Each = "month"
)

// CapMode is whether a cap refuses.
type CapMode string

// The modes of a cap. The zero value is Hard.
const (
	Hard CapMode = "hard"
	Soft CapMode = "soft"
)

// Unit is what an act moves.
type Unit string

// The units of acts.
const (
	Cash   Unit = "cash"
	Coupon Unit = "coupon"
	Budget Unit = "budget"
)

// Unpriced is `unpriced` of a cap. The zero value is the default of its mode.
type Unpriced struct {
	// `refuse` or `count`.
	Do UnpricedRule `yaml:"do" choice:"refuse|count"`
	// The price that is counted instead, in one of the cap's currencies.
	Assume Price `yaml:"assume"`
}

// UnpricedRule is what a cap does with an act whose price is not known, but for assuming one.
type UnpricedRule string

// The choices of UnpricedRule.
const (
	RefuseUnpriced UnpricedRule = "refuse"
	CountUnpriced  UnpricedRule = "count"
)

// Price is an amount of a currency: "1000 CNY". The zero value is none.
type Price struct {
	Amount   Money
	Currency string
}

const currencyPattern = `[A-Z]{3}`

var currencyExpr = regexp.MustCompile("^" + currencyPattern + "$")

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *Price) UnmarshalText(b []byte) error {
	amount, currency, _ := strings.Cut(string(b), " ")
	var read Price
	if err := read.Amount.UnmarshalText([]byte(amount)); err != nil || !currencyExpr.MatchString(currency) {
		return errors.New(`want an amount and a currency, such as "1000 CNY"`)
	}
	read.Currency = currency
	*p = read
	return nil
}

func (p Price) Pattern() string {
	return strings.TrimSuffix(p.Amount.Pattern(), "$") + " " + currencyPattern + "$"
}
func (p Price) Kind() string { return "price" }

// String returns the price as it is written.
func (p Price) String() string {
	if p.Currency == "" {
		return ""
	}
	return fmt.Sprintf("%v %s", p.Amount, p.Currency)
}
