package review

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tollgate/audit/blobs"
	"tollgate/audit/logfile"
	"tollgate/config/snapshot"
	"tollgate/review/evidence"
	"tollgate/review/rights"
)

const (
	// callersPerPage is how many callers a page has.
	callersPerPage = 100
	// listedPlans is how many changes of plans a page lists: the newest.
	listedPlans = 30
	// largestCompared bounds the texts whose differences the list of plans has: larger ones take longer than a page does.
	largestCompared = 1 << 20
)

// accessPage is what the template is executed with.
type accessPage struct {
	Plan    string // its name; empty: no plan is at hand
	Short   string
	Running bool   // it is in force in this process
	Newest  bool   // it is the one that the logs name last
	Fault   string // why it cannot be read
	In      []planTime
	JSON    string

	SameCatalog bool
	Rows        []accessRow
	Filter      string
	Operation   string // that the filter chooses
	Found       int    // callers that the filter chooses
	First, Last int    // of those, on this page
	Older       string
	Newer       string
	People      []rights.Person

	History []planChange
	More    int    // changes that are not listed
	GoOn    string // the address that goes on where time was up
	Explain explainView
}

// accessRow is what a caller may do.
type accessRow struct {
	rights.Row
	Proofs []rights.Proof
	Limits []rights.Limit
	Caps   []rights.Cap
	Calls  string // address of the calls of the caller
}

// planTime is when a plan came in force.
type planTime struct {
	Log  string
	Time time.Time
}

// planChange is how a plan came in force, and how it differs from the one before it.
type planChange struct {
	evidence.PlanUse
	Time     time.Time
	Started  bool // the gateway was started with it
	Current  bool // it is the one that the page shows
	There    bool // its text is at hand
	Address  string
	Compared bool
	Changes  []changeView
	Several  bool // the page has several logs
}

// changeView is a difference.
type changeView struct {
	snapshot.Change
	Kind string // id of the message that says what is changed
}

// access shows who may do what by a plan.
func (s *Server) access(r *request) (*page, error) {
	ctx, cancel := r.limited()
	defer cancel()
	uses, err := s.planUses(ctx)
	late := errors.Is(err, context.DeadlineExceeded)
	if err != nil && !late {
		return nil, err
	}
	v := &accessPage{Filter: r.URL.Query().Get("caller"), Operation: strings.TrimSpace(r.URL.Query().Get("operation"))}
	if late {
		v.GoOn = r.URL.RequestURI()
	}
	id, err := s.chosenPlan(r, uses)
	if err != nil {
		return nil, err
	}
	v.read(s, r, id, uses)
	v.history(ctx, s, r, uses)
	v.Explain = s.explain(r)
	return &page{name: "access", title: r.words.Text("access.title"), data: v}, nil
}

// planUses returns when plans came in force, of all logs by time.
func (s *Server) planUses(ctx context.Context) (all []evidence.PlanUse, err error) {
	for _, l := range s.config.Logs {
		uses, err := l.PlanUses(ctx)
		if err != nil {
			return all, err
		}
		all = append(all, uses...)
	}
	slices.SortStableFunc(all, func(a, b evidence.PlanUse) int { return a.Time.Compare(b.Time) })
	return all, nil
}

// chosenPlan returns the plan that the address names, else the running one, else the newest; empty if there is none.
func (s *Server) chosenPlan(r *request, uses []evidence.PlanUse) (string, error) {
	if id := r.URL.Query().Get("plan"); id != "" {
		if len(id) > blobs.Digits || len(id) < blobs.LeastDigits || strings.Trim(id, "0123456789abcdef") != "" {
			return "", errNotFound
		}
		return id, nil
	}
	if running := s.runningPlan(); running != "" {
		return running, nil
	}
	if len(uses) == 0 {
		return "", nil
	}
	return uses[len(uses)-1].ID, nil
}

// runningPlan returns the name of the plan that this process calls by; empty: it does not call.
func (s *Server) runningPlan() string {
	if s.config.Plan == nil {
		return ""
	}
	return s.config.Plan().ID
}

// planText returns the text of a plan and its whole name, from whichever log has it.
func (s *Server) planText(id string) (text []byte, name string, err error) {
	err = &fs.PathError{Op: "open", Path: id, Err: fs.ErrNotExist}
	for _, l := range s.config.Logs {
		if text, name, err = l.Plan(id); err == nil {
			return text, name, nil
		}
	}
	return nil, "", err
}

// read reads the plan and takes what the page shows of it. If it cannot be read, the page says why.
func (v *accessPage) read(s *Server, r *request, id string, uses []evidence.PlanUse) {
	if id == "" {
		return
	}
	v.Plan, v.Short = id, id[:min(len(id), logfile.PlanDigits)]
	text, name, err := s.planText(id)
	var plan *rights.Plan
	if err == nil {
		v.Plan = name
		plan, err = rights.Read(text)
	}
	if err != nil {
		v.Fault = err.Error()
		return
	}
	v.Running = s.runningPlan() == name
	v.Newest = len(uses) > 0 && strings.HasPrefix(name, uses[len(uses)-1].ID)
	v.JSON = "/access/plan.json?" + url.Values{"plan": {name}}.Encode()
	v.SameCatalog, v.People = plan.SameCatalog, plan.People()
	for _, u := range slices.Backward(uses) {
		if strings.HasPrefix(name, u.ID) && len(v.In) < listedPlans {
			v.In = append(v.In, planTime{u.Log.Name, u.Time.In(r.zone)})
		}
	}
	v.callers(r, plan)
}

// callers takes a page of those that the filter chooses.
func (v *accessPage) callers(r *request, plan *rights.Plan) {
	found := slices.DeleteFunc(slices.Clone(plan.Callers), func(name string) bool { return !strings.Contains(name, v.Filter) })
	var rows []rights.Row
	if v.Operation != "" {
		rows = slices.DeleteFunc(plan.Rows(found), func(row rights.Row) bool { return !row.Only(v.Operation) })
		found = found[:len(rows)]
	}
	v.Found = len(found)
	from, err := strconv.Atoi(cmp.Or(r.URL.Query().Get("from"), "0"))
	if err != nil || from < 0 || from >= len(found) {
		from = 0
	}
	to := min(from+callersPerPage, len(found))
	v.First, v.Last = from+1, to
	if from > 0 {
		v.Newer = v.address(max(0, from-callersPerPage))
	}
	if to < len(found) {
		v.Older = v.address(to)
	}
	if v.Operation == "" {
		rows = plan.Rows(found[from:to])
	} else {
		rows = rows[from:to]
	}
	for _, row := range rows {
		v.Rows = append(v.Rows, accessRow{
			row, plan.Proofs(row.Caller), plan.Limits(row.Caller), plan.Caps(row.Caller), "/calls?" + url.Values{"caller": {row.Caller}}.Encode(),
		})
	}
}

// address returns the address of another page of callers.
func (v *accessPage) address(from int) string {
	return "/access?" + url.Values{"plan": {v.Plan}, "caller": {v.Filter}, "operation": {v.Operation}, "from": {strconv.Itoa(from)}}.Encode()
}

// foundPlan is the text of a plan, if it is at hand.
type foundPlan struct {
	name string // empty: it is not
	text []byte
}

// planReader returns a function that reads texts of plans, each once: a gateway is started often with the same.
func planReader() func(l *evidence.Log, id string) foundPlan {
	type key struct {
		log *evidence.Log
		id  string
	}
	known := map[key]foundPlan{}
	return func(l *evidence.Log, id string) foundPlan {
		one, ok := known[key{l, id}]
		if !ok {
			one.text, one.name, _ = l.Plan(id) // why it is not there, the page of that plan says
			known[key{l, id}] = one
		}
		return one
	}
}

// history lists how plans came in force, the newest first.
func (v *accessPage) history(ctx context.Context, s *Server, r *request, uses []evidence.PlanUse) {
	read := planReader()
	v.More = max(0, len(uses)-listedPlans)
	for _, u := range slices.Backward(uses[v.More:]) {
		c := planChange{PlanUse: u, Time: u.Time.In(r.zone), Started: u.Before == "", Several: len(s.config.Logs) > 1}
		if ctx.Err() != nil {
			v.GoOn = r.URL.RequestURI()
			v.History = append(v.History, c)
			continue
		}
		plan := read(u.Log, u.ID)
		if c.There = plan.name != ""; c.There {
			c.Address, c.Current = "/access?"+url.Values{"plan": {plan.name}}.Encode(), plan.name == v.Plan
		}
		if before := planBefore(uses, &u); before != "" {
			c.compare(read(u.Log, before), plan)
		}
		v.History = append(v.History, c)
	}
}

// planBefore returns the plan of a log that was in force before a use; empty if none is known.
func planBefore(uses []evidence.PlanUse, u *evidence.PlanUse) string {
	if u.Before != "" {
		return u.Before
	}
	for _, other := range slices.Backward(uses) {
		if other.Log == u.Log && other.Seq < u.Seq {
			return other.ID
		}
	}
	return ""
}

// compare adds the differences from the plan before.
func (c *planChange) compare(before, plan foundPlan) {
	if before.name == "" || plan.name == "" || max(len(before.text), len(plan.text)) > largestCompared && before.name != plan.name {
		return
	}
	changes, err := snapshot.CompareTexts(before.text, plan.text)
	if err != nil {
		return
	}
	c.Compared = true
	for _, change := range changes {
		c.Changes = append(c.Changes, changeView{change, changeKind(change.Where)})
	}
}

// changeKinds are the sections of a plan for which there are messages.
var changeKinds = []string{
	"callers", "credentials", "caps", "limits", "guard", "listeners", "upstreams", "audit", "tls_policies", "identities", "review", "admin", "bounds", "catalog", "fleet",
}

// changeKind returns the id of the message that says what is at a place of a plan.
func changeKind(where string) string {
	section, _, _ := strings.Cut(where, ".")
	if slices.Contains(changeKinds, section) {
		return "access.where_" + section
	}
	return "access.where_other"
}

// planJSON sends the text of a plan as a file.
func (s *Server) planJSON(r *request) (*page, error) {
	id, err := s.chosenPlan(r, nil)
	if err != nil || id == "" {
		return nil, errNotFound
	}
	text, name, err := s.planText(id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNotFound
	}
	if err != nil {
		return nil, err
	}
	return &page{answer: func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Disposition", `attachment; filename="plan-`+name[:logfile.PlanDigits]+`.json"`)
		_, _ = w.Write(text)
	}}, nil
}
