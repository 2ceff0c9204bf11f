package service

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"tollgate/admin"
	"tollgate/audit/blobs"
)

// plan implements the act of [admin.API]. The text is read from where it was put before the plan was in force.
func (s *Service) plan(context.Context, admin.Peer, admin.PlanRequest) (*admin.Plan, error) {
	if _, over := s.starting.readiness(); !over {
		return nil, &admin.Error{Status: http.StatusServiceUnavailable, Text: "the gateway is starting: no plan is in force yet"}
	}
	id := s.planID()
	text, _, err := blobs.Read(os.DirFS(s.config.Load().Audit.Dir), id)
	if err != nil {
		return nil, fmt.Errorf("the text of the plan: %w", err)
	}
	return &admin.Plan{ID: id, Text: string(text)}, nil
}
