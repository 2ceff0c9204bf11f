package spend

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/internal/setting"
)

func amount(pairs ...any) map[string]Money {
	m := map[string]Money{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = Money(pairs[i+1].(int) * perUnit)
	}
	return m
}

func cny(units int) map[string]Money { return amount("CNY", units) }

func mustRules(t testing.TB, c Config) *Rules {
	t.Helper()
	r, err := NewRules(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// payment is a payment of 30.00 by an application with a customer's credential.
func payment() Subject {
	return Subject{
		Caller: "shop", Credential: "acme", Account: "aa01", Operation: "PayOrders", Effect: "spend",
		Direction: Out, Unit: Cash, Priced: true, Price: Price{30 * perUnit, "CNY"},
	}
}

// coupons is the issue of two coupons by a partner, 25.00 each.
func coupons() Subject {
	return Subject{
		Caller: "shop", Credential: "partner", Account: "pp00", Operation: "CreatePartnerCoupons", Effect: "spend",
		Direction: Out, Unit: Coupon, Priced: true, Price: Price{50 * perUnit, "CNY"},
		Customers: []Part{{"C1", 25 * perUnit}, {"c2", 25 * perUnit}}, Divided: true,
	}
}

func of(s Subject, change func(*Subject)) Subject { change(&s); return s }

func TestCharges(t *testing.T) {
	money := func(change func(*CapConfig)) CapConfig {
		c := CapConfig{Name: "m", Each: EachDay, Amount: cny(100)}
		change(&c)
		return c
	}
	calls := func(change func(*CapConfig)) CapConfig {
		c := CapConfig{Name: "n", Each: EachMonth, Count: 5}
		change(&c)
		return c
	}
	same := func(*CapConfig) {}
	unpriced := of(payment(), func(s *Subject) { s.Priced, s.Price = false, Price{} })
	noAccount := of(payment(), func(s *Subject) { s.Account = "" })
	for name, c := range map[string]struct {
		cap     CapConfig
		subject Subject
		want    string // charges or the refusal
	}{
		"a payment":                   {money(same), payment(), "[30.00 CNY]"},
		"each call":                   {money(func(c *CapConfig) { c.Each = EachCall }), payment(), "[30.00 CNY]"},
		"by caller":                   {money(func(c *CapConfig) { c.Per = PerCaller }), payment(), "[shop 30.00 CNY]"},
		"by credential":               {money(func(c *CapConfig) { c.Per = PerCredential }), payment(), "[acme 30.00 CNY]"},
		"the credential's own money":  {money(func(c *CapConfig) { c.Per = PerCustomer }), payment(), "[aa01 30.00 CNY]"},
		"an account that is unknown":  {money(func(c *CapConfig) { c.Per = PerCustomer }), noAccount, "customer"},
		"the same, soft":              {money(func(c *CapConfig) { c.Per, c.Mode = PerCustomer, Soft }), noAccount, "[30.00 CNY]"},
		"perhaps a customer's":        {calls(func(c *CapConfig) { c.Match.Customers = []setting.Account{"b"} }), noAccount, "customer"},
		"coupons are no cash":         {money(same), coupons(), "[]"},
		"coupons":                     {money(func(c *CapConfig) { c.Units = []Unit{Cash, Coupon} }), coupons(), "[50.00 CNY]"},
		"coupons by customer":         {money(func(c *CapConfig) { c.Units, c.Per = []Unit{Coupon}, PerCustomer }), coupons(), "[c1 25.00 CNY][c2 25.00 CNY]"},
		"coupons of one customer":     {money(func(c *CapConfig) { c.Units, c.Match.Customers = []Unit{Coupon}, []setting.Account{"C2"} }), coupons(), "[25.00 CNY]"},
		"a customer that is twice":    {money(func(c *CapConfig) { c.Units, c.Per = []Unit{Coupon}, PerCustomer }), of(coupons(), func(s *Subject) { s.Customers[1].Customer = "c1" }), "[c1 50.00 CNY]"},
		"parts that are unknown":      {money(func(c *CapConfig) { c.Units, c.Per = []Unit{Coupon}, PerCustomer }), of(coupons(), func(s *Subject) { s.Divided = false }), "[c1 50.00 CNY][c2 50.00 CNY]"},
		"some of unknown parts":       {money(func(c *CapConfig) { c.Units, c.Match.Customers = []Unit{Coupon}, []setting.Account{"c1", "c2"} }), of(coupons(), func(s *Subject) { s.Divided = false }), "[50.00 CNY]"},
		"calls by customer":           {calls(func(c *CapConfig) { c.Per = PerCustomer }), coupons(), "[c1 1][c2 1]"},
		"calls":                       {calls(same), coupons(), "[1]"},
		"calls of some units":         {calls(func(c *CapConfig) { c.Units = []Unit{Cash, Budget} }), coupons(), "[]"},
		"an act that is not known":    {money(same), of(unpriced, func(s *Subject) { s.Direction, s.Unit = "", "" }), "price"},
		"a unit that is not known":    {money(func(c *CapConfig) { c.Units = []Unit{Coupon} }), of(payment(), func(s *Subject) { s.Unit = "" }), "[30.00 CNY]"},
		"money that comes back":       {money(same), of(unpriced, func(s *Subject) { s.Direction = Back }), "[]"},
		"a call for that":             {calls(same), of(unpriced, func(s *Subject) { s.Direction = Back }), "[1]"},
		"nothing moves":               {money(same), of(unpriced, func(s *Subject) { s.Direction = Set }), "[]"},
		"a renewal that is not paid":  {money(same), of(unpriced, func(s *Subject) { s.Free = true }), "[]"},
		"no price":                    {money(same), unpriced, "price"},
		"no price, refused on demand": {money(func(c *CapConfig) { c.Unpriced.Do = RefuseUnpriced }), unpriced, "price"},
		"no price, soft":              {money(func(c *CapConfig) { c.Mode = Soft }), unpriced, "[0.00 unpriced]"},
		"no price, assumed":           {money(func(c *CapConfig) { c.Unpriced.Assume = Price{7 * perUnit, "CNY"} }), unpriced, "[7.00 CNY unpriced]"},
		"no price, assumed for each": {money(func(c *CapConfig) {
			c.Units, c.Per, c.Unpriced.Assume = []Unit{Coupon}, PerCustomer, Price{7 * perUnit, "CNY"}
		}), of(coupons(), func(s *Subject) { s.Priced = false }), "[c1 7.00 CNY unpriced][c2 7.00 CNY unpriced]"},
		"another currency":          {money(same), of(payment(), func(s *Subject) { s.Price.Currency = "USD" }), "currency"},
		"another currency, assumed": {money(func(c *CapConfig) { c.Unpriced.Assume = Price{7 * perUnit, "CNY"} }), of(payment(), func(s *Subject) { s.Price.Currency = "USD" }), "currency"},
		"another currency, soft":    {money(func(c *CapConfig) { c.Mode = Soft }), of(payment(), func(s *Subject) { s.Price.Currency = "USD" }), "[0.00 unpriced]"},
		"its caller":                {calls(func(c *CapConfig) { c.Match.Callers = []string{"shop"} }), payment(), "[1]"},
		"another caller":            {calls(func(c *CapConfig) { c.Match.Callers = []string{"x"} }), payment(), "[]"},
		"its credential":            {calls(func(c *CapConfig) { c.Match.Credentials = []string{"x", "acme"} }), payment(), "[1]"},
		"another credential":        {calls(func(c *CapConfig) { c.Match.Credentials = []string{"x"} }), payment(), "[]"},
		"another operation":         {calls(func(c *CapConfig) { c.Match.Operations = []string{"x"} }), payment(), "[]"},
		"its customer":              {calls(func(c *CapConfig) { c.Match.Customers = []setting.Account{"AA01"} }), payment(), "[1]"},
		"another customer":          {calls(func(c *CapConfig) { c.Match.Customers = []setting.Account{"x"} }), payment(), "[]"},
		"other customers":           {calls(func(c *CapConfig) { c.Match.Customers = []setting.Account{"x", "pp00"} }), coupons(), "[]"},
		"a call that writes":        {calls(same), of(payment(), func(s *Subject) { s.Effect = "write" }), "[]"},
		"calls that write":          {calls(func(c *CapConfig) { c.Match.Effect = "write" }), Subject{Caller: "shop", Effect: "write"}, "[1]"},
		"not for those that spend":  {calls(func(c *CapConfig) { c.Match.Effect = "write" }), payment(), "[]"},
	} {
		r := mustRules(t, Config{Caps: []CapConfig{c.cap}})
		charges, err := r.Charges(nil, &c.subject)
		if got := said(charges, err); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if text := (&UncountableError{Cap: "m", Reason: NoCurrency}).Error(); !strings.Contains(text, "currency of what the call costs is not known") {
		t.Error(text)
	}
}

func said(charges []Charge, err error) string {
	var refused *UncountableError
	if errors.As(err, &refused) {
		return string(refused.Reason)
	}
	var text strings.Builder
	for _, c := range charges {
		words := []string{c.Counted, c.Amount.String(), c.Currency, ""}
		if c.Unpriced {
			words[3] = "unpriced"
		}
		if !c.Cap.OfMoney() {
			words[1] = fmt.Sprint(int64(c.Amount))
		}
		fmt.Fprintf(&text, "[%s]", strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " "))
	}
	if len(charges) == 0 {
		return "[]"
	}
	return text.String()
}

// TestDefaults: caps_default is for each caller that no cap names.
func TestDefaults(t *testing.T) {
	r := mustRules(t, Config{
		Caps: []CapConfig{
			{Name: "vip", Each: EachDay, Amount: cny(9), Match: Match{Callers: []string{"vip"}}}, {Name: "all", Each: EachDay, Count: 9},
		},
		CapsDefault: []CapConfig{{Name: "usual", Each: EachDay, Amount: cny(5)}, {Name: "total", Per: PerNone, Each: EachDay, Count: 5}},
	})
	for caller, want := range map[string]string{"vip": "vip/ all/", "shop": "all/ usual/shop total/"} {
		s := of(payment(), func(s *Subject) { s.Caller = caller })
		charges, err := r.Charges(nil, &s)
		var got []string
		for _, c := range charges {
			got = append(got, c.Cap.Name+"/"+c.Counted)
		}
		if text := strings.Join(got, " "); err != nil || text != want || len(r.Matching(&s)) != len(got) {
			t.Errorf("%s: %s, %v", caller, text, err)
		}
	}
}

func TestNeedsPrice(t *testing.T) {
	r := mustRules(t, Config{Caps: []CapConfig{{Name: "n", Each: EachDay, Count: 5}, {Name: "m", Each: EachDay, Amount: cny(5), Match: Match{Callers: []string{"shop"}}}}})
	unpriced := of(payment(), func(s *Subject) { s.Priced = false })
	for name, c := range map[string]struct {
		subject Subject
		want    bool
	}{
		"a payment":       {unpriced, true},
		"its price":       {payment(), false},
		"another caller":  {of(unpriced, func(s *Subject) { s.Caller = "x" }), false},
		"money back":      {of(unpriced, func(s *Subject) { s.Direction = Back }), false},
		"not paid at all": {of(unpriced, func(s *Subject) { s.Free = true }), false},
	} {
		if got := r.NeedsPrice(&c.subject); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestRulesOfGuard(t *testing.T) {
	r := mustRules(t, Config{Guard: Guard{Mode: Shadow, Windows: map[string]setting.Duration{"pay": setting.Duration(time.Hour), "renew": 0}}})
	if !r.Shadow() || r.Window("pay", time.Minute) != time.Hour || r.Window("renew", time.Minute) != 0 || r.Window("x", time.Minute) != time.Minute {
		t.Error("windows")
	}
	if r.LongestPeriod() != 0 || mustRules(t, Config{Caps: []CapConfig{{Name: "d", Each: EachDay, Count: 1}}}).LongestPeriod() != 24*time.Hour ||
		mustRules(t, Config{Caps: []CapConfig{{Name: "d", Each: EachMonth, Count: 1}}}).LongestPeriod() != 31*24*time.Hour {
		t.Error("periods")
	}
	if mustRules(t, Config{}).Shadow() {
		t.Error("the guard holds back unless it is set not to")
	}
}

func TestBadSettings(t *testing.T) {
	ok := CapConfig{Name: "c", Each: EachDay, Amount: cny(5)}
	for want, change := range map[string]func(*CapConfig){
		"from 1 to 64 characters":  func(c *CapConfig) { c.Name = "" },
		"only letters":             func(c *CapConfig) { c.Name = "a b" },
		"empty name":               func(c *CapConfig) { c.Match.Operations = []string{""} },
		`per: unknown word "x"`:    func(c *CapConfig) { c.Per = "x" },
		`each: unknown word ""`:    func(c *CapConfig) { c.Each = "" },
		`mode: unknown word "x"`:   func(c *CapConfig) { c.Mode = "x" },
		`match.effect: unknown`:    func(c *CapConfig) { c.Match.Effect = "read" },
		`units: unknown word`:      func(c *CapConfig) { c.Units = []Unit{"x"} },
		"listed twice":             func(c *CapConfig) { c.Units = []Unit{Cash, Cash} },
		"zone: a single call":      func(c *CapConfig) { c.Each, c.Zone = EachCall, "UTC" },
		"needs a day":              func(c *CapConfig) { c.Each, c.Amount, c.Count = EachCall, nil, 1 },
		"is not known":             func(c *CapConfig) { c.Zone = "Mars/North" },
		`zone "Local"`:             func(c *CapConfig) { c.Zone = "Local" },
		"either amount or count":   func(c *CapConfig) { c.Count = 5 },
		"amount or count: the":     func(c *CapConfig) { c.Amount = nil },
		"count -1":                 func(c *CapConfig) { c.Amount, c.Count = nil, -1 },
		"1 to 16 currencies":       func(c *CapConfig) { c.Amount = amount() },
		"is no currency":           func(c *CapConfig) { c.Amount = amount("cny", 5) },
		"CNY must be from 0":       func(c *CapConfig) { c.Amount["CNY"] = -1 },
		"no money; cap":            func(c *CapConfig) { c.Match.Effect = "write" },
		"no money that moves":      func(c *CapConfig) { c.Units = []Unit{Budget} },
		"needs no price":           func(c *CapConfig) { c.Amount, c.Count, c.Unpriced.Do = nil, 5, RefuseUnpriced },
		"a word or an assumed":     func(c *CapConfig) { c.Unpriced = Unpriced{RefuseUnpriced, Price{1, "CNY"}} },
		"soft cap refuses nothing": func(c *CapConfig) { c.Mode, c.Unpriced.Do = Soft, RefuseUnpriced },
		"would pass a hard cap":    func(c *CapConfig) { c.Unpriced.Do = CountUnpriced },
		"no amount in USD":         func(c *CapConfig) { c.Unpriced.Assume = Price{1, "USD"} },
		"the assumed price":        func(c *CapConfig) { c.Unpriced.Assume = Price{-1, "CNY"} },
	} {
		c := ok
		c.Amount = cny(5)
		change(&c)
		if _, err := NewRules(Config{Caps: []CapConfig{c}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for want, c := range map[string]Config{
		"another cap has this name": {Caps: []CapConfig{ok}, CapsDefault: []CapConfig{ok}},
		"that no cap names":         {CapsDefault: []CapConfig{{Name: "c", Each: EachDay, Count: 1, Match: Match{Callers: []string{"x"}}}}},
		"unknown mode":              {Guard: Guard{Mode: "x"}},
		"the window of":             {Guard: Guard{Windows: map[string]setting.Duration{"pay": -1}}},
		"0 to 366d":                 {Guard: Guard{Windows: map[string]setting.Duration{"pay": setting.Duration(367 * setting.Day)}}},
	} {
		if _, err := NewRules(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	mustRules(t, Config{Caps: []CapConfig{ok}})
}

func TestDefinition(t *testing.T) {
	for want, c := range map[string]CapConfig{
		"per none each day in Asia/Shanghai of CNY cash":                   {Amount: cny(5), Each: EachDay},
		"per customer each month in UTC of CNY+USD cash coupon":            {Amount: amount("USD", 1, "CNY", 2), Each: EachMonth, Zone: "UTC", Per: PerCustomer, Units: []Unit{Coupon, Cash}},
		"per caller each day in Asia/Shanghai of calls budget cash coupon": {Count: 5, Each: EachDay, Per: PerCaller, Mode: Soft},
		"per none each call of CNY cash":                                   {Amount: cny(5), Each: EachCall},
	} {
		c.Name = "c"
		if got := mustRules(t, Config{Caps: []CapConfig{c}}).Caps()[0].Definition; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
