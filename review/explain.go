package review

import (
	"strings"

	"tollgate/gateway"
	"tollgate/review/rights"
)

// maxTarget bounds the path of a call that is asked about.
const maxTarget = 8 << 10

// explain says how the running plan would decide a call.
func (s *Server) explain(r *request) explainView {
	query := r.URL.Query()
	v := explainView{Offered: s.config.Plan != nil, Caller: query.Get("explain-caller"), Method: query.Get("method"), Path: query.Get("path")}
	if !v.Offered || v.Caller == "" || v.Path == "" {
		return v
	}
	v.Asked = true
	if !strings.HasPrefix(v.Path, "/") || len(v.Path) > maxTarget {
		v.Fault = r.words.Text("access.explain_path")
		return v
	}
	running := s.config.Plan()
	plan := s.readPlan(running.ID)
	ruling, err := running.Explain(&gateway.Question{
		Caller: v.Caller, HasKey: plan != nil && plan.HasKey(v.Caller), Method: strings.ToUpper(v.Method), Target: v.Path,
	})
	if err != nil {
		v.Fault = err.Error()
		return v
	}
	v.take(r, &ruling)
	return v
}

// readPlan returns a plan; nil if its text is not there or not readable.
func (s *Server) readPlan(id string) *rights.Plan {
	text, _, err := s.planText(id)
	if err != nil {
		return nil
	}
	plan, err := rights.Read(text)
	if err != nil {
		return nil
	}
	return plan
}

// take takes what was decided.
func (v *explainView) take(r *request, ruling *gateway.Ruling) {
	if o := ruling.Operation; o != nil {
		v.Operation, v.Effect, v.Upstream = o.Name, o.Effect.String(), ruling.Upstream.Name
	}
	if why := ruling.Refusal; why != nil {
		v.Reason, v.Detail, v.Choices = why.Code.Reason, why.Message().In(r.words), why.Choices
		return
	}
	v.Allowed = true
	if c := ruling.Decision.Credential; c != nil {
		v.Credential = c.Name
	}
	for _, l := range ruling.Limits {
		v.Limits = append(v.Limits, l.Name)
	}
	for _, c := range ruling.Caps {
		v.Caps = append(v.Caps, c.Name)
	}
	if ruling.Act != nil {
		v.Act = ruling.Act.Name
	}
}

// explainView is the form that asks how a call would be decided, and its answer.
type explainView struct {
	Offered              bool // this process calls, so it has a plan to ask
	Caller, Method, Path string
	Asked                bool
	Fault                string
	Allowed              bool
	Operation, Effect    string
	Credential, Upstream string
	Reason, Detail       string
	Choices              []string
	Limits, Caps         []string
	Act                  string
}
