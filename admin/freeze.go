package admin

import (
	"context"
	"net/http"
	"time"
)

// FreezeRequest asks for a freeze.
type FreezeRequest struct {
	// What to stop: caller, credential, customer, spend or all.
	Kind string `json:"kind"`
	// The name of the caller or the credential, or the customer's id.
	Name string `json:"name,omitempty"`
	// Why, for callers to read in refusals.
	Reason string `json:"reason"`
	// When the freeze ends by itself, by the gateway's wall clock. Left out: it has to be lifted.
	Until time.Time `json:"until,omitzero"`
	// Whether a name is taken that the configuration does not have.
	Force bool `json:"force,omitempty"`
}

// Freeze is a freeze in force.
type Freeze struct {
	// By which it is lifted.
	ID string `json:"id"`
	// What it stops: caller, credential, customer, spend or all.
	Kind string `json:"kind"`
	// The name of the caller or the credential, or the customer's id.
	Name string `json:"name,omitempty"`
	// Why, in the operator's words.
	Reason string `json:"reason"`
	// Since when.
	Since time.Time `json:"since"`
	// When it ends by itself, by the gateway's wall clock.
	Until time.Time `json:"until,omitzero"`
	// Who asked for it.
	By string `json:"by,omitempty"`
}

// Frozen is a freeze that was put in force.
type Frozen struct {
	// The freeze. It holds for the process that answers, and for the members of its fleet that have confirmed.
	Freeze Freeze `json:"freeze"`
	// Calls that it stops and that had gone out from this process before, without an outcome on record yet.
	Sent []SentCall `json:"sent"`
	// The members of the fleet. Left out: there is no fleet.
	Members []Confirmation `json:"members,omitempty"`
	// What does not hold: that the freeze survives a restart, that no call was about to go out any more, or that a member of the fleet has
	// confirmed. Empty: all does.
	Problems []string `json:"problems,omitempty"`
}

// Confirmation says whether a member of the fleet has the freezes of this one.
type Confirmation struct {
	// The member's name.
	Member string `json:"member"`
	// Whether the same freezes are in force there, and no call that they stop can begin to go out any more.
	Confirmed bool `json:"confirmed"`
	// Whether it has stopped in good order, so that no call goes out there.
	Stopped bool `json:"stopped,omitempty"`
	// Why it has not confirmed.
	Why string `json:"why,omitempty"`
}

// SentCall is a call that has gone out.
type SentCall struct {
	// Its id, by which records name it.
	Call string `json:"call"`
	// Whose it is.
	Caller string `json:"caller"`
	// Where it went.
	Upstream string `json:"upstream"`
	// What it asked for.
	Operation string `json:"operation"`
	// Since when.
	Since time.Time `json:"since"`
}

// UnfreezeRequest asks for the end of freezes.
type UnfreezeRequest struct {
	// Of the freezes.
	IDs []string `json:"ids"`
	// Why, for the record.
	Reason string `json:"reason,omitempty"`
}

// FreezesRequest asks for the freezes in force.
type FreezesRequest struct{}

// FreezeList is freezes: those in force, or those that were lifted.
type FreezeList struct {
	// The freezes, the oldest first.
	Freezes []Freeze `json:"freezes"`
	// The members of the fleet. Left out: there is no fleet.
	Members []Confirmation `json:"members,omitempty"`
	// What does not hold: that all of them survive a restart, that all were lifted, or that a member of the fleet has confirmed.
	Problems []string `json:"problems,omitempty"`
}

// Freeze stops calls.
func (c *Client) Freeze(ctx context.Context, r FreezeRequest) (*Frozen, error) {
	var f Frozen
	return &f, c.Do(ctx, http.MethodPost, "/v1/freeze", r, &f)
}

// Unfreeze lifts freezes, and returns those that were lifted.
func (c *Client) Unfreeze(ctx context.Context, r UnfreezeRequest) (*FreezeList, error) {
	var l FreezeList
	return &l, c.Do(ctx, http.MethodPost, "/v1/unfreeze", r, &l)
}

// Freezes asks for the freezes in force.
func (c *Client) Freezes(ctx context.Context) (*FreezeList, error) {
	var l FreezeList
	return &l, c.Do(ctx, http.MethodGet, "/v1/freezes", nil, &l)
}
