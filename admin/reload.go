package admin

import "time"

// ReloadRequest asks for a reload.
type ReloadRequest struct {
	// Whether only to say what would change.
	DryRun bool `json:"-" query:"dry_run"`
}

// Reloaded says what a reload changed, or would change.
type Reloaded struct {
	// Whether nothing was carried out.
	DryRun bool `json:"dry_run"`
	// What changed, in words. Empty: the gateway runs already what the files say.
	Changes []Change `json:"changes"`
	// The SHA-256 of the plan that runs after it.
	Plan string `json:"plan,omitempty"`
	// The SHA-256 of the plan before.
	PlanBefore string `json:"plan_before,omitempty"`
	// What is allowed but probably not meant, as `tollgate check` says it.
	Notes []string `json:"notes,omitempty"`
}

// Change is one difference between two configurations.
type Change struct {
	// The key of the configuration.
	Where string `json:"where"`
	// What differs, without secrets.
	Text string `json:"text"`
}

// StatusRequest asks how the gateway stands.
type StatusRequest struct{}

// Status is how a running gateway stands.
type Status struct {
	// The version of the program.
	Version string `json:"version"`
	// When the process was started.
	Started time.Time `json:"started"`
	// Whether it takes calls, and what warnings there are.
	Readiness Readiness `json:"readiness"`
}
