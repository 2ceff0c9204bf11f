package admin

// ReloadRequest asks for a reload.
type ReloadRequest struct {
	// Whether only to say what would change.
	DryRun bool `json:"-" query:"dry_run"`
}

// Reloaded says what a reload changed, or would change.
type Reloaded struct {
	// Whether nothing was carried out.
	DryRun bool `json:"dry_run"`
	// Whether the configuration is another one than before. Secrets and certificates are read again in any case.
	Changed bool `json:"changed"`
	// What differs, in words.
	Changes []Change `json:"changes"`
	// The limits whose counts begin at zero, since they count by something else than before.
	Reset []string `json:"reset,omitempty"`
	// The SHA-256 of the plan that runs after it.
	Plan string `json:"plan,omitempty"`
	// The SHA-256 of the plan before.
	PlanBefore string `json:"plan_before,omitempty"`
}

// Change is one difference between two configurations.
type Change struct {
	// The key of the configuration.
	Where string `json:"where"`
	// What differs, without secrets.
	Text string `json:"text"`
}
