package admin

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// ActsRequest asks for the business acts that calls hold.
type ActsRequest struct {
	// The only call that is asked for: its id, or 8 characters or more of its beginning or end.
	Call string `json:"-" query:"call"`
	// The only caller that is asked for.
	Caller string `json:"-" query:"caller"`
	// Whether only those are asked for of which it is unknown whether they were done.
	Unknown bool `json:"-" query:"unknown"`
}

// Acts are the business acts that calls hold, so that no other call does the same.
type Acts struct {
	// What happens to a call whose act is held: it is refused (enforce), or only recorded and counted (shadow).
	Mode string `json:"mode"`
	// Why calls that write or spend are refused now: what is held is being read from the log. Left out: all is known.
	Rebuilding string `json:"rebuilding,omitempty"`
	// What no other member of the fleet knows. Left out: there is no fleet.
	Alone string `json:"alone,omitempty"`
	// Acts of which every call is refused, since keys that are held cannot be compared. Left out: there are none.
	Lost []LostAct `json:"lost,omitempty"`
	// The acts: those under way and unknown first, then by when they began.
	Acts []HeldAct `json:"acts"`
	// How many there are besides, which the request can choose among.
	More int `json:"more,omitempty"`
}

// HeldAct is a business act that a call holds.
type HeldAct struct {
	// The call that holds it.
	Call string `json:"call"`
	// Whose call it is.
	Caller string `json:"caller"`
	// What it does, such as "pay". docs/acts.md explains each.
	Act string `json:"act"`
	// How many keys it holds, such as one for each order.
	Keys int `json:"keys"`
	// Whether it is under way (empty), has succeeded, was done in part, or is unknown.
	Outcome string `json:"outcome,omitempty"`
	// When the call began.
	Since time.Time `json:"since"`
	// Until when it is held. Left out: for as long as it is under way or unknown.
	Until time.Time `json:"until,omitzero"`
	// Whether the next equal call passes once, since an operator allowed it.
	RepeatAllowed bool `json:"repeat_allowed,omitempty"`
}

// LostAct is a business act of which a call holds keys that are hashed under a hash key that is lost.
type LostAct struct {
	// The act, such as "pay".
	Act string `json:"act"`
	// One of the calls that hold such keys.
	Call string `json:"call"`
}

// AcceptKeyLossRequest asks that what calls hold of an act under a lost hash key is released.
type AcceptKeyLossRequest struct {
	// The act.
	Act string `json:"act"`
	// Why, for the record.
	Reason string `json:"reason"`
}

// AllowRepeatRequest asks that the next call that does the same act as one before passes once.
type AllowRepeatRequest struct {
	// The call that holds the act: its id, or 8 characters or more of its beginning or end that no other call has.
	Call string `json:"call"`
	// Why, for the record.
	Reason string `json:"reason"`
}

// CapsRequest asks for what is used of caps.
type CapsRequest struct {
	// The name of the only cap that is asked for.
	Name string `json:"-" query:"name"`
}

// Caps are the caps in force.
type Caps struct {
	// Why calls that write or spend are refused now: what is used is being read from the log. Left out: all is known.
	Rebuilding string `json:"rebuilding,omitempty"`
	// The caps, in the order of the configuration.
	Caps []Cap `json:"caps"`
}

// Cap is one cap, with what is used of it in the periods of now.
type Cap struct {
	// Its name.
	Name string `json:"name"`
	// What happens to a call for which it has no room: it is refused (hard), or only recorded and counted (soft).
	Mode string `json:"mode"`
	// What it counts separately: caller, credential, customer, or none.
	Per string `json:"per"`
	// How long it counts: call, day or month.
	Each string `json:"each"`
	// The time zone of its days and months. Left out: it has none.
	Zone string `json:"zone,omitempty"`
	// What it allows of each currency, or of calls.
	Limits []CapLimit `json:"limits"`
	// What is used, the fullest first.
	Counts []CapCount `json:"counts"`
	// How many counts there are besides.
	More int `json:"more,omitempty"`
	// From when on calls of this period are counted, where that is not its beginning.
	Since time.Time `json:"since,omitzero"`
}

// CapLimit is what a cap allows of a currency.
type CapLimit struct {
	// The currency. Left out: it counts calls.
	Currency string `json:"currency,omitempty"`
	// The most, as a decimal.
	Limit string `json:"limit"`
}

// CapCount is what is used of a cap by those whom it counts together.
type CapCount struct {
	// Whose count it is, such as a caller's name. Left out: that of all.
	Counted string `json:"counted,omitempty"`
	// The day or month.
	Period string `json:"period,omitempty"`
	// The currency. Left out: it counts calls.
	Currency string `json:"currency,omitempty"`
	// What is reserved and used, as a decimal.
	Used string `json:"used"`
	// The most, as a decimal.
	Limit string `json:"limit"`
	// How many calls have used it, those counted from the log when the cap was new together as one.
	Calls int64 `json:"calls"`
	// How many of them had no price that the cap counts: it counts nothing for them, or what it assumes.
	Unpriced int64 `json:"unpriced,omitempty"`
	// The call that has used it last. Left out: the last one has given back what it had used, or was before the cap.
	Last string `json:"last,omitempty"`
}

// ResolveRequest asks what a read shows of a call whose outcome is unknown, or settles it.
type ResolveRequest struct {
	// The call: its id, or 8 characters or more of its beginning or end that no other call has.
	Call string `json:"call"`
	// The outcome: succeeded or failed. Left out: nothing is settled, and the answer has what a read shows.
	Outcome string `json:"outcome,omitempty"`
	// How that is known, for the record.
	Reason string `json:"reason,omitempty"`
}

// Resolution is a call that was unknown, and what is known of it now.
type Resolution struct {
	// The call.
	Call string `json:"call"`
	// Whose call it is.
	Caller string `json:"caller"`
	// What it does, such as "pay".
	Act string `json:"act,omitempty"`
	// When it began.
	Since time.Time `json:"since"`
	// What it holds of acts and caps, in words.
	Holds []string `json:"holds,omitempty"`
	// What a read of the provider's shows, in words.
	Shows []string `json:"shows,omitempty"`
	// What it was settled as. Left out: it was not settled.
	Outcome string `json:"outcome,omitempty"`
}

// Acts asks for the acts that are held.
func (c *Client) Acts(ctx context.Context, r ActsRequest) (*Acts, error) {
	query := url.Values{}
	for name, value := range map[string]string{"call": r.Call, "caller": r.Caller} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if r.Unknown {
		query.Set("unknown", "true")
	}
	var a Acts
	return &a, c.Do(ctx, http.MethodGet, withQuery("/v1/acts", query), nil, &a)
}

// AllowRepeat lets the next call pass that does the same as one before, and returns the act that is held.
func (c *Client) AllowRepeat(ctx context.Context, r AllowRepeatRequest) (*HeldAct, error) {
	var h HeldAct
	return &h, c.Do(ctx, http.MethodPost, "/v1/allow-repeat", r, &h)
}

// AcceptKeyLoss releases what calls hold of an act under a lost hash key.
func (c *Client) AcceptKeyLoss(ctx context.Context, r AcceptKeyLossRequest) (*LostAct, error) {
	var l LostAct
	return &l, c.Do(ctx, http.MethodPost, "/v1/accept-key-loss", r, &l)
}

// Caps asks for what is used of caps.
func (c *Client) Caps(ctx context.Context, name string) (*Caps, error) {
	query := url.Values{}
	if name != "" {
		query.Set("name", name)
	}
	var a Caps
	return &a, c.Do(ctx, http.MethodGet, withQuery("/v1/caps", query), nil, &a)
}

// Resolve looks up the outcome of a call, or settles it.
func (c *Client) Resolve(ctx context.Context, r ResolveRequest) (*Resolution, error) {
	var a Resolution
	return &a, c.Do(ctx, http.MethodPost, "/v1/resolve", r, &a)
}

func withQuery(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}
