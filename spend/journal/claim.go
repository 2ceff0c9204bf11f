package journal

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"tollgate/audit/logfile"
	"tollgate/spend"
)

// Describe writes into the record of an intent what its call has reserved.
func Describe(s *logfile.Spending, c *spend.Claim) {
	s.Act, s.Repeats, s.Keys, s.Caps = c.Act, c.Repeats, nil, nil
	for i, key := range c.Keys {
		window := int64((key.Window + time.Second - 1) / time.Second)
		if i == 0 || window != s.Keys[len(s.Keys)-1].Window {
			s.Keys = append(s.Keys, logfile.ActKeys{Window: window})
		}
		group := &s.Keys[len(s.Keys)-1]
		group.MACs = append(group.MACs, key.Digest.String())
	}
	for i := range c.Charges {
		s.Caps = append(s.Caps, describe(&c.Charges[i]))
	}
}

func describe(c *spend.Charge) logfile.CapCharge {
	amount := strconv.FormatInt(int64(c.Amount), 10)
	if c.Currency != "" {
		amount = c.Amount.String()
	}
	return logfile.CapCharge{
		Cap: c.Cap.Name, Definition: c.Cap.Definition, Counted: c.Counted, Period: c.Period, Amount: amount, Currency: c.Currency, Unpriced: c.Unpriced,
	}
}

// claimOf reads what Describe has written.
func claimOf(r *logfile.Record, call string, at time.Time) (*spend.Claim, error) {
	c := &spend.Claim{Call: call, Caller: r.Caller, Act: r.Act, At: at, Repeats: r.Repeats}
	for _, group := range r.Spending.Keys {
		if group.Window < 0 || group.Window > maxWindow || len(c.Keys)+len(group.MACs) > logfile.MaxActKeys {
			return nil, fmt.Errorf("%d keys are held for %d seconds, which cannot be", len(group.MACs), group.Window)
		}
		for _, text := range group.MACs {
			key := spend.Key{Window: time.Duration(group.Window) * time.Second}
			if err := key.Digest.UnmarshalText([]byte(text)); err != nil {
				return nil, fmt.Errorf("the key %.40q of an act: %w", text, err)
			}
			c.Keys = append(c.Keys, key)
		}
	}
	for i := range r.Caps {
		charge, err := chargeOf(&r.Caps[i])
		if err != nil {
			return nil, fmt.Errorf("what is taken of cap %.64q: %w", r.Caps[i].Cap, err)
		}
		c.Charges = append(c.Charges, charge)
	}
	return c, nil
}

// maxWindow is more seconds than a window can be configured to have.
const maxWindow = 100 * 366 * 24 * 3600

func chargeOf(c *logfile.CapCharge) (charge spend.Charge, err error) {
	charge = spend.Charge{
		Cap:     &spend.Cap{Name: c.Cap, Definition: c.Definition},
		Counted: c.Counted, Period: c.Period, Currency: c.Currency, Unpriced: c.Unpriced,
	}
	if c.Cap == "" {
		return charge, errors.New("it has no name")
	}
	if c.Currency != "" {
		charge.Amount, err = spend.ParseSum(c.Amount) // that of several customers may be beyond what one amount may be
		return charge, err
	}
	calls, err := strconv.ParseUint(c.Amount, 10, 32)
	charge.Amount = spend.Money(calls)
	return charge, err
}
