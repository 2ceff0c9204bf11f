package admin

import (
	"context"
	"net/http"
	"time"
)

// FleetRequest asks for the state of the fleet.
type FleetRequest struct{}

// Fleet is the fleet as the member that answers sees it.
type Fleet struct {
	// The name of the member that answers.
	Member string `json:"member"`
	// The address of the Redis that it reaches, or reached last. Missing: it has reached none yet.
	Server string `json:"server,omitzero"`
	// Whether it reaches Redis now.
	Up bool `json:"up"`
	// Why not.
	Why string `json:"why,omitzero"`
	// Since when it reaches Redis, or does not.
	Since time.Time `json:"since"`
	// How many seconds a question to Redis took of late. Missing: none was answered yet.
	Latency *float64 `json:"latency_seconds,omitzero"`
	// How many questions shared one round trip, on average.
	QuestionsPerTrip float64 `json:"questions_per_trip,omitzero"`
	// The life of the data in Redis.
	Epoch EpochStatus `json:"epoch"`
	// What is not shared now, and why. Empty: all is shared.
	Closed []ClosedStatus `json:"closed"`
	// What members should have in common, and have not.
	Differences []string `json:"differences"`
	// What hurts the fleet, in words, as readiness warns of it.
	Warnings []string `json:"warnings"`
	// The members, by name.
	Members []MemberStatus `json:"members"`
}

// EpochStatus is a life of the data in Redis: it ends when Redis loses something.
type EpochStatus struct {
	// Its number. 0: none is known.
	Number int64 `json:"number"`
	// When it began. Missing: it is not known.
	Since time.Time `json:"since,omitzero"`
	// Whether all members have stated in it what they know, so that Redis knows all.
	Complete bool `json:"complete"`
	// The members that have not.
	Missing []string `json:"missing"`
}

// ClosedStatus is a part that is not shared now.
type ClosedStatus struct {
	// The part: limits, signatures or freezes.
	What string `json:"what"`
	// What that means for calls.
	Means string `json:"means"`
	// Why it is so.
	Why string `json:"why"`
}

// MemberStatus is one member.
type MemberStatus struct {
	// Its name.
	Name string `json:"name"`
	// What is known of it: present, absent, stopped or never seen; unknown while this member does not reach Redis.
	State string `json:"state"`
	// Whether it has stated in this epoch what it knows.
	Joined bool `json:"joined"`
	// The version of its program.
	Version string `json:"version,omitzero"`
	// The hash of what members should have in common of their configurations.
	Plan string `json:"plan,omitzero"`
	// How many seconds ago its last sign of life came. Missing: none ever came.
	Lag *float64 `json:"lag_seconds,omitzero"`
	// How many seconds a question of its own took of late.
	Latency *float64 `json:"latency_seconds,omitzero"`
	// The version of the freezes that it has in force.
	Freezes int64 `json:"freezes,omitzero"`
	// Whether another member has newer ones in force.
	Behind bool `json:"behind,omitzero"`
	// Whether it is missing in `fleet.members` of the member that answers. Such a member is listed only while it is present.
	Unlisted bool `json:"unlisted,omitzero"`
}

// Fleet asks for the state of the fleet.
func (c *Client) Fleet(ctx context.Context) (*Fleet, error) {
	var f Fleet
	return &f, c.Do(ctx, http.MethodGet, "/v1/fleet", nil, &f)
}
