package review

import (
	"encoding/json"

	"tollgate/audit/blobs"
	"tollgate/audit/logfile"
)

// tlsPanels are the boxes of the connection of the caller, and of that to the provider.
func (v *callView) tlsPanels() []panel {
	listener, upstream := v.policies()
	in, out := v.tlsPanel("call.tls_in", v.first().TLSIn, listener), panel{}
	if v.Outcome == nil {
		out = v.tlsPanel("call.tls_out", nil, "")
	} else {
		out = v.tlsPanel("call.tls_out", v.Outcome.TLSOut, upstream)
	}
	switch {
	case len(out.Facts) > 0:
	case v.Refusal != nil || v.State() == logfile.NotSent:
		out.Empty = v.words.Text("call.tls_none")
	case v.Outcome == nil || v.Outcome.Status == 0:
		out.Empty = v.words.Text("call.tls_unrecorded")
	}
	return []panel{in, out}
}

func (v *callView) tlsPanel(title string, t *logfile.TLS, policy string) panel {
	b := v.box(title)
	if t == nil {
		b.panel.Empty = v.words.Text("call.tls_plain")
		return b.panel
	}
	b.value("call.tls_version", t.Version)
	b.code("call.tls_suite", t.Suite)
	b.code("call.tls_group", t.Group)
	b.value("call.tls_policy", policy)
	if t.Resumed {
		b.word("call.tls_session", "call.tls_resumed")
	} else {
		b.word("call.tls_session", "call.tls_new")
	}
	b.value("call.tls_peer", t.Peer)
	b.code("call.tls_fingerprint", t.PeerFingerprint)
	if !t.PeerNotAfter.IsZero() {
		b.add("call.tls_not_after", fact{Time: t.PeerNotAfter.In(v.zone)})
	}
	b.value("call.tls_server", t.ServerName)
	if len(b.panel.Facts) == 1 && t.Version == "" {
		b.panel = panel{Title: b.panel.Title, Empty: v.words.Text("call.tls_unknown")}
	}
	return b.panel
}

// policies returns the names of the policies of the listener and the upstream, as the call's plan has them; empty where the plan is not at hand.
func (v *callView) policies() (listener, upstream string) {
	if v.Plan() == "" {
		return "", ""
	}
	text, _, err := blobs.Read(v.log.FS, v.Plan())
	if err != nil {
		return "", ""
	}
	type end struct {
		TLS struct {
			Policy string `json:"policy"`
		} `json:"tls"`
	}
	var plan struct {
		Listeners map[string]end `json:"listeners"`
		Upstreams map[string]end `json:"upstreams"`
	}
	if json.Unmarshal(text, &plan) != nil {
		return "", ""
	}
	return plan.Listeners[v.first().Listener].TLS.Policy, plan.Upstreams[v.upstream()].TLS.Policy
}
