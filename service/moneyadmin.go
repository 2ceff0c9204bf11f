package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"tollgate/admin"
	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/internal/text"
	"tollgate/spend"
	"tollgate/spend/journal"
)

// mostActs and mostCounts are how many acts, and how many counts of a cap, an answer has.
const mostActs, mostCounts = 1000, 100

// addSpending adds what operators ask and do about money to their API.
func (s *Service) addSpending(api *admin.API) {
	api.Acts = onceStarted(s, func(_ context.Context, _ admin.Peer, r admin.ActsRequest) (*admin.Acts, error) {
		return s.acts(r, time.Now()), nil
	})
	api.Caps = onceStarted(s, func(_ context.Context, _ admin.Peer, r admin.CapsRequest) (*admin.Caps, error) {
		return s.caps(r, time.Now())
	})
	api.AllowRepeat = onceStarted(s, s.allowRepeat)
	api.AcceptKeyLoss = onceStarted(s, s.acceptKeyLoss)
	api.Resolve = onceStarted(s, s.resolve)
}

// fullID returns the id of the call that an operator means with a part of it, such as the end that tables show.
func (s *Service) fullID(part string) (string, error) {
	for _, held := range s.spending.ledger.Snapshot().Calls {
		if part == held.Call || part == calls.ShortID(held.Call) {
			return held.Call, nil
		}
	}
	id, err := calls.FullID(os.DirFS(s.config.Load().Audit.Dir), part)
	if _, several := errors.AsType[*calls.AmbiguousError](err); several {
		return "", &admin.Error{Status: http.StatusConflict, Text: err.Error()}
	}
	return id, err
}

// acts returns the acts that calls hold.
func (s *Service) acts(r admin.ActsRequest, now time.Time) *admin.Acts {
	c, known := s.config.Load(), s.spending.ledger.Snapshot()
	answer := &admin.Acts{Mode: string(cmp.Or(c.Spend.Guard.Mode, spend.Enforce)), Rebuilding: s.rebuilding(), Acts: []admin.HeldAct{}}
	if c.Fleet != nil {
		answer.Alone = config.SpendAlone
	}
	for act, call := range known.Acts {
		answer.Lost = append(answer.Lost, admin.LostAct{Act: act, Call: call})
	}
	slices.SortFunc(answer.Lost, func(a, b admin.LostAct) int { return cmp.Compare(a.Act, b.Act) })
	for i := range known.Calls {
		if held, ok := heldAct(&known.Calls[i], now); ok && asked(&held, &r) {
			answer.Acts = append(answer.Acts, held)
		}
	}
	slices.SortStableFunc(answer.Acts, func(a, b admin.HeldAct) int { return cmp.Compare(settled(&a), settled(&b)) })
	if answer.More = max(0, len(answer.Acts)-mostActs); answer.More > 0 {
		answer.Acts = answer.Acts[:mostActs]
	}
	return answer
}

func asked(h *admin.HeldAct, r *admin.ActsRequest) bool {
	return (r.Call == "" || calls.Means(r.Call, h.Call)) && (r.Caller == "" || r.Caller == h.Caller) && (!r.Unknown || h.Outcome == logfile.Unknown)
}

// settled returns 0 for acts that are under way, or are held until an operator settles them.
func settled(h *admin.HeldAct) int {
	if h.Until.IsZero() {
		return 0
	}
	return 1
}

// heldAct returns the act that a call holds, if it holds any.
func heldAct(c *spend.CallState, now time.Time) (held admin.HeldAct, ok bool) {
	held = admin.HeldAct{Call: c.Call, Caller: c.Caller, Act: c.Act, Outcome: c.Outcome, Since: c.At.UTC(), RepeatAllowed: c.Allowed}
	for _, k := range c.Keys {
		if k.Until.IsZero() || k.Until.After(now) {
			held.Keys++
			held.Until = later(held.Until, k.Until.UTC())
		}
	}
	if c.Outcome == "" || c.Outcome == logfile.Unknown {
		held.Until = time.Time{}
	}
	return held, held.Keys > 0
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// caps returns what is used of caps.
func (s *Service) caps(r admin.CapsRequest, now time.Time) (*admin.Caps, error) {
	answer := &admin.Caps{Rebuilding: s.rebuilding(), Caps: []admin.Cap{}}
	for _, c := range s.gateway.Plan().Spend.Caps() {
		if r.Name == "" || r.Name == c.Name {
			answer.Caps = append(answer.Caps, adminCap(c, s.spending.ledger.Use(c, now), now))
		}
	}
	if r.Name != "" && len(answer.Caps) == 0 {
		return nil, &admin.Error{Status: http.StatusNotFound, Text: fmt.Sprintf("there is no cap %q", r.Name)}
	}
	return answer, nil
}

func adminCap(c *spend.Cap, use spend.Use, now time.Time) admin.Cap {
	mode := spend.Soft
	if c.Hard {
		mode = spend.Hard
	}
	out := admin.Cap{Name: c.Name, Mode: string(mode), Per: string(c.Per), Each: string(c.Each), Limits: capLimits(c), Counts: []admin.CapCount{}}
	if c.Zone != nil {
		out.Zone = c.Zone.String()
	}
	if c.Each != spend.EachCall && use.Since.After(c.PeriodBegins(now)) {
		out.Since = use.Since.UTC()
	}
	byFullness(c, use.Counts)
	out.More = max(0, len(use.Counts)-mostCounts)
	for _, n := range use.Counts[:len(use.Counts)-out.More] {
		out.Counts = append(out.Counts, admin.CapCount{
			Counted: n.Counted, Period: n.Period, Currency: n.Currency, Used: amountText(c, n.Used), Limit: amountText(c, c.Limit(n.Currency)),
			Calls: n.Calls, Unpriced: n.Unpriced, Last: n.Last,
		})
	}
	return out
}

func capLimits(c *spend.Cap) (limits []admin.CapLimit) {
	if !c.OfMoney() {
		return []admin.CapLimit{{Limit: amountText(c, c.Calls)}}
	}
	for _, currency := range slices.Sorted(maps.Keys(c.Amounts)) {
		limits = append(limits, admin.CapLimit{Currency: currency, Limit: amountText(c, c.Amounts[currency])})
	}
	return limits
}

// byFullness sorts the counts of a cap, the fullest first.
func byFullness(c *spend.Cap, counts []spend.CountState) {
	full := func(n *spend.CountState) float64 { return float64(n.Used) / float64(max(1, c.Limit(n.Currency))) }
	slices.SortFunc(counts, func(a, b spend.CountState) int {
		return cmp.Or(cmp.Compare(full(&b), full(&a)), cmp.Compare(a.Counted, b.Counted), cmp.Compare(a.Currency, b.Currency))
	})
}

// capUse is for metrics: of each cap and currency the fullest count.
func (s *Service) capUse() (all []admin.CapUse) {
	now := time.Now()
	for _, c := range s.gateway.Plan().Spend.Caps() {
		counts := s.spending.ledger.Use(c, now).Counts
		for _, limit := range capLimits(c) {
			one := admin.CapUse{Cap: c.Name, Currency: limit.Currency, Limit: number(c, c.Limit(limit.Currency))}
			for _, n := range counts {
				if n.Currency == limit.Currency {
					one.Used = max(one.Used, number(c, n.Used))
				}
			}
			all = append(all, one)
		}
	}
	return all
}

// number is an amount of a cap in its main unit, or a number of calls.
func number(c *spend.Cap, m spend.Money) float64 {
	if c.OfMoney() {
		return float64(m) / 10_000
	}
	return float64(m)
}

// amountText is an amount of a cap for people.
func amountText(c *spend.Cap, m spend.Money) string {
	if c.OfMoney() {
		return m.String()
	}
	return fmt.Sprint(int64(m))
}

// allowRepeat implements the act of [admin.API].
func (s *Service) allowRepeat(ctx context.Context, p admin.Peer, r admin.AllowRepeatRequest) (_ *admin.HeldAct, err error) {
	if r.Call, err = s.fullID(r.Call); err != nil {
		return nil, err
	}
	if err := s.mayDecide(r.Reason); err != nil {
		return nil, err
	}
	if err := s.decide(ctx, func(ctx context.Context) error {
		return s.spending.journal.Load().AllowRepeat(ctx, r.Call, journal.Decision{Reason: r.Reason, By: p.Identity()})
	}); err != nil {
		return nil, err
	}
	call, _ := s.spending.ledger.Call(r.Call)
	held, _ := heldAct(&call, time.Now())
	return &held, nil
}

// acceptKeyLoss implements the act of [admin.API].
func (s *Service) acceptKeyLoss(ctx context.Context, p admin.Peer, r admin.AcceptKeyLossRequest) (*admin.LostAct, error) {
	if err := s.mayDecide(r.Reason); err != nil {
		return nil, err
	}
	lost := &admin.LostAct{Act: r.Act, Call: s.spending.ledger.Snapshot().Acts[r.Act]}
	return lost, s.decide(ctx, func(ctx context.Context) error {
		return s.spending.journal.Load().AcceptKeyLoss(ctx, r.Act, journal.Decision{Reason: r.Reason, By: p.Identity()})
	})
}

// resolve implements the act of [admin.API].
func (s *Service) resolve(ctx context.Context, p admin.Peer, r admin.ResolveRequest) (*admin.Resolution, error) {
	var err error
	if r.Call, err = s.fullID(r.Call); err != nil {
		return nil, err
	}
	answer, err := s.unresolved(ctx, r.Call)
	if err != nil {
		return nil, err
	}
	if r.Outcome == "" {
		answer.Shows = s.shows(ctx, r.Call)
		return answer, nil
	}
	if r.Outcome != logfile.Succeeded && r.Outcome != logfile.Failed {
		return nil, &admin.Error{Status: http.StatusBadRequest, Text: "outcome: a call is settled as succeeded or failed"}
	}
	if err := s.mayDecide(r.Reason); err != nil {
		return nil, err
	}
	answer.Outcome = r.Outcome
	return answer, s.decide(ctx, func(ctx context.Context) error {
		return s.spending.journal.Load().Resolve(ctx, r.Call, r.Outcome, journal.Decision{Reason: r.Reason, By: p.Identity()})
	})
}

// unresolved returns what is known of a call that is unknown.
func (s *Service) unresolved(ctx context.Context, id string) (*admin.Resolution, error) {
	if id == "" {
		return nil, &admin.Error{Status: http.StatusBadRequest, Text: "no call is named: pass its id, which `tollgate acts --unknown` lists"}
	}
	held, ok := s.spending.ledger.Call(id)
	if !ok {
		return s.unresolvedOnRecord(ctx, id)
	}
	if held.Outcome != logfile.Unknown {
		return nil, &admin.Error{Status: http.StatusConflict, Text: fmt.Sprintf("call %s is not unknown: it is %s", id, cmp.Or(held.Outcome, "under way"))}
	}
	answer := &admin.Resolution{Call: id, Caller: held.Caller, Act: held.Act, Since: held.At.UTC()}
	if len(held.Keys) > 0 {
		answer.Holds = append(answer.Holds, fmt.Sprintf("the act %s, with %s", held.Act, text.Count(len(held.Keys), "key")))
	}
	for _, ch := range held.Charges {
		of := strings.Join(slices.DeleteFunc([]string{ch.Counted, ch.Period}, func(t string) bool { return t == "" }), ", ")
		answer.Holds = append(answer.Holds, fmt.Sprintf("%s of cap %s (%s)", chargeText(&ch), ch.Cap, of))
	}
	return answer, nil
}

func chargeText(ch *spend.ChargeState) string {
	if ch.Currency == "" {
		return text.Count(int(ch.Amount), "call")
	}
	return fmt.Sprintf("%v %s", ch.Amount, ch.Currency)
}

// unresolvedOnRecord looks for a call that holds nothing.
func (s *Service) unresolvedOnRecord(ctx context.Context, id string) (answer *admin.Resolution, err error) {
	err = calls.Scan{Dir: s.config.Load().Audit.Dir}.Calls(ctx, &calls.Filter{Call: id}, func(c *calls.Call) error {
		if state := c.State(); state != logfile.Unknown {
			return &admin.Error{Status: http.StatusConflict, Text: fmt.Sprintf("call %s is not unknown: it is %s", id, state)}
		}
		answer = &admin.Resolution{Call: id, Caller: c.Caller(), Since: c.Time().UTC()}
		return nil
	})
	if err == nil && answer == nil {
		err = &admin.Error{Status: http.StatusNotFound, Text: fmt.Sprintf("the log has no call %q", id)}
	}
	return answer, err
}

// maxReason is how many bytes the reason of a decision may have.
const maxReason = 512

// mayDecide returns why an operator's decision is not taken now.
func (s *Service) mayDecide(reason string) error {
	if strings.TrimSpace(reason) == "" || len(reason) > maxReason {
		return &admin.Error{Status: http.StatusBadRequest, Text: fmt.Sprintf("reason: want 1 to %d bytes: it is what the record says", maxReason)}
	}
	if why := s.rebuilding(); why != "" {
		return &admin.Error{Status: http.StatusServiceUnavailable, Text: "it is not known yet what is held and used: " + why}
	}
	return nil
}

// decide carries out a decision, whose record does not depend on whether the operator waits.
func (s *Service) decide(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(s.config.Load().Audit.Deadline))
	defer cancel()
	err := do(ctx)
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &admin.Error{Status: http.StatusConflict, Text: err.Error()}
}

const restartCounts = " (the next start looks again)"

// rebuilding returns why calls that write or spend are refused; "" if they are not.
func (s *Service) rebuilding() string {
	state := s.spending.journal.Load().State()
	switch fresh := s.spending.counts.Load(); {
	case !state.Ready && state.Err != nil:
		return brief(state.Err) + restartCounts
	case !state.Ready && state.Total > 0:
		return fmt.Sprintf("reading the log, %d %%", int64(float64(state.Read)/float64(state.Total)*100))
	case !state.Ready:
		return "reading the log"
	case fresh == nil:
		return ""
	case fresh.err != nil:
		return "new caps cannot count what is on record: " + brief(fresh.err) + restartCounts
	}
	return "new caps count what is on record"
}

// spendingWarnings are for readiness: reads are served meanwhile.
func (s *Service) spendingWarnings() (warnings []string) {
	if why := s.rebuilding(); why != "" {
		warnings = append(warnings, "calls that write or spend are refused (TG.6013) until it is known what is held and used: "+why)
	} else if err := s.spending.journal.Load().State().Err; err != nil {
		warnings = append(warnings, "what is held and used is not kept for the next start, which has to read it from the log: "+brief(err))
	}
	census := s.spending.ledger.Census()
	for _, act := range slices.Sorted(maps.Keys(census.Acts)) {
		warnings = append(warnings, fmt.Sprintf("all calls of the act %s are refused: call %s holds keys of it under a hash key that is lost; "+
			"tollgate acts accept-key-loss %s releases them", act, census.Acts[act], act))
	}
	if census.Unknown > 0 {
		warnings = append(warnings, text.Are(census.Unknown, "call")+" unknown, with acts or caps held: tollgate acts --unknown lists them, tollgate resolve settles one")
	}
	return warnings
}

// spendingStatus is for [admin.Status].
func (s *Service) spendingStatus(c *config.Config) *admin.SpendingStatus {
	census := s.spending.ledger.Census()
	out := &admin.SpendingStatus{
		Guard: string(cmp.Or(c.Spend.Guard.Mode, spend.Enforce)), Calls: census.Calls, Unknown: census.Unknown,
		Caps: len(c.Spend.Caps) + len(c.Spend.CapsDefault), Rebuilding: s.rebuilding(),
	}
	if saved := s.spending.journal.Load().State().Saved; !saved.IsZero() {
		out.Saved = &saved
	}
	return out
}
