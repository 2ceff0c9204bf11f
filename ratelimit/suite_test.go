package ratelimit_test

import (
	"testing"

	"tollgate/ratelimit"
	"tollgate/ratelimit/limittest"
)

func TestSuite(t *testing.T) {
	limittest.Run(t, func(*testing.T) limittest.Limiter { return ratelimit.NewLimiter() })
}
