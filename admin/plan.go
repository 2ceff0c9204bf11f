package admin

import (
	"context"
	"net/http"
)

// PlanRequest asks for the plan that runs.
type PlanRequest struct{}

// Plan is what is allowed: the configuration that calls are decided by, without secrets.
type Plan struct {
	// The SHA-256 of the text. Records have its first 16 digits.
	ID string `json:"id"`
	// The text: canonical JSON, as docs/audit-format.md describes it.
	Text string `json:"text"`
}

// Plan asks for the plan that runs.
func (c *Client) Plan(ctx context.Context) (*Plan, error) {
	var p Plan
	return &p, c.Do(ctx, http.MethodGet, "/v1/plan", nil, &p)
}
