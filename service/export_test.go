package service

import (
	"context"
	"time"
)

// MaintainFreezesAt is one look of the background at freezes.
func (s *Service) MaintainFreezesAt(ctx context.Context, now time.Time) error {
	return s.maintainFreezesAt(ctx, now)
}
